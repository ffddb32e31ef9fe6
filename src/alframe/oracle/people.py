"""People as the oracle: what all ways of asking them have in common.

A subclass collects the answers that people gave and shows them the samples that are still open. Every answer
goes through the store of answers, which also remembers the questions.
"""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from alframe._text import counted
from alframe.core.answer_counting import serves
from alframe.core.errors import AnswersNeeded, TrialNotice, Waiting
from alframe.core.ledger import NO_ANSWER, LabelLedger
from alframe.data import ImageDataset
from alframe.data.identity import content_digest
from alframe.oracle.answer_records import Answer
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.class_names import answer_text

MAX_NAMED = 3  # changes that a message names


class PeopleOracle(ABC):
    """An oracle of people over a store of answers; a `RememberingOracle`.

    Attributes:
        store: of the answers. dataset: its indices are the numbers of the store's samples.
        questions_at_once: of an audit; each question file is another start of the command.
    """

    questions_at_once = 100

    def __init__(self, dataset: ImageDataset, store: AnswerStore) -> None:
        self.dataset, self.store = dataset, store
        self._purpose, self._round = "", 0
        # Adds the most answers that the trial's plan can ask; the trial replaces it.
        self.at_most: Callable[[Waiting], Waiting | None] = lambda waiting: waiting
        self.ledger: Callable[[], LabelLedger | None] = lambda: None

    @abstractmethod
    def collect(self) -> None:
        """Put the answers that people gave since the last time into the store.

        Raises:
            UserError: an answer cannot be read.
        """

    @abstractmethod
    def show(self, missing: Sequence[int]) -> str | None:
        """Show samples that are to be answered, and return how to answer them, in a sentence.

        None means that new answers came in the meantime.
        """

    @abstractmethod
    def finished(self) -> None:
        """Remove what was shown, after all of it is answered."""

    def begin(self, purpose: str, round: int) -> Tensor:
        """Return int64, the samples that this question has asked about before; see `RememberingOracle`."""
        self._purpose, self._round = purpose, round
        return torch.tensor(self.store.question(purpose, round), dtype=torch.int64)

    def label(self, index_Q: Tensor) -> Tensor:
        """Return (Q,) int64, the answers for `index_Q`.

        Raises:
            AnswersNeeded: some answers are missing; people have been asked for them.
            UserError: some answers cannot be read. The message names them, and nothing was changed.
        """
        wanted = index_Q.tolist()
        self._remember(wanted)
        self.collect()
        while True:
            while missing := self._missing(wanted):
                how = self.show(missing)
                if how is not None:
                    raise self._needed(len(wanted), len(wanted) - len(missing), how)
                self.collect()
            self.finished()
            answer_Q = self.current(index_Q)
            if not bool((answer_Q == NO_ANSWER).any()):  # people can take an answer back at any moment
                return answer_Q

    def waiting(self) -> Waiting | None:
        """Return what people were asked last and have not answered completely, or None."""
        return self._waiting_for(*(self.store.newest_question() or ("", 0)))

    def _waiting_for(self, purpose: str, round: int) -> Waiting | None:
        """Return what is not answered of a question, or None."""
        wanted = self.store.question(purpose, round)
        missing = self._missing(wanted)
        if not missing:
            return None
        n = len(wanted)
        return Waiting(question=purpose, round=round, wanted=n, answered=n - len(missing), how="")

    def _missing(self, wanted: Sequence[int]) -> list[int]:
        answers = self.store.answers()
        counting = {index for index, each in answers.items() if self._counts(each)}
        return [index for index in wanted if index not in counting]

    def _counts(self, answer: Answer) -> bool:
        """Return True if an answer to a sample is one to the present question too."""
        return serves(self._purpose, answer.way)

    def _needed(self, wanted: int, answered: int, how: str) -> AnswersNeeded:
        why = " for the check of the auto-labels" if self._purpose == "check" else ""
        if self._purpose.startswith("seed "):
            why = ", because the answers so far do not name two classes"
        missing = counted(wanted - answered, "label")
        return AnswersNeeded(
            f"waiting for {missing}{why}: {answered:,} of {wanted:,} are there. {how}",
            Waiting(question=self._purpose, round=self._round, wanted=wanted, answered=answered, how=how),
        )

    def current(self, index: Tensor) -> Tensor:
        """Return (n,) int64, the answers to samples (int64) as they are now, -1 without an answer."""
        answers = self.store.answers()
        found = [answers[each].answer if each in answers else NO_ANSWER for each in index.tolist()]
        return torch.tensor(found, dtype=torch.int64)

    def known(self, round: int) -> Tensor:
        """Return int64, the answered samples that no question of this round or a later one asks about."""
        return torch.tensor(
            sorted(self.store.answers().keys() - self.store.asked(since=round)), dtype=torch.int64
        )

    def _remember(self, wanted: Sequence[int]) -> None:
        """Record the question and the digests of its images before anything is shown."""
        before = set(self.store.question(self._purpose, self._round))
        new = [index for index in wanted if index not in before]
        if new:
            self.store.put_digests({index: content_digest(self.dataset, index) for index in new})
            self.store.put_question(self._purpose, self._round, new)

    def take(self, given: Mapping[int, int], way: str) -> None:
        """Store answers; those that change an earlier one are told in a line."""
        if not given:
            return
        before = self.store.answers()
        names = self.dataset.class_names
        changes = [
            f"sample {index} from {answer_text(before[index].answer, names)} to {answer_text(answer, names)}"
            for index, answer in given.items()
            if index in before and before[index].answer != answer
        ]
        self.store.put_answers(given, way)
        if changes:
            more = f" and {len(changes) - MAX_NAMED:,} more" if len(changes) > MAX_NAMED else ""
            warnings.warn(
                f"{len(changes):,} answers were changed: {'; '.join(changes[:MAX_NAMED])}{more}. They count "
                "from the next round on; rounds that are done keep their figures.",
                TrialNotice,
                stacklevel=2,
            )
