"""Match the images that are there now with the samples of a trial, so that an answer stays with its image.

A file is the same image if its path, its size and its times of change are the same. If a time differs (files
were copied, or swapped), the content decides where its digest is known, which is so for every image that
people were asked about. Of other images, a file that was renamed or swapped is found by size and time, and a
file with another time is another image, unless most files have other times: then the folder was copied, and
path and size decide. Rows of arrays are matched by digest.

An image of the trial that is found nowhere is absent; an image that matches no sample is new.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from alframe.oracle.answer_records import Sample


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that is there now, before its number in the trial is known.

    Attributes:
        name, size, mtime_ns, ctime_ns: as in `Sample`.
        digest: returns the digest of the content; called only where it is needed.
    """

    name: str | None
    size: int | None
    mtime_ns: int | None
    ctime_ns: int | None
    digest: Callable[[], str]


@dataclass(frozen=True, kw_only=True)
class Matching:
    """The samples of a trial as they are now, and where their images are.

    Attributes:
        samples: all samples of the trial in the order of their numbers, the new ones at the end.
        positions: for each sample the position of its image among those that are there now, -1 without one.
        added, removed, returned, moved, replaced: the numbers of samples, or positions in the case of
            `added`, that differ from the last time.
    """

    samples: list[Sample]
    positions: list[int]
    added: list[int]
    removed: list[int]
    returned: list[int]
    moved: list[int]
    replaced: list[int]

    def change(self) -> str | None:
        """Return in words how the images differ from the last time, or None if they do not.

        >>> nothing = {"returned": [], "moved": [], "replaced": []}
        >>> Matching(samples=[], positions=[], added=[7, 8], removed=[3], **nothing).change()
        '2 added, 1 removed'
        """
        counts = {
            "added": len(self.added) - len(self.replaced),
            "removed": len(self.removed) - len(self.replaced),
            "replaced by another image": len(self.replaced),
            "moved": len(self.moved),
            "there again": len(self.returned),
        }
        return ", ".join(f"{n:,} {what}" for what, n in counts.items() if n) or None


def match(samples: Sequence[Sample], images: Sequence[Image]) -> Matching:
    """Return the samples of a trial matched with the images that are there now.

    Args:
        samples: of the trial, in the order of their numbers; empty in a new trial.
        images: in the order of the data set.
    """
    is_folder = _are_files(samples, images)
    position_of = _match_files(samples, images) if is_folder else dict(_match_rows(samples, images))
    taken = set(position_of.values())
    added = [position for position in range(len(images)) if position not in taken]
    now = [_now(each, images, position_of.get(each.number)) for each in samples]
    now += [_new(number, images[position]) for number, position in enumerate(added, len(samples))]
    removed = [each.number for each in samples if each.present and each.number not in position_of]
    names = {images[position].name for position in added}
    return Matching(
        samples=now,
        positions=[position_of.get(number, -1) for number in range(len(samples))] + added,
        added=added,
        removed=removed,
        returned=[each.number for each in samples if not each.present and each.number in position_of],
        moved=[
            each.number
            for each in samples
            if each.number in position_of and each.name != images[position_of[each.number]].name
        ],
        replaced=[number for number in removed if samples[number].name in names - {None}],
    )


def _are_files(samples: Sequence[Sample], images: Sequence[Image]) -> bool:
    names = [sample.name for sample in samples] + [image.name for image in images]
    return None not in names


def _match_files(samples: Sequence[Sample], images: Sequence[Image]) -> dict[int, int]:
    """Return the position of the image of each sample that is there."""
    # Samples that were there last time come first: a path may have had several images.
    ordered = sorted(samples, key=lambda each: not each.present)
    found: dict[int, int] = {}
    for key in (_all_facts, _content_at_its_path, _content, _all_but_folder, _time, _path):
        free: dict[Any, deque[int]] = defaultdict(deque)
        open_samples = [each for each in ordered if each.number not in found]
        if not open_samples or (key is _path and not _was_copied(ordered, open_samples)):
            break
        sizes = {each.size for each in open_samples if each.digest is not None}
        for position in sorted(set(range(len(images))).difference(found.values())):
            free[key(images[position], sizes)].append(position)
        wanted = Counter(key(sample, sizes) for sample in open_samples)
        for sample in open_samples:
            facts = key(sample, sizes)
            # Time and size alone must fit one file: files from an archive may all have one time.
            if facts is None or (key is _time and (len(free[facts]), wanted[facts]) != (1, 1)):
                continue
            if free[facts]:
                found[sample.number] = free[facts].popleft()
    return found


def _was_copied(samples: Sequence[Sample], open_samples: Sequence[Sample]) -> bool:
    """Return True if most images that were there have other times, as after a copy of the folder."""
    there = sum(each.present for each in samples)
    return 2 * sum(each.present for each in open_samples) > there


# The keys by which samples and images are matched, the strictest first; None matches nothing. A digest is
# computed only for files that have the size of an image that people were asked about.


def _all_facts(each: Sample | Image, sizes: set[int | None]) -> Hashable:
    return each.name, each.size, each.mtime_ns, each.ctime_ns


def _content(each: Sample | Image, sizes: set[int | None]) -> Hashable:
    if isinstance(each, Sample):
        return each.digest
    return each.digest() if each.size in sizes else None


def _content_at_its_path(each: Sample | Image, sizes: set[int | None]) -> Hashable:
    content = _content(each, sizes)
    return None if content is None else (each.name, content)


def _of_unknown(each: Sample | Image, *facts: Hashable) -> Hashable:
    """Return facts, or None for a sample whose digest is known: only that decides."""
    return None if isinstance(each, Sample) and each.digest is not None else facts


def _all_but_folder(each: Sample | Image, sizes: set[int | None]) -> Hashable:
    return _of_unknown(each, PurePosixPath(each.name or "").name, each.size, each.mtime_ns, each.ctime_ns)


def _time(each: Sample | Image, sizes: set[int | None]) -> Hashable:
    return _of_unknown(each, each.size, each.mtime_ns)


def _path(each: Sample | Image, sizes: set[int | None]) -> Hashable:
    return _of_unknown(each, each.name, each.size)


def _match_rows(samples: Sequence[Sample], images: Sequence[Image]) -> Iterator[tuple[int, int]]:
    free: dict[str, deque[int]] = defaultdict(deque)
    for position, image in enumerate(images):
        free[image.digest()].append(position)
    unmatched = []
    for sample in samples:
        at = free.get(sample.digest or "", deque())
        if sample.number in at:
            at.remove(sample.number)
            yield sample.number, sample.number
        else:
            unmatched.append(sample)
    for sample in unmatched:
        if same := free.get(sample.digest or ""):
            yield sample.number, same.popleft()


def _now(sample: Sample, images: Sequence[Image], position: int | None) -> Sample:
    """Return the row of a sample as it is now."""
    if position is None:
        return replace(sample, present=False)
    image = images[position]
    return replace(
        sample,
        name=image.name,
        size=image.size,
        mtime_ns=image.mtime_ns,
        ctime_ns=image.ctime_ns,
        present=True,
    )


def _new(number: int, image: Image) -> Sample:
    return Sample(
        number=number,
        name=image.name,
        size=image.size,
        mtime_ns=image.mtime_ns,
        ctime_ns=image.ctime_ns,
        digest=image.digest() if image.name is None else None,
    )
