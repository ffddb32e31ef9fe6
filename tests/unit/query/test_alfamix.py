"""ALFA-Mix, compared with the paper's mixing ratios, computed one by one with a gradient by autograd."""

import pytest
import torch
import torch.nn.functional as F

from alframe.core.records import Labelled, LastLayer, PoolScores
from alframe.query import AlfaMix
from alframe.query.alfamix import anchors, flipped, flipping_alpha
from tests.support.pool_scores import EMPTY, generator, labelled, normal, pool

FEATURES, LAYER = normal(80, 6), LastLayer(weight_CD=normal(4, 6, seed=1), bias_C=normal(4, seed=2))
KNOWN = normal(9, 6, seed=3)
LABELS = torch.arange(9) % 3  # the fourth class has no label


def flips(features_D: torch.Tensor, anchor_D: torch.Tensor, epsilon: float, layer: LastLayer) -> bool:
    """Mix by equation 5 of the paper and compare the predictions."""
    z = features_D.double().requires_grad_()
    weight, bias = layer.weight_CD.double(), layer.bias_C.double()
    predicted = F.linear(z, weight, bias).argmax()
    g = torch.autograd.grad(F.cross_entropy(F.linear(z, weight, bias), predicted), z)[0]
    step = anchor_D - z.detach()
    alpha_D = epsilon * step.norm() * g / (g.norm() * step)
    mixed = alpha_D * anchor_D + (1 - alpha_D) * z.detach()
    return bool(F.linear(mixed, weight, bias).argmax() != predicted)


@pytest.mark.parametrize("cap", [0.2, 0.6, 1.0])
def test_samples_flip_where_the_paper_s_mixing_ratios_flip_them(cap: float) -> None:
    means = [KNOWN[c == LABELS].double().mean(dim=0) for c in range(3)] + [KNOWN.double().mean(dim=0)]
    torch.testing.assert_close(anchors(KNOWN, LABELS, 4), torch.stack(means))
    slow = [any(flips(z, anchor, cap / 6**0.5, LAYER) for anchor in means) for z in FEATURES]
    alpha_P = flipping_alpha(FEATURES, torch.stack(means), LAYER)
    assert (alpha_P < cap).tolist() == slow
    assert 0 < sum(slow) < 80


def test_the_smallest_ratio_by_hand() -> None:
    # The gradient of the first class's loss points to the left. After 1 unit both classes have logit 0.
    layer = LastLayer(weight_CD=torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), bias_C=torch.zeros(2))
    anchors_CD = torch.tensor([[-3.0, 0.0], [2.0, 0.0]]).double()
    alpha_P = flipping_alpha(torch.tensor([[1.0, 0.0], [-3.0, 0.0]]), anchors_CD, layer)
    assert alpha_P.tolist() == pytest.approx([2**0.5 * 1 / 4, 2**0.5 * 3 / 5])
    sure = flipping_alpha(torch.tensor([[900.0, 0.0]]), anchors_CD, layer)  # probability 1 in float64
    assert sure.tolist() == pytest.approx([2**0.5 * 900 / 903])


def test_the_cap_grows_until_more_flip_than_are_asked() -> None:
    alpha_P = torch.tensor([0.1, 0.35, 0.3, 0.5, 0.95, 3.0, torch.inf])
    assert flipped(alpha_P, 0.2, 1).tolist() == [0, 1, 2]
    assert flipped(alpha_P, 0.2, 2).tolist() == [0, 1, 2]
    assert flipped(alpha_P, 0.2, 3).tolist() == [0, 1, 2, 3]
    assert flipped(alpha_P, 0.2, 6).tolist() == flipped(alpha_P, 1.0, 1).tolist() == [0, 1, 2, 3, 4]
    assert flipped(alpha_P, 0.3, 6).tolist() == [0, 1, 2, 3, 4]  # the last step is 1.2


def scores() -> PoolScores:
    return pool(80, features_PD=FEATURES, last_layer=LAYER)


def held() -> Labelled:
    known = labelled(KNOWN)
    return Labelled(**{**vars(known), "label_L": LABELS})


def test_flipped_samples_are_asked_first_and_random_ones_fill_up() -> None:
    strategy = AlfaMix(max_candidates=None, alpha_cap=0.2)
    alpha_P = flipping_alpha(FEATURES, anchors(KNOWN, LABELS, 4), LAYER)
    candidates = {*(flipped(alpha_P, 0.2, 5) + 10).tolist()}
    assert 5 < len(candidates) < 80
    assert {*strategy.select(scores(), held(), 5, generator()).tolist()} < candidates
    everything = {*(flipped(alpha_P, 0.2, 80) + 10).tolist()}
    n = len(everything)
    asked, others = (strategy.select(scores(), held(), n + 3, generator(seed)).tolist() for seed in (0, 1))
    assert {*asked[:n]} == {*others[:n]} == everything
    assert {*asked[n:]} != {*others[n:]}


def test_a_far_group_of_flipped_samples_gets_a_question_of_its_own() -> None:
    # All lie just right of the boundary; one group points up, a smaller one down.
    up, down = torch.tensor([0.1, 5.0]), torch.tensor([0.1, -5.0])
    features = torch.cat([up + 0.01 * normal(30, 2), down + 0.01 * normal(4, 2, seed=1)])
    layer = LastLayer(weight_CD=torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), bias_C=torch.zeros(2))
    known = labelled(torch.tensor([[3.0, 0.0], [-3.0, 0.0]]))
    strategy = AlfaMix(max_candidates=None, alpha_cap=0.2)
    asked = strategy.select(pool(34, features_PD=features, last_layer=layer), known, 2, generator()) - 10
    assert sorted((asked >= 30).tolist()) == [False, True]


def test_without_labels_the_choice_is_random() -> None:
    strategy = AlfaMix(max_candidates=None, alpha_cap=0.2)
    none = Labelled(index_L=EMPTY, label_L=EMPTY, hand_L=EMPTY.bool(), pool_P=EMPTY, features_LD=KNOWN[:0])
    first, second = (strategy.select(scores(), none, 6, generator(seed)).tolist() for seed in (0, 1))
    assert first != second
