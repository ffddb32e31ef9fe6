"""Before the audit, labels that were confirmed in grids and that the last classifier doubts are asked again.

The labels of an audit must have their final values before it draws. So this question is chosen by the
classifier alone, and ends before the audit begins.

Axes: U labels that were confirmed in grids.
"""

import math

import torch
from torch import Tensor

from alframe.core.answer_counting import DOUBTFUL
from alframe.core.answer_times import USUAL
from alframe.core.components import Components
from alframe.core.ledger import NO_ANSWER, LabelLedger, Source
from alframe.core.protocols import MendsFirst, Oracle, ProposingOracle, RememberingOracle


def confirmed_in_grids(ledger: LabelLedger, oracle: Oracle) -> Tensor:
    """Return int64, ascending: the hand labels that were confirmed many at a time."""
    hand = ledger.index_hand
    return hand[oracle.unproven(hand)] if isinstance(oracle, ProposingOracle) else hand[:0]


def with_doubts(components: Components, ledger: LabelLedger) -> LabelLedger:
    """Return the ledger with the log-odds that labels confirmed in grids are right, by the last classifier.

    Of the images whose label is right all are confirmed, of the others the share that people overlook. By
    Bayes' rule the odds of a confirmed label are those of the classifier over this share.
    """
    index_U = confirmed_in_grids(ledger, components.oracle)
    if len(index_U) == 0:
        return ledger
    log_probs_UC = components.learner.score(index_U, frozenset({"log_probs"})).log_probs_PC
    assert log_probs_UC is not None
    log_prob_U = log_probs_UC.double().gather(1, ledger.label_N[index_U][:, None]).squeeze(1)
    log_odds_U = log_prob_U - torch.log(-torch.expm1(log_prob_U.clamp(max=-1e-12)))
    return ledger.rated(index_U, log_odds_U - math.log(USUAL.overlooked))


def mend(components: Components, ledger: LabelLedger, round: int) -> LabelLedger:
    """Return the ledger with new answers to doubtful labels, each given to one image alone."""
    oracle, certifier = components.oracle, components.certifier
    if not isinstance(certifier, MendsFirst):
        return ledger
    index_Q = torch.empty(0, dtype=torch.int64)
    if isinstance(oracle, RememberingOracle):
        index_Q = oracle.begin(DOUBTFUL, round)
        index_Q = index_Q[ledger.answer_of(index_Q) != NO_ANSWER]
    if len(index_Q) == 0:
        index_Q = certifier.doubtful(with_doubts(components, ledger), oracle)
    if len(index_Q) == 0:
        return ledger
    return ledger.revoke(index_Q).answered(index_Q, oracle.label(index_Q), Source.MEND, round)
