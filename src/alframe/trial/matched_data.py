"""The answers of people and the images that they belong to, when a trial starts or goes on.

Each start lists the images anew. They are matched with the samples of the trial, so that an index means the
same image as long as the trial lasts, whatever was added, removed, renamed or sorted in the meantime.
"""

import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from alframe.core.errors import TrialNotice, UserError
from alframe.core.loop import RoundResult
from alframe.data import ImageDataset, MappedImages
from alframe.data.identity import content_digest, unread
from alframe.oracle.answer_records import Sample
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.sample_matching import Image, Matching, match
from alframe.trial.matched_classes import matched_classes
from alframe.trial.settings import TrialSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class MatchedData:
    """The data of a trial whose oracle is people.

    Attributes:
        dataset: its index is the number of the sample in the store.
        member_N: bool, the samples that take part: those that are there, and not left out by `data.limit`.
        change: how the images differ from the last time, in words, or None.
    """

    dataset: ImageDataset
    member_N: Tensor
    change: str | None


def match_data(
    store: AnswerStore,
    dataset: ImageDataset,
    settings: TrialSettings,
    first_members: Callable[[ImageDataset], Tensor],
    *,
    ended: bool,
    in_place: bool,
) -> MatchedData:
    """Return the data set in the order of the trial's samples, and write new samples and classes down.

    Args:
        store: of the trial; without samples in a new trial.
        first_members: returns the members of a new trial, bool.
        ended: the rounds have ended, so that new images can no longer take part.
        in_place: the images must be the same in the same order, because a caller uses their indices.

    Raises:
        UserError: the images cannot be matched, or too few are left.
    """
    before = store.samples()
    images = [image_now(dataset, index) for index in range(len(dataset))]
    if isinstance(dataset.images_N, MappedImages):
        matching = _in_place(before, images)
    else:
        matching = match(before, images)
    change = matching.change() if before else None
    if before and in_place and matching.positions != list(range(len(before))):
        raise UserError(
            "directory: expected the images that the trial there started with, in the same order, since "
            f"indices refer to them; got {change or 'another order'}. Give the same array. The answers are "
            "kept."
        )
    if before and ended and matching.added:
        matching = _without_added(matching)
    joins = settings.limit is None and not ended
    if before:
        _check_there(before, matching, change, store.answers().keys(), joins=joins)
    names = matched_classes(store, dataset, ended=ended)
    arranged = dataset.arranged(matching.positions, names, lost=_lost(matching))
    samples = matching.samples
    if not before:
        members = first_members(arranged).tolist()
    else:
        members = [*(each.member for each in before), *[joins] * (len(samples) - len(before))]
    samples = [replace(each, member=member) for each, member in zip(samples, members, strict=True)]
    unchanged = dict(enumerate(before))
    store.put_samples(each for each in samples if unchanged.get(each.number) != each)
    member_N = torch.tensor([each.member and each.present for each in samples])
    if change is not None:
        warnings.warn(_told(change, matching, ended=ended, joins=joins), TrialNotice, stacklevel=2)
    return MatchedData(dataset=arranged, member_N=member_N, change=change)


def start_with_members(start: RoundResult, member_N: Tensor) -> RoundResult:
    """Return the last result of a trial, for a data set with samples added, removed or there again."""
    if torch.equal(start.ledger.member_N, member_N):
        return start
    left = start.left
    return replace(
        start,
        ledger=start.ledger.resized(member_N),
        validation_V=start.validation_V[member_N[start.validation_V]],
        left=None if left is None else left.at(member_N[left.index_P]),
    )


def image_now(dataset: ImageDataset, index: int) -> Image:
    """Return what identifies an image of a data set.

    Raises:
        UnreadableImages: its file is gone or closed to the user.
        TrialError: the disk has failed.
    """
    digest = partial(content_digest, dataset, index)
    if dataset.paths_N is None or dataset.files_N is None:
        return Image(name=None, size=None, mtime_ns=None, ctime_ns=None, digest=digest)
    path = dataset.paths_N[index]
    try:
        facts = path.stat()
    except OSError as error:
        raise unread(path, error, len(dataset)) from error
    return Image(
        name=dataset.files_N[index],
        size=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
        ctime_ns=facts.st_ctime_ns,
        digest=digest,
    )


def _in_place(before: Sequence[Sample], images: Sequence[Image]) -> Matching:
    """Return the matching of images that stay in one large file, which is not read as a whole.

    Raises:
        UserError: their number, or an image that people were asked about, is another one.
    """
    wrong = len(before) not in (0, len(images)) or any(
        each.digest is not None and each.digest != images[each.number].digest() for each in before
    )
    if wrong:
        raise UserError(
            "data.path: expected the file that the trial started with, but its images are others or in "
            "another order. Restore it, or write data.in_memory=true, so that the images can be compared. "
            "The answers are kept."
        )
    if before:
        samples = list(before)
    else:
        samples = [
            Sample(number=number, name=None, size=None, mtime_ns=None, ctime_ns=None, digest=None)
            for number in range(len(images))
        ]
    return Matching(
        samples=samples,
        positions=list(range(len(images))),
        added=[],
        removed=[],
        returned=[],
        moved=[],
        replaced=[],
    )


def _check_there(
    before: Sequence[Sample],
    matching: Matching,
    change: str | None,
    answered: Collection[int],
    *,
    joins: bool,
) -> None:
    """Raise `UserError` if the images are not those of the trial, before anything is written down.

    Args:
        answered: the samples with an answer. joins: new images take part.
    """
    there = {each.number for each in before if matching.positions[each.number] >= 0}
    n_members = sum(before[number].member for number in there) + joins * len(matching.added)
    if there and n_members >= 2 and (not answered or there.intersection(answered)):
        return
    none = "no image with an answer is there" if answered and not there.intersection(answered) else change
    raise UserError(
        f"data: expected the images of the trial, but {none}. Restore them, or give the data.path where they "
        "are now; the answers are kept."
    )


def _without_added(matching: Matching) -> Matching:
    n = len(matching.samples) - len(matching.added)
    return replace(matching, samples=matching.samples[:n], positions=matching.positions[:n], added=[])


def _lost(matching: Matching) -> list[tuple[str, Path]]:
    return [
        (each.name or "", Path(each.name or ""))
        for each, position in zip(matching.samples, matching.positions, strict=True)
        if position < 0
    ]


def _told(change: str, matching: Matching, *, ended: bool, joins: bool) -> str:
    text = f"the images have changed since the last start: {change}. Every answer stays with its image."
    if ended:
        return (
            f"{text} The rounds have ended, so that images added now take no part; label them in another "
            "trial with oracle.answers_from."
        )
    if matching.added:
        text += " New images join the pool." if joins else " New images take no part, because of data.limit."
    if matching.removed:
        text += " Images that are gone leave the pool and keep their labels."
    return f"{text} Trials whose images differ cannot be compared."
