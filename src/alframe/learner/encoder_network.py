"""An encoder as the network of a learner: its last blocks are trained from pixels, together with a head."""

import copy
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alframe.embedding import Encoder
from alframe.embedding.prepare import scaled_size
from alframe.learner.networks import Head


class _TrainedEncoder(nn.Module):
    """An encoder whose last blocks are trained. It has the normalisation of its input, but no head.

    It stays in evaluation mode: its batch norms keep the statistics of its own training, and it drops
    nothing.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: Encoder, unfrozen: int | None) -> None:
        super().__init__()
        # A copy stays where the tensors are; a probe of the need of memory makes networks without memory.
        self.encoder = copy.deepcopy(_loaded(encoder)).to(torch.empty(0).device).eval()
        self.encoder.requires_grad_(unfrozen is None)
        for part in last_blocks(self.encoder, unfrozen or 0):
            part.requires_grad_(True)
        for name in ("mean", "std"):
            values = torch.tensor(getattr(encoder.preprocessing, name)).view(3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def train(self, mode: bool = True) -> Self:
        """Put the head into a mode; the encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self

    def vectors(self, image_B: Tensor) -> Tensor:
        """Return (B, D) float32 of images of the encoder's size, (B, 3, height, width) in [0, 1]."""
        vector_BD: Tensor = self.encoder((image_B - self.mean) / self.std)
        return vector_BD.float()


class EncoderNetwork(_TrainedEncoder):
    """Scales and normalises images as the encoder wants them, encodes them, and classifies the vectors.

    The vectors are standardised one by one, because encoders differ in their scale. They are the features of
    this network.

    Args:
        in_channels, image_size, n_classes: of the data; grey images are repeated in three channels.
        encoder: the encoder with its weights.
        unfrozen: number of its last blocks that are trained, and all layers after them; 0 trains the head
            alone, None everything.

    Raises:
        ValueError: the encoder has fewer blocks.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_classes: int,
        encoder: Encoder,
        unfrozen: int | None,
    ) -> None:
        super().__init__(encoder, unfrozen)
        self._preprocessing = encoder.preprocessing
        self.head = Head(encoder.n_features, n_classes)

    def forward(self, image_B: Tensor) -> Tensor:
        """Return (B, n_classes) float32 logits.

        Args:
            image_B: (B, 1 or 3, height, width) float32 in [0, 1].
        """
        vector_BD = self.vectors(self._scaled(image_B))
        logits: Tensor = self.head(F.layer_norm(vector_BD, vector_BD.shape[1:]))
        return logits

    def _scaled(self, image_B: Tensor) -> Tensor:
        """Return (B, 3, *size): as `prepare.scale`, but on the device of the images and without rounding."""
        height, width = self._preprocessing.size
        size = scaled_size(image_B.shape[2], image_B.shape[3], self._preprocessing)
        mode = self._preprocessing.interpolation
        x = F.interpolate(image_B.float(), size, mode=mode, antialias=True).clamp(0, 1)
        top, left = round((size[0] - height) / 2), round((size[1] - width) / 2)
        return x[:, :, top : top + height, left : left + width].expand(-1, 3, -1, -1)


class FineTunedNetwork(_TrainedEncoder):
    """An encoder followed by a head that was trained on its vectors: before a step, it predicts as the head.

    Args:
        in_channels, image_size, n_classes: of the data, whose images have the size of the encoder's input.
        encoder, unfrozen: as for `EncoderNetwork`.
        head: makes a network from vectors (B, D) to logits, whose weights are trained too.

    Raises:
        ValueError: the encoder has fewer blocks.

    Source: LP-FT (Kumar et al., Fine-tuning can distort pretrained features, ICLR 2022).
    """

    def __init__(
        self,
        *,
        in_channels: int,
        image_size: tuple[int, int],
        n_classes: int,
        encoder: Encoder,
        unfrozen: int | None,
        head: Callable[[], nn.Module],
    ) -> None:
        super().__init__(encoder, unfrozen)
        self._mirrored = encoder.mirrored
        self.head = head().requires_grad_(True)

    def forward(self, image_B: Tensor) -> Tensor:
        """Return (B, n_classes) float32 logits of (B, 3, height, width) float32 images in [0, 1]."""
        vector_BD = self.vectors(image_B)
        if self._mirrored:
            vector_BD = (vector_BD + self.vectors(image_B.flip(3))) / 2
        logits: Tensor = self.head(vector_BD)
        return logits


def check_trainable(encoder: Encoder, unfrozen: int | None) -> None:
    """Raise `ValueError` if the blocks of an encoder cannot be trained; this loads its network."""
    network = _loaded(encoder)
    if next(network.parameters(), None) is None:
        raise ValueError("it has no weights that torch can train")
    last_blocks(network, unfrozen or 0)


@lru_cache(maxsize=1)  # a trial makes a network in each round
def _loaded(encoder: Encoder) -> nn.Module:
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        return encoder.load()


def last_blocks(network: nn.Module, n: int) -> list[nn.Module]:
    """Return the last n blocks of a network and the layers after them, in the order of its modules.

    A block is a module with several layers that have weights, such as a residual block or a layer of a
    transformer, inside a sequence or list of such modules or directly in the network.

    Raises:
        ValueError: the network has fewer than n blocks.
    """
    parts = list(_parts(network))
    blocks = [k for k, part in enumerate(parts) if _is_block(part)]
    if n > len(blocks):
        raise ValueError(f"it has {len(blocks)} blocks, of which {n} cannot be unfrozen")
    return parts[blocks[-n] :] if n else []


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """Yield a network's layers and blocks in order; whatever has a stack of blocks inside is taken apart."""
    for child in module.children():
        if any(_is_stack(part) for part in child.modules()):
            yield from _parts(child)
        elif next(child.parameters(), None) is not None:
            yield child


def _is_stack(module: nn.Module) -> bool:
    is_plain = type(module) in (nn.Sequential, nn.ModuleList)
    return is_plain and sum(map(_is_block, module.children())) > 1


def _is_block(module: nn.Module) -> bool:
    return sum(next(part.parameters(recurse=False), None) is not None for part in module.modules()) > 1
