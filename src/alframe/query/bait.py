"""BAIT: the batch after which the last layer's parameters would be best known, by Fisher information.

With I(x) the Fisher information of a sample's label about the last layer's weights, F its mean over all
samples and M the information of the labelled and the asked samples, the batch should minimise tr(M^-1 F). 2 n
samples join M one by one, each the one that lowers the trace most; then n leave one by one, each the one that
raises it least.

Axes: P the candidates, L the labelled, C the classes, D the features, R, G and K as in `fisher`.

Sources: Ash, Goel, Krishnamurthy & Kakade, Gone fishing: neural active learning with Fisher embeddings,
NeurIPS 2021, algorithm 1; the weights of labelled and new samples are those of the published code
(JordanAsh/badge). The likelihood "binary", one group of parameters instead of one a class: Huseljic, Hahn,
Herde, Rauch & Sick, Fast fishing, ECML-PKDD 2024, section 4.2.
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from alframe.core.log_odds import log_odds
from alframe.core.records import Labelled, PoolScores
from alframe.query.clustering import one_thread
from alframe.query.fisher import Forms, Samples, Trace, Update, information, updated
from alframe.query.pool_ranking import Subset, finite, highest

TOP = 1024  # samples whose change of the trace is updated after every choice
FITTED = 2**14  # at most this many samples are used to find the principal axes
FARTHEST = 1e4  # a feature beyond this multiple of the scale would cost M its precision


@dataclass(frozen=True, kw_only=True)
class Bait(Subset):
    """Asks the batch that lowers the expected error most, by the Fisher information of the last layer.

    Auto-labels count as labelled. It makes no random choice besides the candidates.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.
        likelihood: "categorical", as in the first source: the weights of all classes, C * D parameters;
            "binary", as in the second source: whether the predicted class is right, D parameters.
        max_parameters: at least 1; if there are more parameters, features are projected on as many principal
            axes as fit. The time grows with its square.
        regularization: at least 1e-6, added to the diagonal of M, in units of the features' mean square.
        device: where matrices are computed; the trial passes it.

    Source: Ash, Goel, Krishnamurthy & Kakade, NeurIPS 2021, algorithm 1; Huseljic et al., ECML-PKDD 2024.
    """

    likelihood: Literal["binary", "categorical"]
    max_parameters: int
    regularization: float
    needs: frozenset[str] = field(
        default=frozenset({"log_probs", "features", "labelled_features", "labelled_log_probs"}), init=False
    )

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask, in the order of the choice."""
        factor_PRG = factors(finite(scores, "log_probs_PC"), self.likelihood)
        factor_LRG = factors(finite(labelled, "log_probs_LC"), self.likelihood)
        features_PD, labelled_LD = finite(scores, "features_PD"), finite(labelled, "features_LD")
        n = min(n, len(scores))
        if n in (0, len(scores)):
            return scores.index_P[:n]
        axes_DD = principal_axes(features_PD, max(1, self.max_parameters // factor_PRG.shape[2]))
        pool = Samples(factor_PRG, projected(features_PD, axes_DD))
        known = Samples(factor_LRG, projected(labelled_LD, axes_DD))
        pool, known = (Samples(*(each.to(self.distance_device) for each in both)) for both in (pool, known))
        return scores.index_P[best_batch(pool, known, n, self.regularization)]


def factors(log_probs_PC: Tensor, likelihood: str) -> Tensor:
    """Return (P, R, G) float32, A with A^T A the Fisher information of a sample's logits.

    It is diag(p) - p p^T for the categorical likelihood, and q (1 - q) for the binary one, with q = max(p).

    >>> factors(torch.tensor([[0.8, 0.2]]).log(), "binary").square().mul(100).round().tolist()
    [[[16.0]]]
    """
    if likelihood == "binary":
        odds_P = log_odds(log_probs_PC)[1].double()
        return (torch.sigmoid(odds_P) * torch.sigmoid(-odds_P)).sqrt().float()[:, None, None]
    p_PC = log_probs_PC.exp()
    root_PC1 = p_PC.sqrt()[:, :, None]
    return root_PC1 * (torch.eye(p_PC.shape[1]) - p_PC[:, None, :])


def principal_axes(features_PD: Tensor, n_axes: int) -> Tensor:
    """Return (D, min(D, n_axes)) float64: the directions of the largest features, times their scale.

    The projected features have a mean square of 1 over all D. The axes are found from at most FITTED evenly
    spaced samples, and they are those of the coordinates if all fit.
    """
    some_SD = features_PD[:: -(-len(features_PD) // FITTED)].double()
    largest = float(some_SD.abs().max()) or 1.0
    some_SD = some_SD / largest
    scale = float(some_SD.square().mean().sqrt()) * largest or 1.0
    if n_axes >= features_PD.shape[1]:
        return torch.eye(features_PD.shape[1], dtype=torch.float64) / scale
    return torch.linalg.eigh(some_SD.T @ some_SD).eigenvectors[:, -n_axes:].flip(1) / scale


def projected(features_PD: Tensor, axes_DD: Tensor) -> Tensor:
    """Return (P, axes) float32, the features along the axes, cut off at FARTHEST times their scale."""
    parts = (part.double() @ axes_DD for part in features_PD.split(4096))
    return torch.cat([part.clamp(-FARTHEST, FARTHEST).float() for part in parts])


def best_batch(pool: Samples, known: Samples, n: int, regularization: float) -> Tensor:
    """Return (n,) int64 positions on the CPU, in the order of the choice.

    Args:
        pool: the candidates, more than n. known: the labelled samples.
        n: how many. regularization: of M.
    """
    n_known, n_all = len(known.features_PD), len(known.features_PD) + len(pool.features_PD)
    fisher_KK = information(pool, 1 / n_all) + information(known, 1 / n_all)
    start_KK = information(known, 1 / (n_known + n))
    start_KK.diagonal().add_(regularization)
    pool = pool._replace(factor_PRG=pool.factor_PRG * (n / (n_known + n)) ** 0.5)
    chosen = added(Trace(start_KK, fisher_KK), pool, min(2 * n, len(pool.features_PD)))
    joined = pool.at(chosen).double()
    # Computed anew, since what the updates rounded away would decide which samples leave.
    trace = Trace(start_KK + information(joined, 1.0), fisher_KK)
    return chosen[kept(trace, joined, n)].cpu()


@one_thread()
def added(trace: Trace, pool: Samples, n: int) -> Tensor:
    """Return (n,) int64 positions: each lowers the trace most. Ties go to the lowest position.

    The TOP best samples are updated after every choice, the others after many choices by one product: as soon
    as the best of the top is no better than the others were. A sample outside the top that has become better
    meanwhile, which is rare, waits until then.
    """
    forms, chosen = trace.forms(pool), torch.empty(0, dtype=torch.int64, device=pool.features_PD.device)
    while len(chosen) < n:
        gain_P = forms.change(1).index_fill(0, chosen, -torch.inf)
        top_T = highest(gain_P.cpu(), TOP + 1).to(gain_P.device)
        bound = float(gain_P[top_T[-1]]) if len(top_T) > TOP else -torch.inf
        new, updates = _added_from_top(trace, pool, forms, top_T[:TOP].sort().values, n - len(chosen), bound)
        chosen = torch.cat([chosen, new])
        if len(chosen) < n:
            forms = updated(forms, pool, updates)
    return chosen


def _added_from_top(
    trace: Trace, pool: Samples, forms: Forms, top_T: Tensor, n: int, bound: float
) -> tuple[Tensor, list[Update]]:
    """Return the next 1 to n choices, as positions, and the updates that they made."""
    top, forms = pool.at(top_T), Forms(*(each[top_T] for each in forms))
    updates: list[Update] = []
    chosen: list[int] = []
    while len(chosen) < min(n, len(top_T)):
        gain_T = forms.change(1)
        gain_T[chosen] = -torch.inf
        best = int(gain_T.argmax())
        if chosen and float(gain_T[best]) <= bound:
            break
        chosen.append(best)
        updates.append(trace.update(top.at(slice(best, best + 1)), 1))
        forms = updated(forms, top, updates[-1:])
    return top_T[torch.tensor(chosen, device=top_T.device)], updates


@one_thread()
def kept(trace: Trace, chosen: Samples, n: int) -> Tensor:
    """Return (n,) int64 positions, ascending, after the others left: each raised the trace least.

    Args:
        trace: with the chosen samples in M. chosen: in float64. n: how many.
    """
    forms, left = trace.forms(chosen), torch.arange(len(chosen.features_PD))
    while len(left) > n:
        worst = int(forms.change(-1).argmin())
        update = trace.update(chosen.at(slice(worst, worst + 1)), -1)
        others = torch.arange(len(left)) != worst
        chosen, left = chosen.at(others), left[others]
        forms = updated(Forms(*(each[others] for each in forms)), chosen, [update])
    return left
