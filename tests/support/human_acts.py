"""A person labels a folder of images with `oracle=files` and does what people do, in random order.

    python tests/support/human_acts.py [--sequences 300] [--seed 0]

Acts: answer, answer wrongly, change an answer, delete rows, add, remove, rename, swap and replace files, kill
the process, go on. Each start of the trial is checked: every stored answer is on the image for which it was
given, nothing acknowledged is lost, every picture shows the image of its line, and labels.csv says what the
store says. Prints one JSON object.
"""

import argparse
import contextlib
import csv
import hashlib
import json
import os
import random
import signal
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from alframe.core.errors import AnswersNeeded, UserError
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.class_names import answer_text
from alframe.trial.run import Replacements, run_trial
from tests.support.helpers import config_of

NAMES = ("ant", "bee", "01")
ANSWERS = (*NAMES, "?", "-")
SETTINGS = (
    "data=folder",
    "data.path=images",
    "data.class_names=[ant,bee,01]",
    "oracle=files",
    "tracker=none",
    "initial.num=6",
    "query.num=5",
    "stopping.min_rounds=1",
    "stopping.max_rounds=4",
    "learner.steps=2",
    "learner.steps_growth=0",
    "threads=1",
    "device=cpu",
    "precision=float32",
    "learner.scoring_batch_size=64",
    "remainder=auto",
    "check.num=5",
)


def content(file: Path) -> str:
    """Return what identifies a picture: a hash of its pixels."""
    with Image.open(file) as image:
        return hashlib.sha256(np.asarray(image.convert("L")).tobytes()).hexdigest()[:12]


class Sitting:
    """A folder of images, a trial, and what a person has done with them."""

    def __init__(self, root: Path, seed: int) -> None:
        self.random, self.root = random.Random(seed), root
        self.images, self.trial = root / "images", root / "trial"
        self.images.mkdir()
        self.made = 0
        for _ in range(24):
            self.add()
        self.config = config_of(*SETTINGS, f"seed={seed}", f"data_dir={root}")
        self.typed: dict[str, str] = {}  # content: the answer typed last, not yet acknowledged
        self.edited: dict[str, str] = {}  # the same for answers.csv
        self.given: dict[str, str] = {}  # content: the answer that counts
        self.acts: list[str] = []
        self.finished = False

    # --- acts on the files

    def add(self) -> None:
        """Add an image."""
        self.made += 1
        pixels = np.random.default_rng(self.random.getrandbits(32)).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(self.images / f"img{self.made}.bmp")  # all files have one size

    def files(self) -> list[Path]:
        """Return the images, in random order."""
        found = sorted(self.images.iterdir())
        self.random.shuffle(found)
        return found

    def remove(self) -> None:
        """Remove an image."""
        if len(files := self.files()) > 12:
            files[0].unlink()

    def rename(self) -> None:
        """Give an image another name."""
        self.files()[0].rename(self.images / f"{self.random.randrange(10**6)}.bmp")

    def swap(self) -> None:
        """Swap the names of two images."""
        one, two = self.files()[:2]
        between = one.with_suffix(".tmp")
        one.rename(between)
        two.rename(one)
        between.rename(two)

    def replace(self) -> None:
        """Write another image over one."""
        target = self.files()[0]
        self.add()
        (self.images / f"img{self.made}.bmp").rename(target)

    def copy_all(self) -> None:
        """Copy the images: other times, other inodes."""
        for file in self.images.iterdir():
            file.write_bytes(file.read_bytes())

    # --- acts on the sheets

    def answer(self, wrong: float = 0.1, share: float = 0.7) -> None:
        """Fill in some lines of the sheet, looking at the pictures."""
        sheet = self.trial / "questions" / "to_label.csv"
        rows = read(sheet)
        for row in rows:
            if self.random.random() < share:
                seen = content(sheet.parent / row["image"])
                # A start that was killed may have shown a question that no check has seen.
                assert self.shown.setdefault(int(row["index"]), seen) == seen, row
                row["label"] = self.label_of(seen, wrong)
                self.typed[seen] = row["label"]
        if self.random.random() < 0.3:
            self.random.shuffle(rows)
        if len(rows) > 1 and self.random.random() < 0.2:  # a deleted row is asked again
            gone = rows.pop()
            if gone["label"]:
                del self.typed[content(sheet.parent / gone["image"])]
        write(sheet, rows)

    def label_of(self, seen: str, wrong: float) -> str:
        """Return the class that a picture has, or another answer."""
        right = NAMES[int(seen, 16) % 3]
        return self.random.choice(ANSWERS) if self.random.random() < wrong else right

    def change(self) -> None:
        """Change an answer in answers.csv."""
        rows = read(self.trial / "answers.csv")
        with self.store() as store:
            digests = self.contents_by_number(store)
        for row in self.random.sample(rows, min(2, len(rows))):
            row["label"] = self.random.choice(ANSWERS)
            self.edited[digests[int(row["index"])]] = row["label"]
        write(self.trial / "answers.csv", rows)

    def delete_rows(self) -> None:
        """Delete rows of answers.csv, or the file."""
        file = self.trial / "answers.csv"
        rows = read(file)
        kept = [row for row in rows if self.random.random() < 0.7]
        if self.random.random() < 0.2:
            file.unlink()
            kept = []
        elif kept:
            write(file, kept)
        else:
            return
        for row in rows:
            if row not in kept:  # an edit in a deleted row is gone, which its author knows
                self.edited.pop(self.shown[int(row["index"])], None)

    # --- the trial

    def store(self) -> AnswerStore:
        """Open the store of answers."""
        return AnswerStore(self.trial)

    def contents_by_number(self, store: AnswerStore) -> dict[int, str]:
        """Return what each sample that was asked about showed, from what was seen in the pictures."""
        return {number: seen for number, seen in self.shown.items() if number in store.asked()}

    shown: dict[int, str]

    def go_on(self) -> None:
        """Start the trial again and check everything."""
        with warnings.catch_warnings(), contextlib.suppress(AnswersNeeded):
            warnings.simplefilter("ignore")
            run_trial(self.config, self.trial, replacements=Replacements(console=None))
            self.finished = True
        self.given |= self.typed | self.edited
        self.typed.clear()
        self.edited.clear()
        self.check()

    def kill(self) -> None:
        """Start the trial and kill it at a random moment; what it took in is not known."""
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                warnings.simplefilter("ignore")
                run_trial(self.config, self.trial, replacements=Replacements(console=None))
            os._exit(0)
        time.sleep(self.random.random() * 0.4)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    def check(self) -> None:
        """Check the store, the pictures and labels.csv against what the person saw and typed."""
        if not hasattr(self, "shown"):
            self.shown = {}
        names = {}
        with self.store() as store:
            samples, answers, classes = store.samples(), store.answers(), store.classes()
        for each in samples:
            names[each.number] = each.name
            if each.number in self.shown and each.present:
                assert content(self.images / each.name) == self.shown[each.number], each
        if not self.finished:
            for row in read(self.trial / "questions" / "to_label.csv"):
                seen, number = content(self.trial / "questions" / row["image"]), int(row["index"])
                assert seen == content(self.images / row["file"]), row
                assert self.shown.setdefault(number, seen) == seen, row
                assert names[number] == row["file"]
        stored = {self.shown[number]: answer_text(each.answer, classes) for number, each in answers.items()}
        assert stored == self.given, (stored, self.given)
        labels = {int(row["index"]): row for row in read(self.trial / "labels_by_name.csv")}
        for number, each in answers.items():
            assert labels[number]["class"] == answer_text(each.answer, classes), labels[number]
        hand = {number for number, row in labels.items() if row["source"] not in ("none", "auto")}
        assert hand == answers.keys()

    def run(self, n_acts: int = 14) -> None:
        """Do random acts until the trial is finished, and finish it."""
        self.shown = {}
        self.go_on()
        acts = {
            self.answer: 8, self.change: 2, self.delete_rows: 1, self.add: 1, self.remove: 1, self.rename: 1,
            self.swap: 1, self.replace: 1, self.copy_all: 0.3, self.kill: 1,
        }  # fmt: skip
        for _ in range(n_acts):
            for act in self.random.choices(list(acts), acts.values(), k=self.random.randint(1, 3)):
                if (self.trial / "answers.csv").exists() or act not in (self.change, self.delete_rows):
                    self.acts.append(act.__name__)
                    act()
            self.acts.append("go_on")
            self.go_on()
            if self.finished:
                return
        for _ in range(30):
            self.answer(share=1.0)
            self.go_on()
            if self.finished:
                return
        raise AssertionError("the trial does not end")


def read(file: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file; none if it is missing."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return list(csv.DictReader(lines))


def write(file: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as a spreadsheet does: numbers lose their zeros."""
    if not rows:
        return
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "label": row["label"].lstrip("0")} for row in rows)


def sequence(seed: int) -> Sitting:
    """Run one random sequence in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        sitting = Sitting(Path(folder), seed)
        try:
            sitting.run()
        except (AssertionError, UserError) as error:
            raise AssertionError(f"seed {seed} after {sitting.acts}: {error}") from error
    return sitting


def main() -> None:
    """Run many sequences and print how many acts they had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    counts: dict[str, int] = {}
    started = time.time()
    for seed in range(wanted.seed, wanted.seed + wanted.sequences):
        for act in sequence(seed).acts:
            counts[act] = counts.get(act, 0) + 1
    seconds = round(time.time() - started)
    print(json.dumps({"sequences": wanted.sequences, "seconds": seconds, "acts": counts}))


if __name__ == "__main__":
    main()
