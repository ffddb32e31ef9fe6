"""People answer on the labelling page. The trial waits while they do."""

import json
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from alframe.core.answer_counting import AUDIT, DOUBTFUL, PAGE_GRID, SECOND_LOOK, counted, serves
from alframe.core.answer_times import AnswerTimes
from alframe.core.errors import UserError, Waiting
from alframe.core.ledger import NO_ANSWER
from alframe.core.records import PoolScores
from alframe.data import ImageDataset
from alframe.oracle.answer_records import Answer, Prediction
from alframe.oracle.answer_store import AnswerStore
from alframe.oracle.people import PeopleOracle
from alframe.page.desk import OPTIONS, Desk, Options, Question
from alframe.page.pace import answer_times

_PROPOSED = ("query", "remainder")  # purposes of questions for which the classifier has predictions


class ClassAdded(KeyboardInterrupt):
    """People have added a class: the trial ends in its saved state and begins again with the new class."""


class PageOracle(PeopleOracle):
    """Shows the question on the page and waits for the answers, which the server puts into the store."""

    def __init__(self, dataset: ImageDataset, store: AnswerStore, desk: Desk | None = None) -> None:
        """Take the data set, the trial's store of answers, and the desk of the page.

        Raises:
            UserError: there is no page, as in a sweep or in a call from Python.
        """
        super().__init__(dataset, store)
        if desk is None:
            raise UserError(
                "oracle: expected a single trial of the command alframe or alframe-label, since oracle=page "
                "serves a page while it runs. Write oracle=files, or run the trials one by one."
            )
        self._desk = desk
        self._predicted: Mapping[int, tuple[int, float]] = {}
        self._blind: frozenset[int] = frozenset()
        self._choices: Mapping[int, Mapping[str, int]] = {}
        kept = store.meta(OPTIONS)
        if kept is not None:
            desk.change(options=Options(**json.loads(kept)))
        desk.labels = lambda: self.ledger()  # which the session of the trial replaces
        desk.attach(dataset)
        self._reopen()

    def begin(self, purpose: str, round: int) -> Tensor:
        """Return int64, the samples that this question has asked about before; see `RememberingOracle`."""
        self._predicted, self._blind, self._choices = {}, frozenset(), {}
        return super().begin(purpose, round)

    def propose(self, scores: PoolScores, blind_Q: Tensor) -> None:
        """Take the predictions for the question that follows; see `ProposingOracle`."""
        confidence_Q = torch.sigmoid(scores.log_odds_P.double())
        self._predicted = {
            index: (predicted, confidence)
            for index, predicted, confidence in zip(
                scores.index_P.tolist(), scores.predicted_P.tolist(), confidence_Q.tolist(), strict=True
            )
        }
        self._blind = frozenset(blind_Q.tolist())
        self.store.put_predictions(
            {
                index: Prediction(number=number, confidence=confidence, blind=index in self._blind)
                for index, (number, confidence) in self._predicted.items()
            }
        )

    def label(self, index_Q: Tensor) -> Tensor:
        """Return (Q,) int64, the answers; of a question with grids, those before an audit asked again."""
        answer_Q = super().label(index_Q)
        if not serves(self._purpose, PAGE_GRID):
            return answer_Q
        again = {*self.store.question(DOUBTFUL, self._round), *self.store.question(AUDIT, self._round)}
        for position, index in enumerate(index_Q.tolist()):
            before = self._in_grids(index) if index in again else None
            if before is not None:
                answer_Q[position] = before.answer
        return answer_Q

    def unproven(self, index: Tensor) -> Tensor:
        """Return (n,) bool: labels that count by a confirmation in a grid; see `ProposingOracle`.

        For a sample that the audit of this round has asked about, the answers before count.
        """
        answers, audited = self.store.answers(), set(self.store.question(AUDIT, self._round))
        rows = [self._in_grids(each) if each in audited else answers.get(each) for each in index.tolist()]
        return torch.tensor(
            [row is not None and _is_confirmed(row) for row in rows],
            dtype=torch.bool,
        )

    def _in_grids(self, index: int) -> Answer | None:
        """Return the answer in grids that counts without any other, None without one."""
        rows = [row for row in self.store.rows_of(index) if row.way == PAGE_GRID]
        return counted(rows) if rows else None

    def second_look(self, index_D: Tensor, label_D: Tensor) -> Tensor:
        """Return (D,) int64, the decisions about answers that contradict audited labels; see `LooksTwice`."""
        purpose, round, answer_D = self._purpose, self._round, self.current(index_D)
        self.begin(SECOND_LOOK, round)
        # It is not said which answer is whose, and which of the two comes first is no hint.
        self._choices = {
            index: {"one answer": min(both), "another answer": max(both)}
            for index, *both in zip(index_D.tolist(), answer_D.tolist(), label_D.tolist(), strict=True)
        }
        decided_D = self.label(index_D)
        self.begin(purpose, round)
        return decided_D

    def answer_times(self) -> AnswerTimes | None:
        """Return the answers so far and their seconds; None if nothing was measured."""
        return answer_times(self.store.history())

    def collect(self) -> None:
        """Answers are in the store as soon as people give them.

        Raises:
            ClassAdded: people have added a class.
        """
        if len(self.store.classes()) > self.dataset.n_classes:
            self._desk.begins_again = True
            raise ClassAdded

    def show(self, missing: Sequence[int]) -> None:
        """Show samples and wait until all are answered.

        Raises:
            ClassAdded: people have added a class.
            KeyboardInterrupt: the trial is to stop.
            TrialError: the store of answers is no longer there.
        """
        self.collect()
        waiting = self._waiting_for(self._purpose, self._round)  # it need not be the newest question
        if waiting is None:  # answered in the meantime
            return
        self._put(self.at_most(waiting) or waiting, missing)
        self._desk.wait(lambda: self._is_answered(missing), self.store.check_there)

    def finished(self) -> None:
        """Say on the page that the trial goes on."""
        self._desk.work("training")

    def current(self, index: Tensor) -> Tensor:
        """Return (n,) int64, the answers to samples (int64) as they are now, -1 without an answer.

        An answer with a class that the trial does not know yet counts from its next start on.
        """
        answer = super().current(index)
        return torch.where(answer < self.dataset.n_classes, answer, torch.full_like(answer, NO_ANSWER))

    def known(self, round: int) -> Tensor:
        """Return int64, the answered samples that no question of this round or a later one asks about."""
        index = super().known(round)
        return index[self.current(index) != NO_ANSWER]

    def _counts(self, answer: Answer) -> bool:
        return super()._counts(answer) and answer.answer < self.dataset.n_classes

    def _is_answered(self, wanted: Sequence[int]) -> bool:
        self.collect()
        return not self._missing(wanted)

    def _reopen(self) -> None:
        """Show the question that was open when the trial ended, while the trial gets back to it."""
        waiting = self.waiting()
        if waiting is None:
            self._desk.work("reading")
            return
        before = self._desk.now.question  # of this process, before a class was added
        if before is not None and (before.purpose, before.round) == (waiting.question, waiting.round):
            self._predicted, self._blind = before.predicted, before.blind
        elif waiting.question in _PROPOSED:
            found = self.store.predictions(self.store.question(waiting.question, waiting.round))
            self._predicted = {index: (each.number, each.confidence) for index, each in found.items()}
            self._blind = frozenset(index for index, each in found.items() if each.blind)
        self._purpose, self._round = waiting.question, waiting.round
        self._put(waiting, self._missing(self.store.question(waiting.question, waiting.round)))

    def _put(self, waiting: Waiting, missing: Sequence[int]) -> None:
        self._desk.put(
            Question(
                purpose=waiting.question,
                round=waiting.round,
                order=tuple(missing),
                n_wanted=waiting.wanted,
                predicted=self._predicted,
                blind=self._blind,
                choices=self._choices,
            ),
            waiting.at_most,
            self.ledger(),
        )


def _is_confirmed(row: Answer) -> bool:
    """Return True for an answer that confirms the class of a grid; a correction is given to one image."""
    return row.way == PAGE_GRID and row.suggestion in (None, row.answer)
