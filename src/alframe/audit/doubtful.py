"""Which labels that were confirmed in grids are asked about again, one at a time, before an audit.

People overlook errors in grids. Each wrong label that is corrected beforehand shortens the audit, and a label
is worth a question if that saves at least one answer of the audit in the mean.
"""

import math

from torch import Tensor

# Close to the tolerance, an audit gets so long that a single error seems to be worth thousands of questions.
MOST_OF_AIM = 0.5


def audit_answers(wrong: float, aim: int, n: int, alpha: float) -> float:
    """Return about how many answers prove that at most `aim` labels of n are wrong, if `wrong` are.

    The best bet gains KL(wrong / n || aim / n) nats with each answer and needs ln(1 / alpha).

    Args:
        wrong: in [0, aim). aim: in [1, n). alpha: in (0, 1).

    >>> round(audit_answers(0, 600, 60_000, 0.05)), round(audit_answers(150, 600, 60_000, 0.05))
    (298, 737)
    """
    is_wrong, tolerated = wrong / n, aim / n
    gain = (1 - is_wrong) * math.log((1 - is_wrong) / (1 - tolerated))
    if is_wrong > 0:
        gain += is_wrong * math.log(is_wrong / tolerated)
    return -math.log(alpha) / gain


def answers_saved(wrong: float, aim: int, n: int, alpha: float) -> float:
    """Return how many answers an audit needs less if one of `wrong` labels is corrected before it.

    >>> round(answers_saved(150, 600, 60_000, 0.05), 1), round(answers_saved(50, 600, 60_000, 0.05), 1)
    (4.2, 2.4)
    """
    wrong = min(wrong, MOST_OF_AIM * aim)
    fewer = max(0.0, wrong - 1)
    saved = audit_answers(wrong, aim, n, alpha) - audit_answers(fewer, aim, n, alpha)
    return saved / (wrong - fewer) if wrong > 0 else 0.0


def n_worth_asking(wrong_U: Tensor, others_wrong: float, aim: int, n: int, alpha: float) -> int:
    """Return how many labels, the most doubtful first, are worth a question each.

    Args:
        wrong_U: (U,) float64, falling: the probability that each label is wrong.
        others_wrong: how many of the other audited labels are wrong in the mean.
        aim: the wrong labels that the audit tolerates. n: samples. alpha: of the certificate.

    >>> import torch
    >>> n_worth_asking(torch.tensor([0.9, 0.6, 0.3, 0.1]).double(), 50.0, 600, 60_000, 0.05)
    2
    """
    if aim < 1 or aim >= n:
        return 0
    left = others_wrong + float(wrong_U.sum())
    for k, wrong in enumerate(wrong_U.tolist()):
        if wrong * answers_saved(left, aim, n, alpha) < 1.0:
            return k
        left -= wrong
    return len(wrong_U)
