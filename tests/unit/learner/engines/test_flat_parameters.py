"""Weights side by side: the same steps, bit for bit, as with each parameter by itself."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from alframe.learner.engines.flat_parameters import ALIGNED, FlatParameters

OPTIMIZERS = {
    "Adadelta": partial(torch.optim.Adadelta, lr=1.0, rho=0.95, eps=1e-7),
    "SGD": partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=1e-2),
    "Adam": partial(torch.optim.Adam, lr=1e-2),
    "AdamW, fused": partial(torch.optim.AdamW, lr=1e-2, fused=True),
    "RMSprop": partial(torch.optim.RMSprop, lr=1e-2),
}


def made() -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.Flatten(), nn.Linear(80, 3))
    return network.to(memory_format=torch.channels_last)


def steps(network: nn.Module, optimizer: torch.optim.Optimizer, flat: FlatParameters | None) -> None:
    generator = torch.Generator().manual_seed(1)
    for _ in range(4):
        x = torch.randn(8, 2, 6, 6, generator=generator).contiguous(memory_format=torch.channels_last)
        network.zero_grad()
        network(x).square().mean().backward()
        if flat is not None:
            flat.gather()
        optimizer.step()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_steps_are_those_of_each_parameter_by_itself(make) -> None:
    # A kernel may fuse a product and a sum for whole vectors of elements and not for the rest. On a processor
    # of which torch does so, elements that move from the rest into a vector differ in their last bits.
    apart, together = made(), made()
    steps(apart, make(list(apart.parameters())), None)
    flat = FlatParameters(together)
    optimizer = make(list(together.parameters()))
    flat.merge(optimizer, scheduled=False)
    steps(together, optimizer, flat)
    assert [len(group["params"]) for group in optimizer.param_groups] == [1]
    for name, tensor in apart.state_dict().items():
        torch.testing.assert_close(together.state_dict()[name], tensor, rtol=1e-6, atol=1e-8, msg=name)


def test_parameters_keep_value_shape_and_strides_and_begin_where_memory_is_aligned() -> None:
    network = made()
    before = copy.deepcopy(network)
    FlatParameters(network)
    parameters = list(network.parameters())
    for mine, theirs in zip(parameters, before.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        assert mine.stride() == theirs.stride()
        assert mine.storage_offset() % ALIGNED == 0
    assert len({each.untyped_storage().data_ptr() for each in parameters}) == 1


def test_groups_of_neighbours_are_merged_and_others_left() -> None:
    network = made()
    weights, bias = list(network.parameters()), network[3].bias
    flat = FlatParameters(network)
    optimizer = torch.optim.SGD(
        [{"params": weights[:3]}, {"params": [bias]}, {"params": [weights[4]], "lr": 0.5}], lr=0.1
    )
    flat.merge(optimizer, scheduled=False)
    assert [len(group["params"]) for group in optimizer.param_groups] == [1, 1, 1]
    assert optimizer.param_groups[0]["params"][0].numel() > sum(each.numel() for each in weights[:3])
    assert optimizer.param_groups[1]["params"][0] is bias
    mixed = torch.optim.SGD([{"params": [weights[0], weights[2]]}, {"params": weights[3:]}], lr=0.1)
    flat.merge(mixed, scheduled=True)
    assert [len(group["params"]) for group in mixed.param_groups] == [2, 1]
    assert mixed.param_groups[1]["foreach"] is None


def test_a_parameter_without_a_gradient_is_refused() -> None:
    network = made()
    flat, unused = FlatParameters(network), torch.optim.SGD(network.parameters(), lr=0.1)
    flat.merge(unused, scheduled=False)
    network[0](torch.randn(1, 2, 6, 6)).sum().backward()
    with pytest.raises(RuntimeError, match="no gradient"):
        flat.gather()


def test_a_parameter_that_cannot_move_stays() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3).double(), nn.Linear(3, 3).requires_grad_(False))
    places = [each.data_ptr() for each in network.parameters()]
    FlatParameters(network)
    moved = [each.data_ptr() != place for each, place in zip(network.parameters(), places, strict=True)]
    assert moved == [True, True, False, False, False, False]
    FlatParameters(nn.ReLU())  # nothing to move
