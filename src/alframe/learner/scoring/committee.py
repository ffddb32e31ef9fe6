"""Scores that cost more: features before the last layer, that layer, and the predictions of a committee.

A member is the same classifier for every sample: a network of the last rounds, or one network with one fixed
set of dropped units. So the predictions of one member for several samples can be combined.

Sources: dropout as a committee, Gal & Ghahramani, ICML 2016; one mask for all samples ("consistent MC
dropout"), Kirsch et al., BatchBALD, NeurIPS 2019.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.core.errors import ConfigError, TrialError
from alframe.core.records import LastLayer
from alframe.data.image_bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.scoring.batch_size import BatchSize, fitting_batches

Members = Callable[[Tensor], Tensor]  # (B, ...) images to (B, K, C) logits
PER_SAMPLE = frozenset({"features", "members"})
DETAILS = PER_SAMPLE | {"last_layer"}


@dataclass(frozen=True, kw_only=True)
class Committee:
    """The members of a committee.

    Attributes:
        kind: "ensemble": the networks of the last rounds; "last_layer": the newest network with units before
            its last layer dropped, which costs one pass over the images for all members; "dropout": the
            newest network with its own dropout layers active, one pass per member.
        passes: number of members of "last_layer" and "dropout".
        dropout: share of units, in [0, 1), that "last_layer" drops.
    """

    kind: Literal["ensemble", "last_layer", "dropout"]
    passes: int
    dropout: float


class Details(NamedTuple):
    """The fields of `PoolScores` with these names, on the CPU; None if they are not needed."""

    features_PD: Tensor | None
    members_PKC: Tensor | None
    last_layer: LastLayer | None


def last_linear(network: nn.Module) -> nn.Linear:
    """Return the last `nn.Linear` of a network; its input is the features.

    Raises:
        ConfigError: the network has no `nn.Linear`.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise ConfigError(
            "network", "a network that ends in a torch.nn.Linear, for features", type(network).__name__
        )
    return layers[-1]


def divide_logits(network: nn.Module, temperature: float) -> None:
    """Divide the weights of the last layer, and so the logits, by a temperature."""
    with torch.no_grad():
        for parameter in last_linear(network).parameters():
            parameter.div_(temperature)


def last_layer(network: nn.Module) -> LastLayer:
    """Return copies of the last layer's weights, float32 on the CPU."""
    layer = last_linear(network)
    weights = [layer.weight, layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias]
    weight_CD, bias_C = (each.detach().clone().float().cpu() for each in weights)
    return LastLayer(weight_CD=weight_CD, bias_C=bias_C)


def check_network(network: nn.Module, needs: frozenset[str], committee: Committee) -> None:
    """Raise `ConfigError` if a network cannot give the scores that are needed."""
    if needs & {"features", "labelled_features", "last_layer"}:
        last_linear(network)
    if "members" in needs:
        _members([network], committee, torch.Generator())


def score_details(
    networks: Sequence[nn.Module],
    normalize: nn.Module,
    bank: Bank,
    index_P: Tensor,
    *,
    compute: Compute,
    batch_size: BatchSize,
    needs: frozenset[str],
    committee: Committee,
    seed: int,
) -> Details:
    """Return the features and the members' log-probabilities of `index_P`, in that order, and the last layer.

    Args:
        networks: in evaluation mode, the newest last.
        normalize, bank, index_P, compute, batch_size: as for `score_pool`.
        needs: some of `DETAILS`.
        committee: the members. seed: of the random choice of dropped units.

    Raises:
        ConfigError: the network has no linear layer, or no dropout layer for a committee of that kind.
        TrialError: a feature is NaN or infinite.
    """
    generator = torch.Generator().manual_seed(seed)
    members = _members(networks, committee, generator) if "members" in needs else None
    features: list[Tensor] = []
    log_probs: list[Tensor] = []
    seen_P = index_P if needs & PER_SAMPLE else index_P[:0]
    with torch.inference_mode():
        for image_B in fitting_batches(bank.stream, seen_P, batch_size, len):
            with compute.autocast():
                x_B = normalize(image_B)
                if "features" in needs:
                    features.append(_features(networks[-1], x_B).cpu())
                if members is not None:
                    log_probs.append(F.log_softmax(members(x_B).float(), dim=-1).cpu())
    return Details(
        features_PD=_check_finite(_joined(features), index_P) if "features" in needs else None,
        members_PKC=_joined(log_probs) if members is not None else None,
        last_layer=last_layer(networks[-1]) if "last_layer" in needs else None,
    )


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts).clone() if parts else torch.empty(0)


def _check_finite(features_PD: Tensor, index_P: Tensor) -> Tensor:
    bad_P = ~features_PD.isfinite().flatten(1).all(dim=1) if len(features_PD) else torch.empty(0).bool()
    if bool(bad_P.any()):
        index = int(index_P[bad_P][0])
        raise TrialError(
            f"learner: expected finite features, but those of sample {index} are NaN or infinite."
        )
    return features_PD


def _features(network: nn.Module, x_B: Tensor) -> Tensor:
    """Return (B, D) float32: the input of the last linear layer."""
    seen: list[Tensor] = []
    hook = last_linear(network).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    try:
        network(x_B)
    finally:
        hook.remove()
    return seen[-1].float()


def _members(networks: Sequence[nn.Module], committee: Committee, generator: torch.Generator) -> Members:
    if committee.kind == "ensemble":
        return lambda x_B: torch.stack([network(x_B).float() for network in networks], dim=1)
    if committee.kind == "last_layer":
        return _LastLayerMembers(networks[-1], committee, generator)
    return _DropoutMembers(networks[-1], committee, generator)


class _LastLayerMembers:
    """Members that differ in the features that are dropped before the last layer."""

    def __init__(self, network: nn.Module, committee: Committee, generator: torch.Generator) -> None:
        self._network, self._layer = network, last_linear(network)
        shape = (committee.passes, self._layer.in_features)
        self._mask_KD = _mask(shape, committee.dropout, generator)

    def __call__(self, x_B: Tensor) -> Tensor:
        features_BD = _features(self._network, x_B)
        mask_KD = self._mask_KD.to(features_BD.device)
        weight, bias = self._layer.weight, self._layer.bias
        return torch.stack([F.linear(features_BD * mask_D, weight, bias) for mask_D in mask_KD], dim=1)


class _DropoutMembers:
    """Members that differ in the units that the network's own dropout layers drop."""

    def __init__(self, network: nn.Module, committee: Committee, generator: torch.Generator) -> None:
        self._network, self._passes, self._generator = network, committee.passes, generator
        self._layers = [layer for layer in network.modules() if _drops(layer)]
        self._masks: dict[tuple[nn.Module, int], Tensor] = {}
        if not self._layers:
            raise ConfigError(
                "learner.committee.kind",
                "a network with dropout for learner.committee.kind=dropout",
                type(network).__name__,
                "Write learner.committee.kind=last_layer or learner.committee.kind=ensemble.",
            )

    def __call__(self, x_B: Tensor) -> Tensor:
        return torch.stack([self._logits(x_B, k) for k in range(self._passes)], dim=1)

    def _logits(self, x_B: Tensor, k: int) -> Tensor:
        hooks = [layer.register_forward_hook(partial(self._drop, k)) for layer in self._layers]
        try:
            logits_BC: Tensor = self._network(x_B)
        finally:
            for hook in hooks:
                hook.remove()
        return logits_BC.float()

    def _drop(self, k: int, layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        if (layer, k) not in self._masks:
            share = float(layer.p)  # type: ignore[arg-type]
            channels = isinstance(layer, (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d))
            shape = (output.shape[1], *([1] * (output.dim() - 2))) if channels else tuple(output.shape[1:])
            self._masks[layer, k] = _mask(shape, share, self._generator).to(output.device)
        return output * self._masks[layer, k].to(output.dtype)


def _drops(layer: nn.Module) -> bool:
    kinds = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
    return isinstance(layer, kinds) and 0 < layer.p < 1


def _mask(shape: tuple[int, ...], share: float, generator: torch.Generator) -> Tensor:
    """Return zeros for a share of the elements and 1 / (1 - share) for the others, as dropout does."""
    return (torch.rand(shape, generator=generator) >= share).float() / (1 - share)
