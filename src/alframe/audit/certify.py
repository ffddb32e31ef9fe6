"""Audit the auto-labels of a ledger and certify an upper bound on the number of wrong labels.

When labelling has ended, the labels are fixed numbers. A random audit bounds how many are wrong, whatever
produced them. The bound counts wrong labels: a sample without a label is not wrong, but it counts in the size
of the data set. The tolerance is a share of that size.

A fixed audit (`reach=False`) draws a number of auto-labels uniformly, which is set before the first answer,
and uses the exact hypergeometric bound. To reach a tolerance, labels are drawn until a bound that holds at
all times at once is within it (`alframe.audit.betting`), the least confident more often. If hand labelling
the least confident looks cheaper than more draws, they are hand labelled instead.

Why not a sequence of nested sets of labels, tested from the most confident upward (PAC labelling, Candes,
Ilyas and Zrnic 2025, arXiv 2506.10908)? Testing them in a fixed order at level alpha each is sound for
hypotheses fixed beforehand, "more than K wrong in the first j": the first true one in the order is fixed,
and only it can make the sequence err. Here the hypotheses would be "more than K left in the first j after
the corrections", and the answers decide which of those is the first true one. In different runs it
could be different ones, and their error probabilities would add up. One bound on the total, with hand
labelling as a choice made from past answers, needs no such argument and no grid, and counts every correction.
"""

from dataclasses import dataclass, replace
from itertools import count

import torch

from alframe.audit.betting import smallest_error_free_draws
from alframe.audit.certificate import ERRING_ORACLE, PERFECT_ORACLE, CertificateSpec
from alframe.audit.hypergeometric import audit_size, most_oracle_errors, most_wrong, smallest_error_free_audit
from alframe.audit.next_questions import labels_by_hand
from alframe.audit.sampling import TAIL_SHARE, Auditor
from alframe.core.ledger import LabelLedger
from alframe.core.protocols import Oracle
from alframe.core.reports import Certificate

# Without `max_labels`, a fixed audit is large enough to pass in nine of ten cases if the share of wrong
# labels is a quarter of the tolerance. To pass at half of it, it would need more than twice the questions.
ANTICIPATED = 0.25
# A look at the bound costs nothing. The batch limits the questions asked after the proof is reached, and the
# number of calls of the oracle.
BATCH = 10
# The error probability, on top of 1 - confidence, that an oracle errs more often than its rate allows.
ORACLE_DELTA = 0.001


@dataclass(frozen=True)
class AuditCertifier:
    """Audits the auto-labels at the end of a trial.

    Attributes:
        spec: the statement to prove.
    """

    spec: CertificateSpec

    def infeasible(self, ledger: LabelLedger, budget: int | None) -> str | None:
        """Return why the allowed number of answers cannot be enough, or None; as `feasibility`."""
        return feasibility(len(ledger.index_auto), ledger.n_samples, self.spec, budget)

    def certify(
        self,
        ledger: LabelLedger,
        oracle: Oracle,
        generator: torch.Generator,
        budget: int | None,
        round: int,
    ) -> tuple[LabelLedger, Certificate]:
        """Return the ledger with the audited labels as hand labels, and the certificate.

        Args:
            ledger: final labels. Only auto-labels are audited; hand labels are assumed to be right.
            oracle: answers with labels, which replace the auto-labels that were asked about.
            generator: draws the audit; the same state gives the same questions.
            budget: the most questions, None for no limit except `spec.max_labels`.
            round: the round in which the audit's labels are committed.
        """
        spec, n_auto = self.spec, len(ledger.index_auto)
        if n_auto == 0:
            return ledger, _certificate(ledger, spec, None, 0)
        auditor = Auditor(ledger, oracle, generator, TAIL_SHARE if spec.chosen_method == "weighted" else 0.0)
        ask = _reach if spec.reach else _fixed
        certificate = _certificate(ledger, spec, auditor, ask(auditor, ledger, spec, budget))
        note = None if certificate.reached else self.infeasible(ledger, budget)
        return auditor.corrected(ledger, round), replace(certificate, note=note)


def feasibility(n_auto: int, n_samples: int, spec: CertificateSpec, budget: int | None) -> str | None:
    """Return one line if even an audit without an error would fail with the allowed questions, else None.

    Args:
        n_auto: auto-labels. n_samples: the data set's size.
        spec: the statement to prove. budget: hand labels left in the trial, None for no limit.

    >>> spec = CertificateSpec(tolerance=0.005, confidence=0.95, reach=False, max_labels=200, method="auto",
    ...                        oracle_error=None)
    >>> print(feasibility(60_000, 60_000, spec, None))
    certificate.max_labels: 200 answers cannot prove that at most 0.5 % of 60,000 labels are wrong; \
593 is the smallest number that could.
    """
    allowed, least = spec.allowance(budget), _least(n_auto, n_samples, spec)
    if allowed is None or allowed >= least:
        return None
    by_plan = spec.max_labels is not None and allowed == spec.max_labels
    key = "certificate.max_labels" if by_plan else "stopping.max_hand_labels"
    about = "about " if spec.chosen_method == "weighted" else ""
    return (
        f"{key}: {allowed:,} answers cannot prove that at most {100 * spec.tolerance:g} % of {n_samples:,} "
        f"labels are wrong; {about}{least:,} is the smallest number that could."
    )


def _least(n_auto: int, n_samples: int, spec: CertificateSpec) -> int:
    most_left = spec.most_left(n_samples)
    if spec.reach or spec.chosen_method == "weighted":
        base = 1.0 - TAIL_SHARE if spec.chosen_method == "weighted" else 1.0
        return smallest_error_free_draws(n_auto, most_left, spec.alpha, base)
    return smallest_error_free_audit(n_auto, most_left, spec.alpha)


def _fixed(auditor: Auditor, ledger: LabelLedger, spec: CertificateSpec, budget: int | None) -> int:
    """Ask a number of questions fixed beforehand; return the most wrong labels that can be left."""
    n_auto, n_samples = len(auditor.answered_A), ledger.n_samples
    most_left = spec.most_left(n_samples)
    size = spec.max_labels
    if size is None:
        size = audit_size(n_auto, most_left, min(1.0, ANTICIPATED * most_left / n_auto), spec.alpha)
    auditor.draw(min(size, n_auto, *([] if budget is None else [max(0, budget)])))
    if spec.chosen_method == "weighted":
        return auditor.most_left(spec.alpha)
    return most_wrong(n_auto, auditor.audited, auditor.found_wrong, spec.alpha) - auditor.found_wrong


def _reach(auditor: Auditor, ledger: LabelLedger, spec: CertificateSpec, budget: int | None) -> int:
    """Ask until the tolerance is proven or no question is left; return the most that can be left wrong."""
    most_left, allowed = spec.most_left(ledger.n_samples), spec.allowance(budget)
    for look in count():
        left = auditor.unanswered if allowed is None else min(auditor.unanswered, allowed - auditor.asked)
        if left <= 0 or auditor.proven(most_left, spec.alpha):
            break
        batch = min(left, max(BATCH, auditor.asked // 50))
        tail = labels_by_hand(auditor, most_left, spec.alpha) if look % 5 == 0 else 0
        if tail:
            auditor.label_least_confident(min(left, max(batch, tail // 4)))
        else:
            auditor.draw(batch)
    return auditor.most_left(spec.alpha)


def _certificate(
    ledger: LabelLedger, spec: CertificateSpec, auditor: Auditor | None, max_wrong: int
) -> Certificate:
    n_samples = ledger.n_samples
    rate, with_error = spec.oracle_error, None
    if rate is not None:
        with_error = min(n_samples, max_wrong + most_oracle_errors(n_samples, rate, ORACLE_DELTA))
    return Certificate(
        tolerance=spec.tolerance,
        confidence=spec.confidence,
        audited=auditor.audited if auditor else 0,
        asked=auditor.asked if auditor else 0,
        found_wrong=auditor.found_wrong if auditor else 0,
        max_wrong=max_wrong,
        max_wrong_share=max_wrong / n_samples if n_samples else 0.0,
        reached=(max_wrong if with_error is None else with_error) <= spec.most_left(n_samples),
        assumes=PERFECT_ORACLE if rate is None else ERRING_ORACLE.format(rate=100 * rate),
        method=spec.chosen_method if auditor else "none",
        oracle_error=rate,
        max_wrong_with_oracle_error=with_error,
        confidence_with_oracle_error=None if rate is None else spec.confidence - ORACLE_DELTA,
    )
