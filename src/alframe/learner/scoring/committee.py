"""What is dearer than a score: features before the last layer, and what the members of a committee say.

A member is the same classifier for every sample: a network of the last rounds, or one network with one fixed
set of dropped units, so that what members say of several samples can be taken together.

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
from alframe.data.bank import Bank
from alframe.learner.compute.device import Compute
from alframe.learner.scoring.logit_cache import BatchSize, fitting_batches

Members = Callable[[Tensor], Tensor]  # (B, ...) images to (B, K, C) logits
DETAILS = frozenset({"features", "members"})


@dataclass(frozen=True, kw_only=True)
class Committee:
    """Who the members are.

    Attributes:
        kind: "ensemble": the networks of the last rounds; "last_layer": the newest network with units before
            its last layer dropped, which costs one pass over the images for all members; "dropout": the
            newest network with its own dropout layers at work, one pass a member.
        passes: members of the two latter kinds. dropout: share of units dropped by "last_layer".
    """

    kind: Literal["ensemble", "last_layer", "dropout"] = "ensemble"
    passes: int = 10
    dropout: float = 0.25


class Details(NamedTuple):
    """(P, D) features and (P, K, C) log-probabilities on the CPU, None where not asked for."""

    features_PD: Tensor | None
    members_PKC: Tensor | None


def last_linear(network: nn.Module) -> nn.Linear:
    """Return the last `nn.Linear` of a network, whose input are the features.

    Raises:
        ConfigError: there is none.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise ConfigError(
            "network", "a network that ends in a torch.nn.Linear, for features", type(network).__name__
        )
    return layers[-1]


def check_network(network: nn.Module, needs: frozenset[str], committee: Committee) -> None:
    """Raise `ConfigError` where a network cannot give what is needed of it."""
    if needs & {"features", "labelled_features"}:
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
    """Return the features and the members' log-probabilities of `index_P`, in that order.

    Args:
        networks: in evaluation mode, the newest last.
        normalize, bank, index_P, compute, batch_size: as for `score_pool`.
        needs: "features", "members" or both.
        committee: who the members are. seed: draws their dropped units.

    Raises:
        ConfigError: the network has no last linear layer, or no dropout where that is asked for.
        TrialError: a feature is NaN or infinite.
    """
    generator = torch.Generator().manual_seed(seed)
    members = _members(networks, committee, generator) if "members" in needs else None
    features: list[Tensor] = []
    said: list[Tensor] = []
    with torch.inference_mode():
        for image_B in fitting_batches(bank.stream, index_P, batch_size, len):
            with compute.autocast():
                x_B = normalize(image_B)
                if "features" in needs:
                    features.append(_features(networks[-1], x_B).cpu())
                if members is not None:
                    said.append(F.log_softmax(members(x_B).float(), dim=-1).cpu())
    return Details(
        features_PD=_checked(_whole(features), index_P) if "features" in needs else None,
        members_PKC=_whole(said) if members is not None else None,
    )


def _whole(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts).clone() if parts else torch.empty(0)


def _checked(features_PD: Tensor, index_P: Tensor) -> Tensor:
    bad_P = ~features_PD.isfinite().flatten(1).all(dim=1) if len(features_PD) else torch.empty(0).bool()
    if bool(bad_P.any()):
        index = int(index_P[bad_P][0])
        raise TrialError(
            f"learner: expected finite features, but those of sample {index} are NaN or infinite."
        )
    return features_PD


def _features(network: nn.Module, x_B: Tensor) -> Tensor:
    """Return (B, D) float32: what the last linear layer sees."""
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
        return _LastLayer(networks[-1], committee, generator)
    return _Dropout(networks[-1], committee, generator)


class _LastLayer:
    """Members that differ in the features that the last layer is shown."""

    def __init__(self, network: nn.Module, committee: Committee, generator: torch.Generator) -> None:
        self._network, self._layer = network, last_linear(network)
        shape = (committee.passes, self._layer.in_features)
        self._mask_KD = _mask(shape, committee.dropout, generator)

    def __call__(self, x_B: Tensor) -> Tensor:
        features_BD = _features(self._network, x_B)
        mask_KD = self._mask_KD.to(features_BD.device)
        said = [F.linear(features_BD * mask_D, self._layer.weight, self._layer.bias) for mask_D in mask_KD]
        return torch.stack(said, dim=1)


class _Dropout:
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
        return torch.stack([self._said(x_B, k) for k in range(self._passes)], dim=1)

    def _said(self, x_B: Tensor, k: int) -> Tensor:
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
    """Return zeros at a share of the places and 1 / (1 - share) at the others, as dropout does."""
    return (torch.rand(shape, generator=generator) >= share).float() / (1 - share)
