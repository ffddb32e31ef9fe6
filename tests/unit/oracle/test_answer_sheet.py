"""Answer sheets as people and spreadsheets leave them: every form is read, or a sentence says what to do."""

import os
import random
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alframe.oracle.answer_sheet import COLUMNS, read_sheet, write_sheet_lines

NAMES = ("cat", "Dog", "Käse", "a, b", "01", "=x")
HEAD = "index,file,picture,label\n"
ROWS = (("4", "a.png", "images/4.png", "cat"), ("1", "ä.png", "images/1.png", "Käse"))
TEXT = HEAD + "".join(",".join(row) + "\n" for row in ROWS)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "to_label.csv"


def read(file, content, names=NAMES):
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_sheet(file, names)


def cells(sheet):
    return [(row.index, row.file, row.label) for row in sheet.rows]


def answers(sheet):
    return {row.index: row.label for row in sheet.rows}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (TEXT, [(2, "4", "a.png", "cat"), (3, "1", "ä.png", "Käse")]),
        ("index,image,label\n4,images/4.png,cat\n1,images/1.png,\n", [(2, "4", "", "cat"), (3, "1", "", "")]),
        ("sep=;\nindex;label\n4;cat", [(3, "4", "", "cat")]),
        ('"sep=,"\r\nindex,label\r\n\r\n4,cat\r\n,,\r\n', [(4, "4", "", "cat")]),
        ("sep=^\nindex^label\n4^cat\n", [(3, "4", "", "cat")]),
        ("Tabelle 1;;\n\n LABEL ;Note;Index\ncat;;4\n;;1.0\n", [(4, "4", "", "cat"), (5, "1.0", "", "")]),
        ("index\tlabel\tfile\t\t\r4\tcat\ta b.png\t\t\r", [(2, "4", "a b.png", "cat")]),
        ('index,label\n4,"two\nlines"\n1,"a ""b"""\n', [(2, "4", "", "two\nlines"), (4, "1", "", 'a "b"')]),
        (HEAD + "4,,,cat\n" + HEAD + "1,,,Dog\n", [(2, "4", "", "cat"), (4, "1", "", "Dog")]),
        ("index,label,mine\n4,cat,sharp\n1,,dull\n2\n", [(2, "4", "", "cat"), (3, "1", "", ""),
         (4, "2", "", "")]),
        ("index|label\n 4 | cat \n", [(2, "4", "", " cat ")]),
        (HEAD + "4,,,a, b\n1,,,a, b,,\n", [(2, "4", "", "a, b"), (3, "1", "", "a, b")]),
        (HEAD + "4,,,cat,blurred\n", [(2, "4", "", "cat")]),
        # A spreadsheet that expects semicolons shows each line in one cell.
        ("index,file,picture,label;\n4,a.png,p,;cat\n1,b.png,p,;\n",
         [(2, "4", "a.png", "cat"), (3, "1", "b.png", "")]),
        ('"index,file,picture,label"\n"4,a.png,p,""a, b"""\n', [(2, "4", "a.png", "a, b")]),
        (TEXT.split("\n")[0] + "\n", []),
    ],
)  # fmt: skip
def test_forms_that_are_read(file, text, rows):
    sheet = read(file, text)
    assert sheet.problems == ()
    assert [(row.line, row.index, row.file, row.label) for row in sheet.rows] == rows


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "mac-roman",
     "cp850"],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_that_are_read(file, encoding, end):
    sheet = read(file, TEXT.replace("\n", end).encode(encoding))
    assert cells(sheet) == [("4", "a.png", "cat"), ("1", "ä.png", "Käse")]
    assert sheet.problems == ()


def test_an_old_encoding_that_is_in_doubt_is_refused_only_where_it_matters(file):
    assert cells(read(file, TEXT.replace("Käse", "Dog").encode("cp1252")))[1] == ("1", "ä.png", "Dog")
    sheet = read(file, TEXT.encode("cp1252"), ("Käse", "Kдse", "cat"))  # the same byte in cp1252 and cp1251
    assert sheet.problems == (
        "to_label.csv: expected UTF-8 text, got other bytes in the label of line 3. Save it as CSV UTF-8",
    )
    assert cells(read(file, TEXT.encode("cp1252"), ()))[1] == ("1", "ä.png", "Käse")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty. Undo"),
        (b"\xef\xbb\xbf\r\n,,,\r\n", "the file is empty. Undo"),
        (b"\0" * 300, "the file is empty. Undo"),
        (b"index,label\n4,cat\n1,\0\0\0", "line 3: expected text, got damaged bytes"),
        ("index,label\n".encode("utf-16") + b"x" + "4,cat\n".encode("utf-16-le") + b"x", "got damaged bytes"),
        (b"index,label\n1,\xff\n", "expected UTF-8 text, got other bytes in the label of line 2"),
        (b"\xff\xfei\0n\0d", "expected UTF-16-LE text, got truncated data at byte 6"),
        (b"PK\x03\x04\x14\0\6\0", r"got a workbook \(.xlsx, .ods or .numbers\) .* save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"got a workbook \(.xls"),
        (b" <!DOCTYPE html><table>", "got a web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>', "got a web page or an XML file"),
        (b'[{"index": 1, "label": 2}]', "got a JSON file"),
        (b"{\\rtf1\\ansi index,label}", "got a document"),
        (b"%PDF-1.7", "got a PDF"),
        (b"4,a.png,p,cat\n", "line 1: the header is missing. Write a line above it: index,file,image,label"),
        (b"4;a.png;p;cat\n", "line 1: the header is missing"),
        (b"number,answer\n1,2\n", "line 1: expected the columns index and label, got 'number', 'answer'"),
        (b"index,label,label\n1,cat,\n", "line 1: expected one column label, got more"),
        (b'index,label\n4,cat\n1,"cat\n2,Dog\n', "line 3: expected cells with matching double quotes"),
        (b"index,label\n4,cat\n1," + b"x" * 140_000, r"line 3: expected cells .* \(field larger than"),
        (HEAD + "4,a.png,cat,\n", "line 2: the answer 'cat' seems to be in column picture. Move it"),
        (HEAD + "dog,a.png,p,\n", "line 2: the answer 'dog' seems to be in column index. Move it"),
        (HEAD + "4,?,p,\n1,,,cat\n", r"line 2: the answer '\?' seems to be in column file. Move it"),
        ("index,image,label\n4,1,\n", "line 2: the answer '1' seems to be in column image"),
        (HEAD + "4,a.png,p,,cat\n", "line 2: the answer 'cat' seems to be behind the last column. Move it"),
        (HEAD + "4,a.png,p,,cow\n", "line 2: the answer 'cow' seems to be behind the last column. Move it"),
        ("index,label,answer\n4,,cat\n", "line 2: the answer 'cat' seems to be in column answer. Move it"),
        (HEAD + "4,a.png,p,01,5\n", "line 2: expected one cell for the label, got '01,5'"),
        (HEAD + "4,a.png,p,a, c\n", "line 2: expected one cell for the label, got 'a, c'"),
    ],
)
def test_forms_that_are_refused_with_the_way_out(file, content, sentence):
    sheet = read(file, content)
    assert len(sheet.problems) == 1
    assert sheet.problems[0].startswith("to_label.csv")
    assert re.search(sentence, sheet.problems[0])


def test_no_file_is_an_empty_sheet(file):
    sheet = read_sheet(file, NAMES)
    assert (sheet.rows, sheet.problems) == ((), ())
    assert read_sheet(file / "no" / "directory.csv", NAMES).rows == ()


def test_what_is_no_ordinary_file_is_refused(file, tmp_path, monkeypatch):
    file.mkdir()
    assert read_sheet(file).problems == (
        "to_label.csv: expected a CSV file, got a directory. Move the directory away",
    )
    os.mkfifo(tmp_path / "pipe.csv")
    assert "got a device or a pipe" in read_sheet(tmp_path / "pipe.csv").problems[0]
    loop = tmp_path / "loop.csv"
    loop.symlink_to(loop)
    assert "the file cannot be read" in read_sheet(loop).problems[0]
    file.rmdir()
    file.write_text(TEXT)
    monkeypatch.setattr("alframe.oracle.sheet_bytes.MAX_BYTES", 9)
    assert "bytes. Put the answer sheet back" in read_sheet(file).problems[0]


def test_a_file_that_may_not_be_opened_is_named(file, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    file.write_text(TEXT)
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    assert "cannot be opened (permission denied). Close it in other programs" in read_sheet(file).problems[0]


@pytest.mark.parametrize(
    ("name", "filled", "told"),
    [
        ("to_label.xlsx", True, "Save it as CSV over to_label.csv"),
        ("to_label.XLS", True, "Save it as CSV over"),
        ("to_label (1).ods", True, "Save it as CSV over"),
        ("Book1.xlsx", False, "Save it as CSV over"),
        ("Book1.xlsx", True, ""),
        ("to_label.numbers", False, "Save it as CSV over"),
        ("To_Label.txt", True, "Rename it to to_label.csv"),
        ("to_label (1).csv", True, "Rename it to to_label.csv"),
        ("labels.csv", False, ""),
        ("~$to_label.xlsx", False, ""),
        (".~lock.to_label.csv#", False, ""),
        (".to_label.xlsx", False, ""),
        ("to_label.png", False, ""),
    ],
)
def test_a_newer_table_beside_the_sheet_is_told(file, name, filled, told):
    other = file.with_name(name)
    other.write_bytes(b"PK\x03\x04")
    text = TEXT if filled else HEAD + "4,a.png,p,\n"
    saved = read(file, text).rows and file.stat().st_mtime_ns
    for seconds, problem in ((-1, ""), (1, told)):
        os.utime(other, ns=(saved, saved + seconds * 10**9))
        problems = read_sheet(file, NAMES).problems
        assert len(problems) == bool(problem)
        assert all(f"{name} is newer than to_label.csv" in each and problem in each for each in problems)


def test_a_copy_of_the_sheet_is_not_told_and_a_workbook_without_a_sheet_is(file):
    read(file, TEXT)
    os.utime(file, (1, 1))
    file.with_name("to_label copy.csv").write_text(TEXT)
    assert read_sheet(file, NAMES).problems == ()
    file.unlink()
    file.with_name("to_label.xlsx").write_bytes(b"PK\x03\x04")
    assert "Save it as CSV over to_label.csv" in read_sheet(file, NAMES).problems[1]


CELL = st.text("aZä語–=+-@,;\t|'\" \n.1🙂", max_size=6).map(str.strip)
ODD = (
    "=1+1",
    "+x",
    "-x",
    "@x",
    "-",
    "?",
    'say "no"',
    "a;b",
    "a\tb",
    "1,5",
    " x",
    "01",
    "TRUE",
    "#x",
    "sep=;",
)


@given(st.lists(st.tuples(CELL, CELL, CELL | st.sampled_from(ODD)), max_size=5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_again(file, rows):
    texts = [(str(k), *row) for k, row in enumerate(rows)]
    sheet = read(file, "".join(write_sheet_lines(texts)), ())
    assert cells(sheet) == [(index, name, label) for index, name, _, label in texts]
    assert sheet.problems == ()


def test_a_sheet_as_text():
    lines = list(write_sheet_lines([("4", "a.png", "images/4.png", ""), ("1", "=x", "p", "a, b")]))
    assert lines == ["index,file,image,label\n", "4,a.png,images/4.png,\n", '1,"=x",p,"a, b"\n']
    assert next(iter(write_sheet_lines([], ["Käse"]))) == next(iter(write_sheet_lines([("ä",)]))) == "\ufeff"
    assert list(write_sheet_lines([("\udcff", "x")], columns=("file", "label")))[1] == "\\udcff,x\n"
    assert "".join(write_sheet_lines([("1", '"', " x", "-")])).encode() == (
        b'index,file,image,label\n1,""""," x","-"\n'
    )


def dialect(rows, rng):
    """Return rows as some spreadsheet would save them, and the encoding in which it would."""
    delimiter, end = rng.choice(",;\t"), rng.choice(["\n", "\r\n", "\r"])
    order, extra = rng.sample(range(4), 4), rng.randrange(3)
    always = rng.random() < 0.3

    def line(cells):
        texts = [*(cells[k] for k in order), *[""] * extra]
        quoted = ['"' + t.replace('"', '""') + '"' if always or set(t) & set(',;\t"\n') else t for t in texts]
        return delimiter.join(quoted) + end

    title = rng.choice([str.title, str.upper, "{} ".format, str])
    head = rng.choice(["", f"sep={delimiter}{end}", end])
    encoding = rng.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "mac-roman"])
    return (head + "".join(line(cells) for cells in (list(map(title, COLUMNS)), *rows))), encoding


@pytest.mark.parametrize("seed", range(80))
def test_any_dialect_and_encoding_gives_the_same_answers(file, seed):
    rng = random.Random(seed)
    names = rng.sample(
        ["cat", "Käse", "crème, brûlée", "Ñandú", "x;y", 'in"ch', "-x", "01", "ß", "Æ–", "?a"], 5
    )
    rows = [
        (str(k), rng.choice(["a.png", "é,ü.jpg", "b;c.png"]), "p/q.png", rng.choice(names)) for k in range(9)
    ]
    text, encoding = dialect(rows, rng)
    sheet = read(file, text.encode(encoding), names)
    assert (answers(sheet), sheet.problems) == ({row[0]: row[3] for row in rows}, ())


@pytest.mark.parametrize("seed", range(8))
def test_damaged_sheets_give_rows_or_sentences_and_no_error(file, seed):
    rng = random.Random(seed)
    for _ in range(25):
        text, encoding = dialect(ROWS, rng)
        content = bytearray(text.encode(encoding) if rng.random() < 0.8 else rng.randbytes(rng.randrange(80)))
        for _ in range(rng.randrange(6)):
            place = rng.randrange(len(content) + 1)
            piece = rng.choice([rng.randbytes(1), b'"', b"\0", b"\r", b"\n", b",", b"", b"\xff\xfe", b"sep="])
            content[place : place + rng.randrange(3)] = piece
        sheet = read(file, bytes(content))
        assert all("\n" not in problem and problem.startswith("to_label.csv") for problem in sheet.problems)
        assert all(isinstance(row.label, str) and row.line > 0 for row in sheet.rows)
