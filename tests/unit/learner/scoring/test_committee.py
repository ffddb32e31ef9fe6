"""Features and committees, compared with their definitions."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from alframe.core.errors import ConfigError, TrialError
from alframe.data.image_bank import ImageBank
from alframe.learner.compute.device import Compute
from alframe.learner.module import Normalize
from alframe.learner.scoring.batch_size import BatchSize
from alframe.learner.scoring.committee import Committee, Details, last_layer, last_linear, score_details

CPU = Compute.choose("cpu", "float32")
IMAGES = torch.randint(0, 256, (40, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Flattened pixels, a hidden layer with dropout, a last layer."""

    def __init__(self, seed: int, dropout: float = 0.5) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = nn.Linear(16, 8)
            self.drop = nn.Dropout(dropout)
            self.head = nn.Linear(8, 3)

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x.flatten(1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(self.hidden(x)))


def normalize() -> nn.Module:
    return Normalize(torch.tensor([120.0]), torch.tensor([60.0]))


def pixels(index: torch.Tensor) -> torch.Tensor:
    return normalize()(IMAGES[index])


def committee_of(**settings: Any) -> Committee:
    return Committee(**{"kind": "ensemble", "passes": 10, "dropout": 0.25, **settings})


def look(*networks: nn.Module, index: torch.Tensor | None = None, batch: int = 7, **changes: Any) -> Details:
    options: dict[str, Any] = {
        "needs": frozenset({"features", "members"}),
        "committee": committee_of(),
        "seed": 3,
    }
    return score_details(
        [network.eval() for network in networks],
        normalize(),
        ImageBank(IMAGES),
        torch.tensor([5, 3, 30, 31, 0, 9, 12, 8, 7]) if index is None else index,
        compute=CPU,
        batch_size=BatchSize(batch),
        **{**options, **changes},
    )


INDEX = torch.tensor([5, 3, 30, 31, 0, 9, 12, 8, 7])


def test_features_are_the_input_of_the_newest_networks_last_layer() -> None:
    old, new = Net(0), Net(1)
    details = look(old, new)
    torch.testing.assert_close(details.features_PD, new.hidden(pixels(INDEX)).detach())


def test_the_last_layer_turns_the_features_into_the_newest_networks_logits() -> None:
    old, new = Net(0), Net(1)
    details = look(old, new, needs=frozenset({"features", "last_layer"}))
    logits = details.features_PD @ details.last_layer.weight_CD.T + details.last_layer.bias_C
    torch.testing.assert_close(logits, new.eval()(pixels(INDEX)).detach())
    new.head = nn.Linear(8, 3, bias=False)
    assert last_layer(new).bias_C.tolist() == [0, 0, 0]
    assert look(new, needs=frozenset({"last_layer"})).features_PD is None
    layer = last_layer(new)
    new.head.weight.data.zero_()
    assert layer.weight_CD.all()  # a copy


def test_the_ensembles_members_are_its_networks() -> None:
    old, new = Net(0), Net(1)
    members = look(old, new).members_PKC
    expected = torch.stack([F.log_softmax(net(pixels(INDEX)), dim=1) for net in (old, new)], dim=1)
    torch.testing.assert_close(members, expected.detach())


@pytest.mark.parametrize("kind", ["last_layer", "dropout"])
def test_a_member_drops_the_same_units_for_every_sample(kind: str) -> None:
    # The one network's dropout layer comes right before its last layer: both kinds draw masks (K, 8).
    net, committee = Net(1), committee_of(kind=kind, passes=4, dropout=0.5)
    members = look(net, committee=committee).members_PKC
    assert members is not None
    assert members.shape == (9, 4, 3)
    hidden = net.hidden(pixels(INDEX))
    for k in range(4):
        candidates = [
            F.log_softmax(net.head(hidden * torch.tensor([2.0 * (code >> d & 1) for d in range(8)])), dim=1)
            for code in range(256)
        ]
        assert any(torch.allclose(members[:, k], each, atol=1e-5) for each in candidates)
    assert len({tuple(row.flatten().tolist()) for row in members.transpose(0, 1)}) > 1


@pytest.mark.parametrize("kind", ["ensemble", "last_layer", "dropout"])
def test_batches_and_other_samples_do_not_change_a_prediction(kind: str) -> None:
    committee = committee_of(kind=kind, passes=3, dropout=0.3)
    whole = look(Net(1), committee=committee, batch=9)
    parts = look(Net(1), committee=committee, batch=2)
    alone = look(Net(1), committee=committee, index=INDEX[4:5])
    torch.testing.assert_close(whole.members_PKC, parts.members_PKC)
    torch.testing.assert_close(whole.members_PKC[4:5], alone.members_PKC)
    other = look(Net(1), committee=committee, seed=4).members_PKC
    assert torch.equal(whole.members_PKC, other) == (kind == "ensemble")


def test_the_mean_over_many_members_is_near_the_network() -> None:
    members = look(Net(1), committee=committee_of(kind="last_layer", passes=4000, dropout=0.2)).members_PKC
    logits = Net(1).eval()(pixels(INDEX))
    mean_logits = members.mean(dim=1)
    centred = (mean_logits - mean_logits.mean(1, keepdim=True), logits - logits.mean(1, keepdim=True))
    assert (centred[0] - centred[1]).abs().max() < 0.15


def test_nothing_is_computed_unasked_and_nothing_is_left_behind() -> None:
    net = Net(1)
    assert look(net, needs=frozenset({"features"})).members_PKC is None
    assert look(net, needs=frozenset({"members"})).features_PD is None
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in net.modules())
    empty = look(net, index=torch.empty(0, dtype=torch.int64))
    assert len(empty.features_PD) == len(empty.members_PKC) == 0


def test_a_network_without_dropout_or_last_layer_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"learner.committee.kind: expected a network with dropout"):
        look(Net(1, dropout=0.0), committee=committee_of(kind="dropout"))
    with pytest.raises(ConfigError, match=r"ends in a torch.nn.Linear"):
        last_linear(nn.Conv2d(1, 1, 1))


def test_features_that_are_not_finite_are_refused_with_the_sample() -> None:
    class Breaks(Net):
        def hidden(self, x: torch.Tensor) -> torch.Tensor:
            hidden = super().hidden(x)
            return torch.where(
                (x == pixels(torch.tensor([31]))).all(dim=(1, 2, 3))[:, None], torch.nan, hidden
            )

    with pytest.raises(TrialError, match="those of sample 31 are NaN"):
        look(Breaks(1))
