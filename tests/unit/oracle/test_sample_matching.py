"""Images of today matched with the samples of a trial: whatever happens, an answer stays with its image."""

import itertools
import random
from dataclasses import dataclass, replace

import pytest

from alframe.oracle.sample_matching import Image, match


@dataclass(frozen=True)
class File:
    content: str
    mtime: int
    ctime: int


class Folder:
    """A folder in memory with the clock of a file system."""

    def __init__(self, **files: str) -> None:
        self.clock = itertools.count(100)
        self.files: dict[str, File] = {}
        for name, content in files.items():
            self.write(name, content)

    def write(self, name: str, content: str) -> None:
        now = next(self.clock)
        self.files[name] = File(content, now, now)

    def rename(self, old: str, new: str) -> None:
        self.files[new] = replace(self.files.pop(old), ctime=next(self.clock))

    def images(self) -> list[Image]:
        return [
            Image(
                name=name,
                size=len(file.content),
                mtime_ns=file.mtime,
                ctime_ns=file.ctime,
                digest=lambda file=file: f"digest of {file.content}",
            )
            for name, file in sorted(self.files.items())
        ]


def content_of(matching, folder):
    names = sorted(folder.files)
    return {
        number: folder.files[names[position]].content
        for number, position in enumerate(matching.positions)
        if position >= 0
    }


def asked(samples, folder, names):
    """Record digests, as a question about these files does."""
    return [
        replace(each, digest=f"digest of {folder.files[each.name].content}")
        if each.name in names and each.present
        else each
        for each in samples
    ]


@pytest.fixture
def folder():
    return Folder(a="aaaa", b="bbbb", c="cccc", d="dd")


@pytest.fixture
def samples(folder):
    return asked(match([], folder.images()).samples, folder, "abcd")


def test_a_new_trial_numbers_the_images_in_their_order(folder):
    matching = match([], folder.images())
    assert [each.name for each in matching.samples] == ["a", "b", "c", "d"]
    assert matching.positions == [0, 1, 2, 3]


def test_unchanged_images_need_no_digest(samples, folder):
    images = [replace(image, digest=pytest.fail) for image in folder.images()]
    matching = match(samples, images)
    assert matching.change() is None
    assert matching.samples == samples


def test_added_and_removed_files(samples, folder):
    folder.write("0", "new")
    del folder.files["b"]
    matching = match(samples, folder.images())
    assert content_of(matching, folder) == {0: "aaaa", 2: "cccc", 3: "dd", 4: "new"}
    assert matching.change() == "1 added, 1 removed"
    assert [each.present for each in matching.samples] == [True, False, True, True, True]


def test_renamed_and_swapped_files_of_one_size(samples, folder):
    folder.rename("a", "x")
    folder.rename("b", "y")
    folder.rename("y", "a")
    folder.rename("x", "b")
    matching = match(samples, folder.images())
    assert content_of(matching, folder) == {0: "aaaa", 1: "bbbb", 2: "cccc", 3: "dd"}
    assert matching.change() == "2 moved"


def test_a_file_with_another_content_is_another_image(samples, folder):
    folder.write("a", "AAAA")
    matching = match(samples, folder.images())
    assert content_of(matching, folder) == {1: "bbbb", 2: "cccc", 3: "dd", 4: "AAAA"}
    assert matching.change() == "1 replaced by another image"
    samples = asked(matching.samples, folder, "abcd")
    folder.write("a", "aaaa")
    back = match(samples, folder.images())
    assert content_of(back, folder)[0] == "aaaa"


def test_copied_files_have_other_times_and_are_the_same(samples, folder):
    for name, file in list(folder.files.items()):
        folder.write(name, file.content)
    assert match(samples, folder.images()).change() is None


def test_swapped_files_that_nobody_was_asked_about_are_followed_by_their_times():
    folder = Folder(**{f"{k}": f"aa{k}" for k in range(6)})
    samples = match([], folder.images()).samples
    folder.rename("0", "x")
    folder.rename("3", "0")
    folder.rename("x", "3")
    folder.write("5", "bbb")
    matching = match(samples, folder.images())
    assert content_of(matching, folder) == {k: f"aa{k}" for k in range(5)} | {6: "bbb"}
    assert matching.change() == "1 replaced by another image, 2 moved"


def test_swapped_files_of_one_time_are_other_images():
    folder = Folder(**{f"{k}": f"aa{k}" for k in range(6)})
    folder.files = {name: replace(file, mtime=7, ctime=7) for name, file in folder.files.items()}
    samples = match([], folder.images()).samples
    folder.rename("0", "x")
    folder.rename("3", "0")
    folder.rename("x", "3")
    matching = match(samples, folder.images())
    kept = {number: content for number, content in content_of(matching, folder).items() if number < 6}
    assert kept == {1: "aa1", 2: "aa2", 4: "aa4", 5: "aa5"}
    assert matching.change() == "2 replaced by another image"


def test_a_removed_image_that_comes_back_has_its_number(samples, folder):
    file = folder.files.pop("b")
    gone = match(samples, folder.images())
    folder.files["b"] = file
    back = match(gone.samples, folder.images())
    assert back.change() == "1 there again"
    assert back.positions == [0, 1, 2, 3]


def test_a_renamed_class_folder_keeps_images_that_nobody_was_asked_about():
    folder = Folder(**{"ant/1": "aa", "ant/2": "bb", "bee/1": "cc"})
    samples = match([], folder.images()).samples
    for name in ("ant/1", "ant/2"):
        folder.rename(name, name.replace("ant", "cow"))
    matching = match(samples, folder.images())
    assert content_of(matching, folder) == {0: "aa", 1: "bb", 2: "cc"}


def rows(*contents):
    return [Image(name=None, size=None, mtime_ns=None, ctime_ns=None, digest=lambda c=c: c) for c in contents]


def test_rows_of_arrays_are_found_in_any_order():
    samples = match([], rows("a", "b", "b", "c")).samples
    matching = match(samples, rows("c", "b", "x", "b", "a"))
    assert matching.positions == [4, 1, 3, 0, 2]
    assert matching.change() == "1 added"
    assert match(samples, rows("a", "b", "c")).change() == "1 removed"


@pytest.mark.parametrize("seed", range(60))
def test_after_any_acts_every_asked_image_is_found_or_absent(seed):
    act = random.Random(seed)
    folder = Folder(**{f"{k}": act.choice("abc") * act.choice((1, 2, 3)) + str(k) for k in range(8)})
    samples = match([], folder.images()).samples
    shown: dict[int, str] = {}
    for step in range(6):
        matching = match(samples, folder.images())
        samples, there = matching.samples, content_of(matching, folder)
        for number, content in shown.items():
            assert there.get(number, content) == content
            assert number in there or content not in {file.content for file in folder.files.values()}
        names = {each.name for each in samples if each.present and act.random() < 0.5}
        samples = asked(samples, folder, names)
        there = {each.number: each.name for each in samples if each.name in names and each.present}
        shown |= {number: folder.files[name].content for number, name in there.items()}
        for _ in range(act.randint(0, 3)):
            name = act.choice(sorted(folder.files))
            what = act.randrange(4)
            if what == 0:
                folder.write(
                    f"new {step} {act.randrange(99)}", f"{act.choice('abc')}{step}{act.randrange(999)}"
                )
            elif what == 1 and len(folder.files) > 3:
                del folder.files[name]
            elif what == 2:
                other = act.choice(sorted(folder.files))
                if other != name:
                    folder.rename(name, "tmp")
                    folder.rename(other, name)
                    folder.rename("tmp", other)
            else:
                folder.write(name, folder.files[name].content)
