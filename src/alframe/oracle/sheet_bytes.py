"""From the bytes of an answer sheet to its possible texts; files of other kinds are recognised."""

import codecs
import stat
from pathlib import Path

MAX_BYTES = 1 << 28  # 256 MB: a larger file is no answer sheet
_WORKBOOK = "a workbook (.xlsx, .ods or .numbers)"
_MAGIC = (
    (b"PK\x03\x04", _WORKBOOK),
    (b"PK\x05\x06", _WORKBOOK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook (.xls, or .xlsx with a password)"),
    (b"{\\rtf", "a document (.rtf)"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a compressed file (.gz)"),
    (b"\x89PNG", "a picture (.png)"),
    (b"\xff\xd8\xff", "a picture (.jpg)"),
    (b"SQLite format 3", "a database (SQLite)"),
    (b"PAR1", "a Parquet table"),
)
_MARKUP = (("<", "a web page or an XML file"), ("{", "a JSON file"), ("[", "a JSON file"))
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What programs that do not know UTF-8 write: Windows and macOS of Western countries first, then the others.
_OLDER = (
    "cp1252", "mac-roman", "latin-1", "cp850", "cp437", "iso8859-15", "cp1250", "cp1251", "cp1253", "cp1254",
    "mac-latin2", "cp866", "cp932", "gb18030", "big5", "cp949",
)  # fmt: skip


class NotASheet(Exception):
    """The file cannot be read as an answer sheet; the text is a sentence for people, without the file."""


def read_bytes(file: Path) -> bytes:
    """Return the content of a file.

    Raises:
        FileNotFoundError: there is no such file.
        NotASheet: it is no ordinary file, cannot be opened, or is a file of another kind.
    """
    try:
        status = file.stat()
        if stat.S_ISDIR(status.st_mode):
            raise NotASheet("expected a CSV file, got a directory. Move the directory away")
        if not stat.S_ISREG(status.st_mode):
            raise NotASheet("expected a CSV file, got a device or a pipe. Put an ordinary file in its place")
        if status.st_size > MAX_BYTES:
            raise NotASheet(f"expected a CSV file, got {status.st_size:,} bytes. Put the answer sheet back")
        content = file.read_bytes()
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise NotASheet(
            "the file cannot be opened (permission denied). Close it in other programs and allow reading it"
        ) from error
    except OSError as error:
        raise NotASheet(f"the file cannot be read ({error.strerror or error}). Check the disk") from error
    for magic, kind in _MAGIC:
        if content.startswith(magic):
            raise _another_kind(kind)
    return content


def possible_texts(content: bytes) -> list[str]:
    """Return the texts that bytes can mean: one, or several in different encodings if they are not Unicode.

    Raises:
        NotASheet: no encoding fits, or the text is no table.
    """
    encoding = _unicode_encoding(content)
    try:
        texts = [content.decode(encoding)]
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or content.startswith(codecs.BOM_UTF8):
            raise NotASheet(
                f"expected {encoding.upper()} text, got {error.reason} at byte {error.start}. "
                "The file is damaged. Save it again as CSV UTF-8"
            ) from error
        texts = _older_texts(content)
    texts = [text.lstrip("\ufeff").rstrip("\x1a") for text in texts]
    head = texts[0][:100].lstrip()
    for sign, kind in _MARKUP:
        if head.startswith(sign):
            raise _another_kind(kind)
    return texts


def _unicode_encoding(content: bytes) -> str:
    """Return the Unicode encoding that the first bytes show; the table's titles have few other letters."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return encoding
    head = content[:64]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if 3 * max(even, odd) >= len(head) and 4 * min(even, odd) <= max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def _older_texts(content: bytes) -> list[str]:
    """Return the different texts of bytes that are not UTF-8; latin-1 fits all bytes."""
    texts: list[str] = []
    for encoding in _OLDER:
        try:
            texts.append(content.decode(encoding))
        except UnicodeDecodeError:
            continue
    return list(dict.fromkeys(texts))


def _another_kind(kind: str) -> NotASheet:
    return NotASheet(
        f"expected a CSV file, got {kind} with the name of one. Open it in its program and save it as CSV "
        "under this name"
    )
