"""A user's own oracle over a store of answers: an answer that was given is not asked for again."""

from collections.abc import Sequence

import torch

from alframe.core.protocols import Oracle
from alframe.data import ImageDataset
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.people import PeopleOracle


class RecordedOracle(PeopleOracle):
    """Asks a user's own oracle and stores each answer before the trial uses it."""

    questions_at_once = 1

    def __init__(self, oracle: Oracle, dataset: ImageDataset, store: AnswerStore) -> None:
        """Wrap an oracle whose answers are checked."""
        super().__init__(dataset, store)
        self._oracle = oracle
        own = getattr(oracle, "answers", oracle)
        self._way = getattr(own, "__name__", type(own).__name__)
        self.questions_at_once = getattr(oracle, "questions_at_once", 1)

    def collect(self) -> None:
        """Take in nothing: all answers come as return values."""

    def show(self, missing: Sequence[int]) -> str | None:
        """Ask the oracle about samples and store its answers."""
        answers = self._oracle.label(torch.tensor(missing, dtype=torch.int64)).tolist()
        self.take(dict(zip(missing, answers, strict=True)), self._way)
        return None

    def finished(self) -> None:
        """Do nothing: nothing was shown."""
