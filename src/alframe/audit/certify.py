"""Audit the labels of a ledger and certify an upper bound on the number of wrong ones.

Auto-labels are audited; in an audit of labels that were given, the given ones. With them are audited the hand
labels that people confirmed many at a time, if the oracle says which ones these are
(`ProposingOracle.unproven`). All of these are called auto-labels below.

When labelling has ended, the labels are fixed numbers. A random audit bounds how many are wrong, whatever
produced them. The bound counts wrong labels: a sample without a label is not wrong, but it counts in the size
of the data set. The tolerance is a share of that size. Samples set aside (the oracle's answer names no class)
do not count in it. If the audit gets such an answer, the auto-label counts as found wrong and is removed.

A fixed audit (`reach=False`) draws a number of auto-labels uniformly, which is set before the first answer,
and uses the exact hypergeometric bound. Its draws depend on the seed and on its plan: an audit with another
plan is another audit and does not go on with the same draws. To reach a tolerance, labels are drawn until a
bound that holds at all times at once is within it (`alframe.audit.betting`), the least confident more often.
More draws of the same order are then allowed, and the draws depend on the seed alone. If hand labelling the
least confident looks cheaper than more draws, they are hand labelled instead.

Of an oracle that errs at a known rate, the audit sees only what the oracle would call wrong. The labels that
are truly wrong are at most E more, E being the most errors of as many answers as there are samples. Both
kinds of audit aim at K - E, where K is the number tolerated.

Why not a sequence of nested sets of labels, tested from the most confident upward (PAC labelling, Candes,
Ilyas and Zrnic 2025, arXiv 2506.10908)? Testing them in a fixed order at level alpha each is sound for
hypotheses fixed beforehand, "more than K wrong in the first j": the first true one in the order is fixed,
and only it can make the sequence err. Here the hypotheses would be "more than K left in the first j after
the corrections", and the answers decide which of those is the first true one. In different runs it
could be different ones, and their error probabilities would add up. One bound on the total, with hand
labelling as a choice made from past answers, needs no such argument and no grid, and counts every correction.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from alframe.audit.certificate import ERRING_ORACLE, PERFECT_ORACLE, CertificateSpec
from alframe.audit.doubtful import n_worth_asking
from alframe.audit.feasibility import feasibility
from alframe.audit.hypergeometric import audit_size, most_wrong
from alframe.audit.next_questions import labels_by_hand
from alframe.audit.sampling import TAIL_SHARE, Auditor, n_rated
from alframe.core.ledger import LabelLedger, Source
from alframe.core.mending import confirmed_in_grids
from alframe.core.protocols import Oracle
from alframe.core.reports import Certificate
from alframe.core.seeds import derive_generator

# Without `max_labels`, a fixed audit is large enough to pass in nine of ten cases if the share of wrong
# labels is a quarter of the tolerance. To pass at half of it, it would need more than twice the questions.
ANTICIPATED = 0.25
# A look at the bound costs nothing. The batch limits the questions asked after the proof is reached, and the
# number of calls of the oracle. An oracle can ask for more at once with `questions_at_once`.
BATCH = 10


@dataclass(frozen=True)
class AuditCertifier:
    """Audits the auto-labels at the end of a trial.

    Attributes:
        spec: the statement to prove.
    """

    spec: CertificateSpec

    def infeasible(self, ledger: LabelLedger, oracle: Oracle, budget: int | None) -> str | None:
        """Return why the allowed number of answers cannot be enough, or None; as `feasibility`."""
        return feasibility(len(audited_labels(ledger, oracle)), n_rated(ledger), self.spec, budget)

    def doubtful(self, ledger: LabelLedger, oracle: Oracle) -> Tensor:
        """Return int64, the labels confirmed in grids to ask about again before the audit.

        An audit whose size is fixed gets no shorter, so that nothing is asked for it.
        """
        index_U = confirmed_in_grids(ledger, oracle)
        if not self.spec.reach or len(index_U) == 0:
            return index_U[:0]
        wrong_N = torch.sigmoid(-ledger.log_odds_N.double())
        wrong_U, order = wrong_N[index_U].sort(descending=True, stable=True)
        others, n = float(wrong_N[ledger.index_unchecked].sum()), n_rated(ledger)
        count = n_worth_asking(wrong_U, others, self.spec.aim(n), n, self.spec.alpha)
        return index_U[order[:count]]

    def certify(
        self,
        ledger: LabelLedger,
        oracle: Oracle,
        generator: torch.Generator,
        budget: int | None,
        round: int,
    ) -> tuple[LabelLedger, Certificate]:
        """Return the ledger with the audit's answers, and the certificate.

        Args:
            ledger: final labels. Hand labels that are not audited are assumed to be right.
            oracle: answers with labels, which replace those that were asked about, or with numbers below 0 if
                no class is right: these samples are set aside.
            generator: draws the audit; the same state and the same plan give the same questions.
            budget: the most questions, None for no limit except `spec.max_labels`.
            round: the round in which the audit's labels are committed.
        """
        spec, impossible = self.spec, self.infeasible(ledger, oracle, budget)
        index_A = audited_labels(ledger, oracle)
        n_auto = len(index_A)
        tail_share = TAIL_SHARE if spec.chosen_method == "weighted" else 0.0
        auditor = None
        max_wrong = 0
        if n_auto and spec.reach:
            auditor = Auditor(ledger, index_A, oracle, _for_population(generator, ledger, oracle), tail_share)
            max_wrong = _reach(auditor, spec, budget)
        elif n_auto:
            size = _fixed_size(n_auto, n_rated(ledger), spec, budget)
            generator = _for_plan(_for_population(generator, ledger, oracle), spec, size)
            auditor = Auditor(ledger, index_A, oracle, generator, tail_share)
            max_wrong = _fixed(auditor, spec, size)
        del index_A
        certificate = _certificate(n_rated(ledger), spec, auditor, max_wrong)
        note = None if certificate.reached else impossible
        if auditor and auditor.asked:
            index, answer = auditor.answers()
            del auditor  # larger than the ledger, of which there are three for a moment
            ledger = ledger.revoke(index).answered(index, answer, Source.AUDIT, round)
        return ledger, replace(certificate, note=note)


def audited_labels(ledger: LabelLedger, oracle: Oracle) -> Tensor:
    """Return int64, ascending: the samples with an auto-label, a given label or an unproven hand label."""
    index, confirmed = ledger.index_unchecked, confirmed_in_grids(ledger, oracle)
    return torch.cat([index, confirmed]).sort().values if len(confirmed) else index


def _fixed_size(n_auto: int, n_rated: int, spec: CertificateSpec, budget: int | None) -> int:
    """Return the number of questions of a fixed audit, which is known before the first answer."""
    size = spec.max_labels
    if size is None:
        aim = spec.aim(n_rated)
        size = audit_size(n_auto, aim, min(1.0, ANTICIPATED * aim / n_auto), spec.alpha)
    return min(size, n_auto, *([] if budget is None else [max(0, budget)]))


def _for_plan(generator: torch.Generator, spec: CertificateSpec, size: int) -> torch.Generator:
    """Return a generator whose numbers depend on those of `generator` and on the plan of a fixed audit.

    With the same numbers, the draws of a larger audit would begin with those of a smaller one. Whoever plans
    the larger one after seeing the smaller one fail would look twice at the same answers.
    """
    return _derived(generator, size, spec.tolerance, spec.confidence, spec.chosen_method, spec.oracle_error)


def _for_population(generator: torch.Generator, ledger: LabelLedger, oracle: Oracle) -> torch.Generator:
    """Return another generator if samples with an audited label have left the data, else the same one.

    If they leave while people answer the audit, it starts again with new draws. The old ones without the
    samples that left are no random sample: perhaps these left because they were found wrong.
    """
    left = replace(ledger, member_N=~ledger.member_N)  # the samples that are not part of the trial
    gone = audited_labels(left, oracle)
    return _derived(generator, *gone.tolist()) if len(gone) else generator


def _derived(generator: torch.Generator, *values: object) -> torch.Generator:
    base = int(torch.randint(2**62, (1,), generator=generator))
    return derive_generator(base, 0, "/".join(map(str, values)))


def _fixed(auditor: Auditor, spec: CertificateSpec, size: int) -> int:
    """Ask a number of questions fixed beforehand; return the most wrong labels that can be left."""
    auditor.draw(size)
    if spec.chosen_method == "weighted":
        return auditor.most_left(spec.alpha)
    most = most_wrong(len(auditor.answered_A), auditor.audited, auditor.found_wrong, spec.alpha)
    return most - auditor.found_wrong


def _reach(auditor: Auditor, spec: CertificateSpec, budget: int | None) -> int:
    """Ask until the tolerance is proven or no question is left; return the most that can be left wrong."""
    allowed, at_once = spec.allowance(budget), max(BATCH, auditor.questions_at_once)
    look = 0
    while True:
        aim = spec.aim(auditor.n_rated)
        left = auditor.unanswered if allowed is None else min(auditor.unanswered, allowed - auditor.asked)
        if left <= 0 or auditor.proven(aim, spec.alpha):
            break
        batch = max(BATCH, auditor.audited // 50)
        seldom = look % 5 and at_once == BATCH  # the estimate takes time
        tail = 0 if seldom else labels_by_hand(auditor, aim, spec.alpha)
        if tail:
            auditor.label_least_confident(min(left, max(batch, tail // 4, min(tail, at_once))))
        else:
            if at_once > batch:
                batch = max(batch, auditor.draws_left(aim, spec.alpha, at_once))
            auditor.draw(min(left, batch))
            look += 1
    return auditor.most_left(spec.alpha)


def _certificate(n_rated: int, spec: CertificateSpec, auditor: Auditor | None, max_wrong: int) -> Certificate:
    n, rate, with_error = auditor.n_rated if auditor else n_rated, spec.oracle_error, None
    if rate is not None:
        with_error = min(n, max_wrong + spec.oracle_errors(n))
    return Certificate(
        tolerance=spec.tolerance,
        confidence=spec.confidence,
        audited=auditor.audited if auditor else 0,
        asked=auditor.asked if auditor else 0,
        found_wrong=auditor.found_wrong if auditor else 0,
        set_aside=auditor.set_aside if auditor else 0,
        max_wrong=max_wrong,
        max_wrong_share=max_wrong / n if n else 0.0,
        reached=(max_wrong if with_error is None else with_error) <= spec.most_left(n),
        assumes=PERFECT_ORACLE if rate is None else ERRING_ORACLE.format(rate=100 * rate),
        method=spec.chosen_method if auditor else "none",
        oracle_error=rate,
        max_wrong_with_oracle_error=with_error,
        confidence_with_oracle_error=None if rate is None else max(0.0, spec.confidence - spec.oracle_delta),
    )
