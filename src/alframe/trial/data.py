"""The data of a trial when it starts or goes on, and the store of answers that ties answers to images."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from alframe.core.errors import TrialNotice
from alframe.data import ImageDataset
from alframe.data.fingerprint import fingerprint
from alframe.oracle.answer_store import AnswerStore
from alframe.trial import resume
from alframe.trial.assemble import members
from alframe.trial.import_answers import answers_beside, import_answers_of, import_old_answers
from alframe.trial.matched_data import match_data
from alframe.trial.settings import TrialSettings
from alframe.trial.state import TrialState


@dataclass(frozen=True, kw_only=True, eq=False)
class TrialData:
    """The data of a trial.

    Attributes:
        dataset: the images. member_N: bool, the samples that take part.
        fingerprint: what a resumed trial compares.
    """

    dataset: ImageDataset
    member_N: Tensor
    fingerprint: str


@contextmanager
def open_store(
    directory: Path, settings: TrialSettings, given: ImageDataset | None, oracle: Any
) -> Iterator[AnswerStore | None]:
    """Yield the store of answers, or None if the answers are those of a simulation.

    Args:
        given: the data set of a call from Python, None otherwise.
        oracle: the user's own, or None. It counts as people if the truth is unknown.
    """
    people = settings.asks_people if oracle is None else given is not None and given.truth_N is None
    if not people:
        yield None
        return
    with AnswerStore(directory) as store:
        yield store


def data_of_trial(
    directory: Path,
    settings: TrialSettings,
    dataset: ImageDataset,
    state: TrialState | None,
    store: AnswerStore | None,
    *,
    in_place: bool,
) -> TrialData:
    """Return the data of a trial: those that it started with or, with a store, matched with them.

    Args:
        in_place: the images must be the same in the same order.

    Raises:
        UserError: the data differ, or cannot be matched.
    """
    if state is not None:
        resume.check_versions(state, resume.versions_that_matter())
    is_new = store is None or store.is_new
    if is_new:
        member_N = members(settings, dataset)
        found = fingerprint(dataset, member_N)
        if state is not None:
            resume.check_same_data(directory, state, found)
        if store is None:
            return TrialData(dataset=dataset, member_N=member_N, fingerprint=found)
    assert store is not None
    ended = state is not None and state.result.left is not None
    matched = match_data(store, dataset, settings, partial(members, settings), ended=ended, in_place=in_place)
    if is_new:
        _import_answers(directory, settings, store, matched.dataset)
    return TrialData(dataset=matched.dataset, member_N=matched.member_N, fingerprint=resume.BY_STORE)


def _import_answers(
    directory: Path, settings: TrialSettings, store: AnswerStore, dataset: ImageDataset
) -> None:
    """Take answers into a new store: those of a trial without a store, and those of another trial."""
    import_old_answers(store, dataset, directory)
    if settings.answers_from is not None:
        taken = import_answers_of(store, dataset, Path(settings.answers_from).expanduser())
        warnings.warn(
            f"oracle.answers_from: {taken} are taken over as a part of the seed set.",
            TrialNotice,
            stacklevel=2,
        )
    elif settings.asks_people and not store.answers():
        line = answers_beside(store, directory)
        if line is not None:
            warnings.warn(line, TrialNotice, stacklevel=2)
