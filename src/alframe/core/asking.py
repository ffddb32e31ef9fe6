"""Questions to the oracle: which samples, their answers, and answers that people change later."""

from collections.abc import Callable

import torch
from torch import Tensor

from alframe.core.components import Components
from alframe.core.ledger import NO_ANSWER, LabelLedger, Source
from alframe.core.protocols import ProposingOracle, RememberingOracle
from alframe.core.records import PoolScores
from alframe.core.selection import among


def question_of(
    components: Components, ledger: LabelLedger, purpose: str, round: int, select: Callable[[], Tensor]
) -> Tensor:
    """Return the samples to ask about: of a question that is open already, or else a new selection.

    Args:
        purpose: of the question, the same in each process. select: returns int64 indices of the pool.
    """
    if not isinstance(components.oracle, RememberingOracle):
        return select()
    earlier = components.oracle.begin(purpose, round)
    still_open = earlier[among(earlier, ledger.index_unlabelled)]
    return still_open if len(still_open) else select()


def propose(components: Components, scores: PoolScores, index_Q: Tensor, blind_Q: Tensor) -> None:
    """Give the predictions for a question to an oracle that shows them; as `ProposingOracle.propose`."""
    if isinstance(components.oracle, ProposingOracle) and len(index_Q):
        components.oracle.propose(scores.at(among(scores.index_P, index_Q)).predictions(), blind_Q)


def hand_label(
    components: Components, ledger: LabelLedger, index_Q: Tensor, source: Source, round: int
) -> LabelLedger:
    """Return the ledger with the oracle's answers to `index_Q` (int64) added."""
    if len(index_Q) == 0:
        return ledger
    return ledger.answered(index_Q, components.oracle.label(index_Q), source, round)


def with_current_answers(
    components: Components, ledger: LabelLedger, round: int, *, closed: bool = False
) -> LabelLedger:
    """Return the ledger with the answers that people have changed or added since it was made.

    Args:
        round: in which later answers are committed. What its own questions have changed is left to them.
        closed: its own questions are answered and in the ledger, so that other answers to them, such as those
            of an audit that began again, are taken as well.
    """
    oracle = components.oracle
    if not isinstance(oracle, RememberingOracle):
        return ledger
    oracle.collect()
    index = torch.cat([ledger.index_hand, ledger.index_set_aside])
    answer = oracle.current(index)
    known = oracle.known(round + closed)
    # An audit that goes on after a pause must find the labels as they were when it drew its samples.
    changed = (answer != NO_ANSWER) & (answer != ledger.answer_of(index)) & among(index, known)
    if bool(changed.any()):
        ledger = ledger.changed(index[changed], answer[changed])
    ledger = ledger.revoke(known[among(known, ledger.index_auto)])
    late = known[among(known, ledger.index_unlabelled)]
    answer = oracle.current(late)
    still = answer != NO_ANSWER  # people can take an answer back at any moment
    return ledger.answered(late[still], answer[still], Source.QUERY, round) if bool(still.any()) else ledger
