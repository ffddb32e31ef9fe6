"""Labels confirmed in grids: asked about again before the audit, audited, and the same after a pause."""

import warnings

import pytest
import torch
from torch import Tensor

from alframe.audit.certify import AuditCertifier
from alframe.audit.label_counts import TruthEvaluator
from alframe.auto_label import ThresholdPolicy
from alframe.core.answer_counting import DOUBTFUL, PAGE, PAGE_GRID, PAGE_REVIEW
from alframe.core.components import Components
from alframe.core.ledger import LabelLedger, Source
from alframe.core.loop import RoundResult, label_dataset
from alframe.core.loop_plan import Amount, LoopPlan
from alframe.core.mending import with_doubts
from alframe.core.records import Labelled, PoolScores
from alframe.core.reports import FitReport
from alframe.data import ImageDataset
from alframe.oracle.answer_records import NewAnswer
from alframe.oracle.answer_store import AnswerStore
from alframe.page.desk import Desk, Options
from alframe.page.oracle import PageOracle
from alframe.query import LeastConfidence
from alframe.query.seed_sets import FirstSeedSet
from tests.support.settings import FREE, certificate_spec, standard_rules

N, C = 600, 3
GENERATOR = torch.Generator().manual_seed(4)
TRUTH = torch.arange(N) % C
# The classifier is right about four of five samples below 400, and nearly sure and right of the others.
WRONG = (torch.rand(N, generator=GENERATOR) < 0.2) & (torch.arange(N) < 400)
SURE = torch.where(torch.arange(N) < 400, 0.5 + 0.45 * torch.rand(N, generator=GENERATOR), 0.9999)
# People overlook what the classifier is nearly sure of, so that the audit has something to find.
OVERLOOKED = (torch.rand(N, generator=GENERATOR) < 0.2) | (SURE > 0.88)


class Pause(Exception):
    """The person closes the command."""


class Learner:
    """Predictions that never change: one of a sample's two likely classes."""

    def fit(self, labelled: Labelled, round: int, *, final: bool = False) -> FitReport:
        return FitReport(samples=len(labelled), steps=1, epochs=None, loss=0.0, seconds=0.0)

    def score(self, index_P: Tensor, needs: frozenset[str]) -> PoolScores:
        predicted_P = (TRUTH[index_P] + WRONG[index_P]) % C
        probs_PC = torch.full((len(index_P), C), 0.0)
        probs_PC += ((1 - SURE[index_P]) / (C - 1))[:, None]
        probs_PC.scatter_(1, predicted_P[:, None], SURE[index_P][:, None])
        return PoolScores(
            index_P=index_P,
            predicted_P=predicted_P,
            log_odds_P=torch.logit(SURE[index_P]),
            log_probs_PC=probs_PC.log(),
        )

    def predict_test(self) -> None:
        return None


class Person(PageOracle):
    """Answers at once: in grids what has a prediction. `pause`: the audit's answers before a pause."""

    pause: int | None = None
    questions_at_once = 5

    def show(self, missing) -> None:
        if self._purpose in ("query", "remainder"):
            rows = [self._grid_row(each) for each in missing]
        else:
            way = PAGE_REVIEW if self._purpose == "second look" else PAGE
            rows = [NewAnswer(sample=each, answer=int(TRUTH[each]), way=way) for each in missing]
        if self._purpose == "audit" and self.pause is not None:
            self.pause -= len(rows)
            if self.pause < 0:
                raise Pause
        self.store.add(rows, who="ann")

    def _grid_row(self, index: int) -> NewAnswer:
        shown = self._predicted[index][0]
        answer = shown if OVERLOOKED[index] else int(TRUTH[index])
        return NewAnswer(sample=index, answer=answer, way=PAGE_GRID, suggestion=shown, grid="g")


def components(oracle: Person) -> Components:
    return Components(
        initial=FirstSeedSet(Amount(num=6, key="initial")),
        learner=Learner(),
        query=LeastConfidence(spread=1),
        auto_label=ThresholdPolicy(threshold=0.99),
        oracle=oracle,
        stopping=standard_rules(share=None, max_rounds=2),
        evaluator=TruthEvaluator(TRUTH),
        certifier=AuditCertifier(certificate_spec(tolerance=0.03, confidence=0.95, reach=True)),
    )


PLAN = LoopPlan(
    seed=0, question=Amount(num=40), keep="rejudge", order="hand_first", remainder="hand", cost=FREE
)


def oracle_on(directory) -> Person:
    images = torch.arange(N * 16).reshape(N, 4, 4).to(torch.uint8)
    store = AnswerStore(directory)
    if store.is_new:
        store.add_classes(["a", "b", "c"])
    dataset = ImageDataset.from_arrays("made", images, TRUTH)
    return Person(dataset, store, Desk(Options(suggestions="after", both_share=0.0, grid=60)))


def results(
    oracle: Person, start: LabelLedger | RoundResult, kept: list[RoundResult] | None = None
) -> list[RoundResult]:
    """Return the results of a trial, also those before a pause in `kept`."""
    kept = [] if kept is None else kept
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept.extend(label_dataset(components(oracle), PLAN, start))
    return kept


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Person, list[RoundResult]]:
    oracle = oracle_on(tmp_path_factory.mktemp("whole"))
    return oracle, results(oracle, LabelLedger.empty(N))


def test_the_odds_of_a_confirmed_label_follow_from_the_classifier_and_from_what_people_overlook(whole):
    oracle, found = whole
    before = found[-2].ledger
    confirmed = before.index_hand[oracle.unproven(before.index_hand)]
    rated = with_doubts(components(oracle), before)
    right = SURE[confirmed] / (SURE[confirmed] + 0.1 * (1 - SURE[confirmed]))
    assert torch.allclose(torch.sigmoid(rated.log_odds_N[confirmed]), right, atol=1e-5)
    corrected = before.index_hand[~oracle.unproven(before.index_hand)]
    assert bool(rated.log_odds_N[corrected].isnan().all())


def test_the_most_doubtful_are_answered_alone_and_the_others_audited(whole):
    oracle, found = whole
    last = found[-1]
    mended = torch.tensor(oracle.store.question(DOUBTFUL, last.report.round))
    audited = torch.tensor(oracle.store.question("audit", last.report.round))
    assert len(mended) > 10
    assert bool((last.ledger.source_N[mended] == Source.MEND).all())
    assert torch.equal(last.ledger.label_N[mended], TRUTH[mended])
    assert not set(mended.tolist()) & set(audited.tolist())
    assert float(SURE[mended].max()) < float(SURE[last.ledger.index_auto].min())
    assert last.certificate is not None
    assert last.certificate.reached
    assert last.certificate.found_wrong > 0
    assert int((last.ledger.label_N != TRUTH).sum()) <= last.certificate.max_wrong
    assert bool(last.ledger.log_odds_N[last.ledger.index_hand].isnan().all())


@pytest.mark.parametrize("answers", [0, 60, 110])
def test_an_audit_goes_on_after_a_pause_as_if_there_was_none(whole, tmp_path, answers):
    _, expected = whole
    first = oracle_on(tmp_path)
    first.pause, kept = answers, []
    with pytest.raises(Pause):
        results(first, LabelLedger.empty(N), kept)
    n_before = len(first.store.question("audit", expected[-1].report.round))
    assert n_before < expected[-1].certificate.asked
    first.store.close()
    again = oracle_on(tmp_path)
    last = results(again, kept[-1])[-1]
    assert last.certificate == expected[-1].certificate
    assert torch.equal(last.ledger.label_N, expected[-1].ledger.label_N)
    assert torch.equal(last.ledger.source_N, expected[-1].ledger.source_N)
