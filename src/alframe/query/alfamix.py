"""ALFA-Mix: samples whose prediction flips when their features are mixed a little with those of a class.

A sample's features z are mixed with an anchor z*, the mean of the labelled features of a class. The mixing
ratio that the paper finds in closed form, one for each feature, moves z by epsilon ||z* - z|| g / ||g||, with
g the gradient of the loss of the predicted class. So an anchor only decides how far z moves, and the farthest
anchor moves it most. With a linear last layer, g is W^T (p - onehot(y)) and the logits are straight lines
along g. So the smallest epsilon that flips a prediction is known without a network.

Axes: P the candidates, L the labelled, C the classes, D the features.

Source: Parvaneh, Abbasnejad, Teney, Haffari, van den Hengel & Shi, Active learning by feature mixing, CVPR
2022, equation 5 and algorithm 1, and the published code (AminParvaneh/alpha_mix_active_learning, closed
form). As there, epsilon is alpha_cap / sqrt(D) and grows in steps until more than n predictions flip, a class
without a label has the mean of all labelled features as its anchor, the flipped samples are clustered by
their directions, and random samples follow if there are too few.
"""

from dataclasses import dataclass, field
from math import ceil

import torch
from torch import Tensor

from alframe.core.records import Labelled, LastLayer, PoolScores
from alframe.core.selection import among
from alframe.query.clustering import nearest_to_centres
from alframe.query.distances import directions, squared_distances
from alframe.query.pool_ranking import Subset, finite

ROWS = 4096  # samples whose features are in float64 at once


@dataclass(frozen=True, kw_only=True)
class AlfaMix(Subset):
    """Asks one sample of each cluster of those whose prediction flips when features are mixed.

    Auto-labels count as labelled.

    Attributes:
        max_candidates: at least 1, the size of the random part of the pool that is looked at; None takes all.
        alpha_cap: in (0, 1]; the first step of epsilon * sqrt(D), and each further step up to 1.
        device: where distances are computed; the trial passes it.

    Source: Parvaneh et al., Active learning by feature mixing, CVPR 2022, closed form.
    """

    alpha_cap: float
    needs: frozenset[str] = field(
        default=frozenset({"features", "labelled_features", "last_layer"}), init=False
    )

    def select(self, scores: PoolScores, labelled: Labelled, n: int, generator: torch.Generator) -> Tensor:
        """Return (min(n, P),) int64, the data-set indices to ask; random ones come last."""
        assert scores.last_layer is not None
        features_PD = finite(scores, "features_PD")
        labelled_LD = finite(labelled, "features_LD")
        n = min(n, len(scores))
        if n == 0:
            return scores.index_P[:0]
        anchors_CD = anchors(labelled_LD, labelled.label_L, len(scores.last_layer.bias_C))
        parts = (part.to(self.distance_device) for part in features_PD.split(ROWS))
        alpha_P = torch.cat([flipping_alpha(part, anchors_CD, scores.last_layer).cpu() for part in parts])
        candidates = flipped(alpha_P, self.alpha_cap, n)
        chosen = candidates[nearest_to_centres(directions(features_PD[candidates]).float(), n, generator)]
        rest = torch.randperm(len(scores), generator=generator)
        return scores.index_P[torch.cat([chosen, rest[~among(rest, chosen)]])[:n]]


def anchors(features_LD: Tensor, label_L: Tensor, n_classes: int) -> Tensor:
    """Return (C, D) float64, the mean features of each class, or of all samples for a class without a label.

    It has no rows if nothing is labelled.
    """
    own_CL = label_L == torch.arange(n_classes)[:, None]
    sums_CD = torch.stack([features_LD[own_L].double().sum(dim=0) for own_L in own_CL])
    counts_C1 = own_CL.sum(dim=1, keepdim=True)
    means_CD = torch.where(counts_C1 > 0, sums_CD / counts_C1, sums_CD.sum(dim=0) / len(label_L))
    return means_CD if len(label_L) else means_CD[:0]


def flipping_alpha(features_PD: Tensor, anchors_CD: Tensor, layer: LastLayer) -> Tensor:
    """Return (P,) float64 >= 0, the smallest epsilon * sqrt(D) that flips a prediction, or infinity.

    Args:
        features_PD: (P, D) float, finite. anchors_CD: (any, D) float64. layer: the last layer.
    """
    features_PD = features_PD.double()
    anchors_CD, weight_CD = anchors_CD.to(features_PD), layer.weight_CD.to(features_PD)
    logits_PC = features_PD @ weight_CD.T + layer.bias_C.to(features_PD)
    predicted_P1 = logits_PC.argmax(dim=1, keepdim=True)
    errors_PC = _errors(logits_PC, predicted_P1)
    rise_PC = _along_gradient(errors_PC, weight_CD)
    gap_PC = logits_PC.gather(1, predicted_P1) - logits_PC
    # Along the gradient, a class gains this much on the predicted class per unit of length.
    gain_PC = rise_PC - rise_PC.gather(1, predicted_P1)
    length_P = torch.where(gain_PC > 0, gap_PC / gain_PC, torch.inf).amin(dim=1)
    if len(anchors_CD) == 0:
        return torch.full_like(length_P, torch.inf)
    farthest_P = squared_distances(features_PD, anchors_CD).amax(dim=1).sqrt()
    alpha_P = features_PD.shape[1] ** 0.5 * length_P / farthest_P
    return torch.where(farthest_P > 0, alpha_P, torch.inf)


def _errors(logits_PC: Tensor, predicted_P1: Tensor) -> Tensor:
    """Return (P, C), p - onehot(predicted) over 1 - p(predicted), which keeps the direction.

    So it does not vanish where the classifier is certain.
    """
    others_PC = logits_PC.scatter(1, predicted_P1, -torch.inf).log_softmax(dim=1).exp()
    return others_PC.scatter(1, predicted_P1, -1.0)


def _along_gradient(errors_PC: Tensor, weight_CD: Tensor) -> Tensor:
    """Return (P, C), the rise of each logit per unit of length along the gradient, 0 if the gradient is 0."""
    rise_PC = errors_PC @ (weight_CD @ weight_CD.T)
    norm_P1 = (rise_PC * errors_PC).sum(dim=1, keepdim=True).clamp_min(0).sqrt()
    return torch.where(norm_P1 > 0, rise_PC / norm_P1, 0.0)


def flipped(alpha_P: Tensor, alpha_cap: float, n: int) -> Tensor:
    """Return int64, the positions that flip below the first multiple of `alpha_cap` at which more than n do.

    The multiples end with the first one that reaches 1.

    >>> flipped(torch.tensor([0.9, 0.1, 0.3, 2.0]), 0.2, 1).tolist()
    [1, 2]
    """
    steps = range(1, ceil(1 / alpha_cap - 1e-9) + 1)
    caps = (k * alpha_cap for k in steps)
    cap = next((cap for cap in caps if int((alpha_P < cap).sum()) > n), steps[-1] * alpha_cap)
    return (alpha_P < cap).nonzero().flatten()
