"""Small fits that tests of the graph engine run on the emulated graph and on a GPU."""

from functools import partial

import pytest
import torch
from torch import nn

from alframe.core.records import Labelled
from alframe.data import ImageBank
from alframe.embedding import Encoder, Preprocessing
from alframe.learner import (
    Classifier,
    ConsistencyRecipe,
    EncoderNetwork,
    FastCNN,
    FitJob,
    PhotographRecipe,
    SupervisedRecipe,
)
from alframe.learner.batches import EpochBatches
from alframe.learner.interfaces import FitInputs
from alframe.learner.module import Normalize

N, N_CLASSES = 400, 4


def make_images(channels=1):
    """Return 400 noisy images of four classes, each class darkened in another band, and their labels."""
    generator = torch.Generator().manual_seed(0)
    label_N = torch.randint(0, N_CLASSES, (N,), generator=generator)
    image_N = torch.randint(0, 256, (N, channels, 12, 12), dtype=torch.uint8, generator=generator)
    for c in range(N_CLASSES):
        image_N[label_N == c, :, c * 3 : c * 3 + 3] //= 4
    return image_N, label_N


class Dense(nn.Sequential):
    """A network without batch norm: the padding of a batch does not affect the other samples."""

    def __init__(self, dropout=0.0):
        super().__init__(
            nn.Conv2d(1, 6, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(dropout),
            nn.Flatten(),
            nn.Linear(150, N_CLASSES),
        )


class Smooth(nn.Sequential):
    """A network with batch norm and without a kink.

    An optimizer that moves all weights as one tensor may round their last bits otherwise. At a ReLU near
    zero or a max-pooling near a tie such a bit turns a gradient, and the fits part: with AdamW and `normed`
    the log odds were 0.14 apart after three rounds with torch's kernels for neither AVX2 nor AVX-512, 0.002
    with those for AVX2, 3e-6 with those for AVX-512. With this network they are 2e-6 apart with each of them.
    """

    def __init__(self, channels=1):
        super().__init__(
            nn.Conv2d(channels, 6, 3, bias=False),
            nn.BatchNorm2d(6),
            nn.Tanh(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(150, N_CLASSES),
        )


def finetuned():
    """Return an encoder of two blocks as a network; its last block is trained."""
    torch.manual_seed(0)
    blocks = (nn.Sequential(nn.Conv2d(n, 6, 3), nn.BatchNorm2d(6), nn.Tanh()) for n in (3, 6))
    body = nn.Sequential(nn.Sequential(*blocks), nn.AdaptiveAvgPool2d(2), nn.Flatten()).eval()
    encoder = Encoder(
        name="tiny",
        load=lambda: body,
        n_features=24,
        preprocessing=Preprocessing(
            size=(16, 16),
            crop_share=1.0,
            keep_shape=True,
            interpolation="bicubic",
            mean=(0.5, 0.5, 0.5),
            std=(0.2, 0.2, 0.2),
        ),
        weights_digest="0",
        mirrored=False,
        precision="float32",
    )
    sizes = {"in_channels": 3, "image_size": (12, 12), "n_classes": N_CLASSES}
    return EncoderNetwork(**sizes, encoder=encoder, unfrozen=1)


def normed():
    sizes = {"in_channels": 1, "image_size": (12, 12), "n_classes": N_CLASSES}
    return FastCNN(**sizes, widths=[6, 8], grid=2, dropout=0.0)


def supervised(**options):
    settings = {
        "optimizer": partial(torch.optim.Adadelta, lr=1.0, rho=0.95, eps=1e-7),
        "batch_size": 8,
        "validation_share": 0.2,
        "patience": 2,
        "max_epochs": 7,
        "auto_labels": "train",
        "inputs": "unit",
    }
    return SupervisedRecipe(**(settings | options))


def epochs(**options):
    """Train a number of epochs without early stopping, by SGD with momentum."""
    sgd = partial(torch.optim.SGD, lr=0.01, momentum=0.9, weight_decay=1e-2)
    return supervised(**({"optimizer": sgd, "validation_share": None, "patience": None} | options))


def consistency(**options):
    settings = {
        "optimizer": partial(torch.optim.AdamW, lr=5e-3, weight_decay=1e-2, betas=(0.9, 0.99), fused=True),
        "steps": 21,
        "steps_growth": 60,
        "batch_size": 8,
        "pool_batch_size": 16,
        "average_decay": 0.9,
        "confident": 0.4,
        "weight": 1.0,
        "label_smoothing": 0.0,
        "one_cycle": {"pct_start": 0.3, "div_factor": 25, "final_div_factor": 1000},
        "augment": {"rotation": 15, "scale": 0.15, "shear": 0.2, "shift": 0.06, "elastic": 0.04, "flip": 0.0},
        "max_pool_passes": None,
        "auto_labels": "consistency",
    }
    return ConsistencyRecipe(**(settings | options))


# Of the pseudo-labels of `Smooth` none hangs on a last bit: in three rounds no confidence comes nearer than
# 6e-4 to this one, nor do the two best classes of an image above it. With 0.4 one was as near as 3e-6.
decided = partial(consistency, confident=0.42)


STRONG = {
    "operations": 2, "rotation": 30, "shear": 0.3, "shift": 0.3, "brightness": 0.9, "contrast": 0.9,
    "saturation": 0.9, "hue": 0.1, "sharpness": 0.9, "solarize": 1.0, "posterize": 4, "cutout": 0.5,
}  # fmt: skip


def photographs(**options):
    settings = {
        "optimizer": partial(
            torch.optim.SGD, lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4, fused=True
        ),
        "steps": 18,
        "steps_growth": 0,
        "batch_size": 8,
        "pool_batch_size": 16,
        "average_decay": 0.9,
        "confident": 0.38,  # no confidence comes nearer than 1e-3 to a threshold, so that no bit decides
        "weight": 1.0,
        "curriculum": True,
        "weak": {"shift": 0.125, "flip": 0.5},
        "strong": STRONG,
        "inputs": "standard",
        "max_pool_passes": None,
        "auto_labels": "consistency",
    }
    return PhotographRecipe(**(settings | options))


def make_bank(recipe, device="cpu"):
    image_N, _ = make_images(channels=3 if isinstance(recipe, PhotographRecipe) else 1)
    return ImageBank(image_N.to(device))


def run_rounds(engine, recipe, network, compute, sizes=(70, 83), *, seed=0, bank=None):
    """Fit a recipe for some rounds as a learner does, and return the results and modules.

    With `auto_labels="agree"`, samples after the hand labels have auto-labels, every third one wrong.
    """
    bank, done = bank or make_bank(recipe, compute.device), []
    _, label_N = make_images()
    n_auto = 60 if getattr(recipe, "auto_labels", None) == "agree" else 0
    given_N = torch.where(torch.arange(N) % 3 == 0, (label_N + 1) % N_CLASSES, label_N)
    for round, n in enumerate(sizes, 1):
        with compute.seeded(round + 1000 * seed):
            inputs = FitInputs(
                bank=bank,
                normalize=recipe.normalize(bank, torch.arange(N)).to(compute.device),
                labelled=Labelled(
                    index_L=torch.arange(n + n_auto),
                    label_L=torch.cat([label_N[:n], given_N[n : n + n_auto]]),
                    hand_L=torch.arange(n + n_auto) < n,
                    pool_P=torch.arange(n + n_auto, N),
                ),
                round=round,
                batches_seed=round + 1000 * seed,
                augment_seed=100 + round + 1000 * seed,
            )
            made = network().to(compute.device).to(memory_format=torch.channels_last)
            job = recipe.job(made, inputs)
            done.append((engine.fit(job, lambda *_: None), job.module))
    return done


def plain_job(module_class=Classifier, n=40, steps=10, device="cpu", **options):
    """Return a supervised job of five batches per epoch, the same at each call."""
    image_N, label_N = make_images()
    bank = ImageBank(image_N.to(device))
    torch.manual_seed(3)
    index = torch.arange(n)
    return FitJob(
        module=module_class(
            Dense(), Normalize(torch.zeros(1), torch.full((1,), 255.0)), partial(torch.optim.SGD, lr=0.1)
        ).to(device),
        batches=EpochBatches(bank, index, label_N[:n], 8, torch.Generator().manual_seed(1)),
        max_steps=steps,
        **options,
    )


def assert_same(expected, got, tolerance=1e-5):
    """Assert that two engines' fits agree step by step and in what they leave.

    The tolerance lets each of 81 steps add a float32 rounding of a loss of 2: 81 * 2 * 2**-24 is 1e-5. It
    holds where such roundings stay small (see `Smooth`). With torch's kernels for AVX-512, for AVX2 and for
    neither, the largest difference of a loss was 2.4e-7, of a weight 1.2e-7.
    """
    for (wanted, module), (result, replayed) in zip(expected, got, strict=True):
        assert (result.steps, result.epochs) == (wanted.steps, wanted.epochs)
        torch.testing.assert_close(result.loss_S, wanted.loss_S, rtol=tolerance, atol=tolerance)
        assert result.loss == pytest.approx(wanted.loss, abs=tolerance)
        for name, tensor in module.state_dict().items():
            torch.testing.assert_close(
                replayed.state_dict()[name], tensor, rtol=10 * tolerance, atol=10 * tolerance
            )
