"""An oracle of people who work with files: images to look at, and a CSV file to fill in.

In the trial's directory:

- `questions/to_label.csv` (index, image, label) and `questions/images/`: the current question;
- `answers.csv` (index, label): every accepted answer, written before it is removed from the question.
"""

import codecs
import csv
import io
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alframe._files import replace_file
from alframe.core.errors import AnswersNeeded, UserError

QUESTIONS, TO_LABEL, ANSWERS = "questions", "to_label.csv", "answers.csv"
SIDE = 112  # pixels: smaller images are enlarged by a whole factor until their shorter side has this size
MAX_PROBLEMS = 20  # problems in one message


@dataclass(frozen=True, eq=False)
class FilesOracle:
    """Answers with the labels that people wrote into a file, and asks for the missing ones.

    Attributes:
        directory: the trial's directory.
        images_N: (N, channels, height, width) uint8.
        class_names: C names.
    """

    directory: Path
    images_N: Any
    class_names: Sequence[str]

    questions_at_once = 100  # of an audit; each question file is another start of the command

    def label(self, index_Q: Tensor) -> Tensor:
        """Return (Q,) int64 in [0, C), the answers for `index_Q`.

        Raises:
            AnswersNeeded: some answers are missing; `questions/` then holds the question.
            UserError: some lines cannot be read. The message names them, and no file was changed.
        """
        wanted = index_Q.tolist()
        answers = self._collect(wanted)
        missing = [index for index in wanted if index not in answers]
        if missing:
            self._ask(missing)
            file = self.directory / QUESTIONS / TO_LABEL
            done = f"{len(wanted) - len(missing)} of {len(wanted)} are answered. " if answers else ""
            raise AnswersNeeded(
                f"waiting for {len(missing)} labels. {done}Fill in the column label of {file} (the images "
                f"are beside it; classes: {_listed(self.class_names)}), then run the same command again."
            )
        if self._indices_with_image() <= answers.keys():
            shutil.rmtree(self.directory / QUESTIONS, ignore_errors=True)
        return torch.tensor([answers[index] for index in wanted], dtype=torch.int64)

    def _collect(self, wanted: Sequence[int]) -> dict[int, int]:
        """Return all answers by index, after adding those of the question file to answers.csv."""
        kept_file, file = self.directory / ANSWERS, self.directory / QUESTIONS / TO_LABEL
        problems: list[str] = []
        kept = self._read(kept_file, problems)
        given = self._read(file, problems, asked={*wanted, *kept, *self._indices_with_image()}, kept=kept)
        if problems:
            more = f"; and {len(problems) - MAX_PROBLEMS} more" if len(problems) > MAX_PROBLEMS else ""
            raise UserError(
                f"oracle: some answers cannot be read: {'; '.join(problems[:MAX_PROBLEMS])}{more}. "
                "No file was changed. Correct these lines and run the same command again."
            )
        answers = kept | given
        if answers != kept:
            lines = [f"{index},{_quoted(self.class_names[label])}\n" for index, label in answers.items()]
            replace_file(kept_file, ["index,label\n", *lines])
        return answers

    def _indices_with_image(self) -> set[int]:
        """Return the indices whose images are in the question folder.

        After a restart the repeated question may be an earlier one than the folder's.
        """
        return {int(file.stem) for file in (self.directory / QUESTIONS / "images").glob("[0-9]*.png")}

    def _read(
        self,
        file: Path,
        problems: list[str],
        asked: set[int] | None = None,
        kept: dict[int, int] | None = None,
    ) -> dict[int, int]:
        """Return the answers in a file by index; add the lines that cannot be read to `problems`."""
        known = dict(kept or {})
        found: dict[int, int] = {}
        for number, index_text, label_text in _lines(file, problems):
            where = f"{file.name} line {number}"
            if not label_text:
                continue
            index, label = _whole(index_text), self._class_of(label_text)
            if index is None:
                problems.append(f"{where}: expected an index, got {index_text!r}")
            elif asked is not None and index not in asked:
                problems.append(f"{where}: index {index} was not asked")
            elif label is None:
                problems.append(f"{where}: expected one of {_listed(self.class_names)}, got {label_text!r}")
            elif known.setdefault(index, label) != label:
                before, now = self.class_names[known[index]], self.class_names[label]
                problems.append(f"{where}: index {index} was answered {before!r} before, now {now!r}")
            else:
                found[index] = label
        return found

    def _class_of(self, text: str) -> int | None:
        """Return the class of an answer: its name, its name in any case, or its number."""
        names = list(self.class_names)
        if text in names:
            return names.index(text)
        alike = [k for k, name in enumerate(names) if name.strip().lower() == text.lower()]
        if len(alike) == 1:
            return alike[0]
        number = _whole(text)
        if number is not None and str(number) in names:
            return names.index(str(number))
        return number if number is not None and 0 <= number < len(names) else None

    def _ask(self, missing: Sequence[int]) -> None:
        folder = self.directory / QUESTIONS
        images = folder / "images"
        images.mkdir(parents=True, exist_ok=True)
        for index in self._indices_with_image().difference(missing):
            (images / f"{index}.png").unlink()
        for index in missing:
            file = images / f"{index}.png"
            if not file.exists():
                replace_file(file, _png(torch.as_tensor(self.images_N[index])))
        lines = [f"{index},images/{index}.png,\n" for index in missing]
        replace_file(folder / TO_LABEL, ["index,image,label\n", *lines])


def _lines(file: Path, problems: list[str]) -> Iterator[tuple[int, str, str]]:
    """Yield (line number, index, label) as text; forms that spreadsheets write are understood too."""
    try:
        content = file.read_bytes()
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except FileNotFoundError:
        return
    except UnicodeDecodeError as error:
        problems.append(f"{file.name}: expected UTF-8 text, got {error.reason} at byte {error.start}")
        return
    head, _, rest = text.partition("\n")
    before = 0
    if head.lower().startswith("sep="):  # a spreadsheet's line that names the separator of the cells
        head, text, before = rest.partition("\n")[0], rest, 1
    delimiter = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        titles = [title.strip().lower() for title in next(rows, [])]
        if not {"index", "label"} <= set(titles):
            problems.append(
                f"{file.name} line {1 + before}: expected the columns index and label, got {titles}"
            )
            return
        at_index, at_label = titles.index("index"), titles.index("label")
        for row in rows:
            if any(cell.strip() for cell in row):
                cells = [*row, *[""] * (len(titles) - len(row))]
                yield rows.line_num + before, cells[at_index].strip(), cells[at_label].strip()
    except csv.Error as error:
        problems.append(f"{file.name} line {rows.line_num}: {error}")


_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _whole(text: str) -> int | None:
    """Return a whole number, or None; 3.0 counts as 3, because spreadsheets write it.

    >>> _whole("3.0"), _whole("3.5"), _whole("three")
    (3, None, None)
    """
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if math.isfinite(number) and number == int(number) else None


def _png(image: Tensor) -> bytes:
    """Return a (channels, height, width) uint8 image as PNG, enlarged by a whole factor if it is small."""
    from PIL import Image

    factor = max(1, math.ceil(SIDE / min(image.shape[1:])))
    large = image.repeat_interleave(factor, 1).repeat_interleave(factor, 2).numpy()
    content = io.BytesIO()
    Image.fromarray(large[0] if len(large) == 1 else large.transpose(1, 2, 0)).save(content, "PNG")
    return content.getvalue()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',;\t"\r\n') else text


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 12 else f"{', '.join(names[:10])} ... {names[-1]}"
