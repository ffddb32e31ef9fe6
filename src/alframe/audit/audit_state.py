"""The records of an audit of given labels: its plan, its questions, its figures and its state.

Axes: N the samples of the data set's file; Q the samples of a question.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from alframe.audit.certificate import CertificateSpec
from alframe.audit.estimate import ErrorEstimate, called_wrong
from alframe.audit.second_answers import SecondAnswers
from alframe.core.ledger import LabelLedger, Source
from alframe.core.reports import Certificate

Stage = Literal["estimate", "rank", "mend", "prove"]
STAGES: tuple[Stage, ...] = ("estimate", "rank", "mend", "prove")


@dataclass(frozen=True, kw_only=True)
class AuditPlan:
    """What an audit does.

    Attributes:
        stages: in the order of `STAGES`. seed: of the random samples.
        n_estimate: answers of the estimate. confidence: of its interval.
        batch: questions of a batch of mending. train: answers after which the labels are ranked again.
        min_yield: mending ends after the first batch of a new ranking in which a smaller share of the labels
            is wrong. max_answers: the most questions of mending, None for no limit.
        certificate: what to prove; None without the stage prove.
    """

    stages: tuple[Stage, ...]
    seed: int
    n_estimate: int
    confidence: float
    batch: int
    train: int
    min_yield: float
    max_answers: int | None
    certificate: CertificateSpec | None

    def most_answers(self, n_labels: int) -> int | None:
        """Return the most answers that an audit of so many labels takes, or None without a limit below that.

        >>> plan = dict(seed=0, confidence=0.95, batch=10, train=50, min_yield=0.05, certificate=None)
        >>> plan = AuditPlan(stages=("estimate", "mend"), n_estimate=400, max_answers=600, **plan)
        >>> plan.most_answers(60_000), plan.most_answers(900)
        (1000, None)
        """
        proof = self.certificate.max_labels if self.certificate is not None else None
        limits = {"estimate": self.n_estimate, "rank": 0, "mend": self.max_answers, "prove": proof}
        most = 0
        for stage in self.stages:
            limit = limits[stage]
            if limit is None:
                return None
            most += limit
        return most if most < n_labels else None


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelRanking:
    """What classifiers that have not seen a label say about it.

    Attributes:
        quality_N: float32, lower is more suspect; NaN for samples without a label.
        predicted_N: int64, the most probable class.
        log_odds_N: float32, log(p / (1 - p)) of the label's probability p.
        seconds: of training and prediction.
    """

    quality_N: Tensor
    predicted_N: Tensor
    log_odds_N: Tensor
    seconds: float = 0.0


class Ranker(Protocol):
    """Ranks the labels of a round."""

    def __call__(self, label_N: Tensor, known_N: Tensor, round: int) -> LabelRanking:
        """Return the ranking.

        Args:
            label_N: (N,) int64, the labels as they are now, -1 without one.
            known_N: (N,) bool, the labels that an answer has confirmed or corrected. round: from 1.
        """
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """A question with its answers: (Q,) int64 each, in the order of asking."""

    stage: Stage
    round: int
    index_Q: Tensor
    answer_Q: Tensor


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """The figures after a question, or after a ranking; a row of audit_rounds.csv.

    Attributes:
        stage, round: of the question. asked: its samples. found: wrong labels among them.
        answers, found_wrong: of the audit so far.
        precision: found / asked; None if nothing was asked.
        bound: the largest share of the labels that can be wrong, by what is known now: by the estimate, and
            in the end by the certificate; None if nothing is known.
        train_seconds: of the ranking that chose the question.
    """

    stage: Stage
    round: int
    asked: int
    found: int
    answers: int
    found_wrong: int
    precision: float | None
    bound: float | None
    train_seconds: float


@dataclass(frozen=True, kw_only=True, eq=False)
class AuditState:
    """An audit so far.

    Attributes:
        ledger: the labels now. given_N: int64, the labels before, -1 without one.
        questions: with their answers, in order. rows: one for each question and ranking.
        first: the first ranking; ranking: the newest. None before the stage rank.
        estimate, certificate: None before their stages.
        mending_ended: why mending ended, None before.
        is_ranked_anew: no question was asked since the newest ranking, which is not the first.
        second_N: int64, a second person's answers, -1 without one; or None.
        second: how often the two differ; None before the stage prove.
    """

    ledger: LabelLedger
    given_N: Tensor
    questions: tuple[Asked, ...] = ()
    rows: tuple[AuditRow, ...] = ()
    first: LabelRanking | None = None
    ranking: LabelRanking | None = None
    estimate: ErrorEstimate | None = None
    certificate: Certificate | None = None
    mending_ended: str | None = None
    is_ranked_anew: bool = False
    second_N: Tensor | None = None
    second: SecondAnswers | None = None

    @property
    def n_answers(self) -> int:
        """All answers so far."""
        return sum(len(each.index_Q) for each in self.questions)

    @property
    def n_found(self) -> int:
        """The wrong labels found so far."""
        return sum(n_wrong(self.given_N, each) for each in self.questions)


def begin_audit(given_N: Tensor, member_N: Tensor, second_N: Tensor | None = None) -> AuditState:
    """Return the state of an audit before its first question.

    Args:
        given_N: (N,) int64, the given labels, -1 without one.
        member_N: (N,) bool, the samples that take part.
        second_N: (N,) int64, a second person's answers, -1 without one; or None.
    """
    ledger = LabelLedger.empty(len(given_N), member_N & (given_N >= 0))
    index = ledger.member_N.nonzero().flatten()
    ledger = ledger.commit(index, given_N[index], Source.GIVEN, 0)
    return AuditState(ledger=ledger, given_N=torch.where(ledger.member_N, given_N, -1), second_N=second_N)


def n_wrong(given_N: Tensor, asked: Asked) -> int:
    """Return how many given labels a question found wrong; "cannot tell" does not say that one is."""
    return int(called_wrong(given_N[asked.index_Q], asked.answer_Q).sum())
