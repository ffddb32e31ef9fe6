"""The stages of an audit, with a made ranking and an oracle that knows the truth."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from alframe.audit.audit_state import STAGES, AuditPlan, AuditState, LabelRanking, begin_audit
from alframe.audit.certificate import CertificateSpec
from alframe.audit.label_audit import run_audit
from alframe.audit.label_noise import noisy_labels
from alframe.core.ledger import CANNOT_TELL, NO_CLASS, Source

N, C = 2000, 5
SPEC = CertificateSpec(
    tolerance=0.01, confidence=0.95, reach=True, max_labels=None, method="auto", oracle_error=None
)
PLAN = AuditPlan(
    stages=STAGES,
    seed=3,
    n_estimate=100,
    confidence=0.95,
    batch=50,
    train=50,
    min_yield=0.1,
    max_answers=None,
    certificate=SPEC,
)
TRUTH_N = torch.arange(N) % C
ALL_N = torch.ones(N, dtype=torch.bool)
GIVEN_N = noisy_labels(TRUTH_N, ALL_N, C, 0.05, torch.Generator().manual_seed(1))


class Truth:
    """Answers with the truth, or with another answer for some samples."""

    def __init__(self, **other: Tensor) -> None:
        self.asked: list[int] = []
        self.other = other

    def label(self, index_Q: Tensor) -> Tensor:
        self.asked += index_Q.tolist()
        answer_Q = TRUTH_N[index_Q].clone()
        for code, index in self.other.items():
            answer_Q[torch.isin(index_Q, index)] = {"untold": CANNOT_TELL, "none": NO_CLASS}[code]
        return answer_Q


class Rank:
    """Puts wrong labels first, with a few right ones among them."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, label_N: Tensor, known_N: Tensor, round: int) -> LabelRanking:
        self.calls.append((round, int(known_N.sum())))
        generator = torch.Generator().manual_seed(round)
        quality_N = torch.randn(N, generator=generator) + 5.0 * (label_N == TRUTH_N)
        return LabelRanking(quality_N=quality_N, predicted_N=TRUTH_N, log_odds_N=quality_N, seconds=1.0)


def audited(
    plan: AuditPlan = PLAN, oracle: Truth | None = None, rank: Rank | None = None
) -> list[AuditState]:
    start = begin_audit(GIVEN_N, ALL_N)
    return list(run_audit(plan, start, oracle or Truth(), rank or Rank(), C))


def test_an_audit_finds_the_wrong_labels_and_proves_the_rest() -> None:
    last = audited()[-1]
    assert last.estimate is not None
    assert last.estimate.overall.low <= 0.05 <= last.estimate.overall.high
    assert last.certificate is not None
    assert last.certificate.reached
    left = int((last.ledger.label_N != TRUTH_N).sum())
    assert left == 100 - last.n_found <= last.certificate.max_wrong <= 20
    assert last.n_found >= 90
    assert last.n_answers == last.ledger.n_answers < 700


def test_all_answers_are_counted_and_each_sample_is_asked_once() -> None:
    oracle = Truth()
    states = audited(oracle=oracle)
    assert len(oracle.asked) == len(set(oracle.asked)) == states[-1].n_answers
    rows = states[-1].rows
    assert [row.stage for row in rows][:3] == ["estimate", "rank", "mend"]
    assert rows[-1].stage == "prove"
    assert sum(row.asked for row in rows) == rows[-1].answers == states[-1].n_answers
    assert sum(row.found for row in rows) == rows[-1].found_wrong


def test_sources_are_never_mixed() -> None:
    last = audited()[-1]
    asked = {
        stage: torch.cat([q.index_Q for q in last.questions if q.stage == stage])
        for stage in STAGES
        if stage != "rank"
    }
    source_N = last.ledger.source_N
    assert bool((source_N[asked["mend"]] == Source.MEND).all())
    assert bool((source_N[torch.cat([asked["estimate"], asked["prove"]])] == Source.AUDIT).all())
    assert int((source_N == Source.GIVEN).sum()) == N - last.n_answers
    assert torch.equal(last.ledger.label_N[last.ledger.index_given], GIVEN_N[last.ledger.index_given])


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_each_stage_can_be_the_last(n: int) -> None:
    rank = Rank()
    last = audited(replace(PLAN, stages=STAGES[:n]), rank=rank)[-1]
    assert (last.estimate is not None, last.ranking is not None) == (True, n >= 2)
    assert (last.mending_ended is not None, last.certificate is not None) == (n >= 3, n == 4)
    assert bool(rank.calls) == (n >= 2)


def test_mending_ends_at_a_low_yield_and_trains_on_what_is_known() -> None:
    rank = Rank()
    last = audited(replace(PLAN, stages=("rank", "mend")), rank=rank)[-1]
    mended = [row for row in last.rows if row.stage == "mend"]
    assert sum(row.found for row in mended[:2]) >= 95
    assert mended[-1].precision is not None
    assert mended[-1].precision < 0.1
    assert all(row.precision is None or row.precision >= 0.1 for row in mended[:-1])
    assert last.mending_ended == "fewer than 10 % of the last batch were wrong"
    assert rank.calls == [(1, 0), (2, 50), (3, 100)][: len(rank.calls)]


def test_mending_ends_with_its_budget() -> None:
    last = audited(replace(PLAN, stages=("mend",), max_answers=70))[-1]
    assert [row.asked for row in last.rows] == [0, 50, 20]
    assert last.mending_ended == "mend.max_answers=70 were given"


def test_mending_ends_when_every_label_was_looked_at() -> None:
    last = audited(replace(PLAN, stages=("mend",), min_yield=0.0, batch=N))[-1]
    assert last.mending_ended == "every label was looked at"
    assert torch.equal(last.ledger.label_N, TRUTH_N)


def test_a_proof_without_a_ranking_draws_all_labels_alike() -> None:
    last = audited(replace(PLAN, stages=("prove",), certificate=replace(SPEC, reach=False, max_labels=100)))[
        -1
    ]
    assert last.certificate is not None
    assert (last.certificate.method, last.n_answers) == ("uniform", 100)


def test_answers_that_name_no_class() -> None:
    wrong = (GIVEN_N != TRUTH_N).nonzero().flatten()
    oracle = Truth(untold=wrong[:10], none=wrong[10:20])
    last = audited(replace(PLAN, stages=("rank", "mend")), oracle=oracle)[-1]
    assert last.n_found == 90  # "cannot tell" does not say that a label is wrong
    assert last.ledger.index_set_aside.tolist() == wrong[:20].tolist()
    assert bool((last.ledger.label_N[wrong[:20]] == -1).all())


def test_the_estimate_bounds_what_is_left_during_mending() -> None:
    rows = audited()[-1].rows
    assert rows[0].bound is not None
    assert rows[3].bound is not None
    assert rows[3].bound < rows[1].bound if rows[1].bound else False


def test_samples_without_a_label_take_no_part() -> None:
    given_N = GIVEN_N.clone()
    given_N[:100] = -1
    oracle = Truth()
    for state in run_audit(PLAN, begin_audit(given_N, ALL_N), oracle, Rank(), C):
        last = state
    assert min(oracle.asked) >= 100
    assert last.estimate is not None
    assert last.estimate.overall.n_labels == N - 100


def test_networks_are_trained_again_after_enough_answers_and_at_a_low_yield() -> None:
    rank = Rank()
    last = audited(replace(PLAN, stages=("rank", "mend"), train=400), rank=rank)[-1]
    mended = [row for row in last.rows if row.stage == "mend"]
    low = [row.round for row in mended if row.found < 5]
    assert low == [mended[-2].round, mended[-1].round]
    assert [call[0] for call in rank.calls] == [1, mended[-1].round]
    assert [row.train_seconds for row in mended] == [0.0] * (len(mended) - 1) + [1.0]
    rank = Rank()
    audited(replace(PLAN, stages=("rank", "mend"), train=100), rank=rank)
    assert [call[0] for call in rank.calls][:2] == [1, 3]
