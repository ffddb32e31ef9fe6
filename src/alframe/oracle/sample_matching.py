"""Match the images that are there now with the samples of a trial, so that an answer stays with its image.

A file is the same image if its path, its size and its times of change are the same. If a time differs (files
were copied, or swapped), the content decides where its digest is known, which is so for every image that
people were asked about; else the size decides. A file that is gone is looked for under another name, by the
digest or, where that is unknown, by size, time and name of the file. Rows of arrays are matched by digest.

An image of the trial that is found nowhere is absent; an image that matches no sample is new.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from alframe.oracle.answer_store import Sample


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that is there now, before its number in the trial is known.

    Attributes:
        path, name, size, mtime_ns, ctime_ns: as in `Sample`.
        digest: returns the digest of the content; called only where it is needed.
    """

    path: bytes | None
    name: str
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
    pairs = _match_files(samples, images) if _are_files(samples, images) else _match_rows(samples, images)
    position_of = dict(pairs)
    taken = set(position_of.values())
    added = [position for position in range(len(images)) if position not in taken]
    now = [_now(each, images, position_of.get(each.number)) for each in samples]
    now += [_new(number, images[position]) for number, position in enumerate(added, len(samples))]
    removed = [each.number for each in samples if each.present and each.number not in position_of]
    paths = {images[position].path for position in added}
    return Matching(
        samples=now,
        positions=[position_of.get(number, -1) for number in range(len(samples))] + added,
        added=added,
        removed=removed,
        returned=[each.number for each in samples if not each.present and each.number in position_of],
        moved=[
            each.number
            for each in samples
            if each.number in position_of and each.path != images[position_of[each.number]].path
        ],
        replaced=[number for number in removed if samples[number].path in paths - {None}],
    )


def _are_files(samples: Sequence[Sample], images: Sequence[Image]) -> bool:
    paths = [sample.path for sample in samples] + [image.path for image in images]
    return None not in paths


def _match_files(samples: Sequence[Sample], images: Sequence[Image]) -> Iterable[tuple[int, int]]:
    """Yield (number of a sample, position of its image)."""
    position_at = {image.path: position for position, image in enumerate(images)}
    open_samples: list[Sample] = []
    free = set(range(len(images)))
    # Samples that were there last time come first: a path may have had several images.
    for sample in sorted(samples, key=lambda each: not each.present):
        position = position_at.get(sample.path)
        if position in free and _is_same(sample, images[position]):
            free.remove(position)
            yield sample.number, position
        else:
            open_samples.append(sample)
    by_size: dict[int | None, list[int]] = defaultdict(list)
    for position in sorted(free):
        by_size[images[position].size].append(position)
    for sample in open_samples:
        found = [position for position in by_size[sample.size] if _was_moved(sample, images[position])]
        if found and (sample.digest is not None or len(found) == 1):
            by_size[sample.size].remove(found[0])
            yield sample.number, found[0]


def _is_same(sample: Sample, image: Image) -> bool:
    """Return True if the file at the path of a sample still has its image."""
    if sample.size != image.size:
        return False
    untouched = (sample.mtime_ns, sample.ctime_ns) == (image.mtime_ns, image.ctime_ns)
    return untouched or sample.digest is None or sample.digest == image.digest()


def _was_moved(sample: Sample, image: Image) -> bool:
    """Return True if a file of the same size, at another path, has the image of a sample."""
    if sample.digest is not None:
        return sample.digest == image.digest()
    return sample.mtime_ns == image.mtime_ns and _file_name(sample.path) == _file_name(image.path)


def _file_name(path: bytes | None) -> str:
    return PurePosixPath((path or b"").decode("utf-8", "surrogateescape")).name


def _match_rows(samples: Sequence[Sample], images: Sequence[Image]) -> Iterable[tuple[int, int]]:
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
        path=image.path,
        name=image.name,
        size=image.size,
        mtime_ns=image.mtime_ns,
        ctime_ns=image.ctime_ns,
        present=True,
    )


def _new(number: int, image: Image) -> Sample:
    return Sample(
        number=number,
        path=image.path,
        name=image.name,
        size=image.size,
        mtime_ns=image.mtime_ns,
        ctime_ns=image.ctime_ns,
        digest=image.digest() if image.path is None else None,
    )
