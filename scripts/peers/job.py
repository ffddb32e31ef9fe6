"""What every contestant gets and returns: a job, its data, and labels.

Axes: N data set, T test images.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

SCORING_BATCH = (
    512  # images per forward pass without gradients, for every contestant that does not choose itself
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One experiment.

    Attributes:
        name: of the experiment. precision: "float32" or "bfloat16".
        network: "fast", "published", "lenet5", or "head", a linear layer on vectors.
        data: what `data.py` reads. seed: of MNIST's order, the weights and the batches.
        n_images, n_test: sizes of data set and test set; None for all.
        border: empty pixels on each side of MNIST's images, which the default training crops.
        n_seed: the first labels. n_query: labels asked for in a round.
        n_questions: rounds that ask. A last round trains on all answers and labels the rest.
        query: how a round asks: by the difference of the two largest probabilities, or by DropQuery.
        n_validation: random images labelled besides, on which auto-labels are judged. tolerance: the share of
            wrong auto-labels to aim at.
        epochs, batch_size, learning_rate, momentum, weight_decay: of the training in each round, by SGD.
    """

    name: str
    network: Literal["fast", "published", "lenet5", "head"]
    precision: Literal["float32", "bfloat16"]
    seed: int
    n_images: int | None
    n_seed: int
    n_query: int
    n_questions: int
    n_test: int | None = None
    border: int = 2
    data: Literal["mnist", "cifar10", "digits"] = "mnist"
    query: Literal["margin", "dropquery"] = "margin"
    n_validation: int = 0
    tolerance: float = 0.05
    epochs: int = 20
    batch_size: int = 32
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def n_processed(self, n_images: int, n_test: int) -> int:
        """Return the number of images in all passes of the job: training, the pool and the test set.

        >>> job = Job(name="", network="fast", precision="float32", seed=0, n_images=None, n_seed=10,
        ...           n_query=5, n_questions=1, epochs=2)
        >>> job.n_processed(100, 20)  # 2 x 10 + 90 + 20, then 2 x 15 + 85 + 20
        265
        """
        labelled = [self.n_seed + self.n_query * asked for asked in range(self.n_questions + 1)]
        return sum(self.epochs * n + (n_images - n) + n_test for n in labelled)


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """Images of MNIST in an order drawn from the seed, the first ones the seed set; or images with vectors.

    Attributes:
        images_N: (N, 28, 28) uint8, or of another size if there are vectors. truth_N: (N,) int64.
        test_images_T, test_truth_T: the same of the test set.
        vectors, test_vectors: .npy files of (N, D) and (T, D) float32, which a contestant reads itself; None
            if it learns from the images.
    """

    images_N: NDArray[np.uint8]
    truth_N: NDArray[np.int64]
    test_images_T: NDArray[np.uint8]
    test_truth_T: NDArray[np.int64]
    vectors: Path | None = None
    test_vectors: Path | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """What a contestant returns.

    Attributes:
        label_N: (N,) int64, -1 without a label. hand_N: (N,) bool, labels by hand; others are predictions.
        test_accuracies: share in [0, 1], of each round.
        n_rounds: fits. extra: further figures by name.
    """

    label_N: NDArray[np.int64]
    hand_N: NDArray[np.bool_]
    test_accuracies: list[float]
    n_rounds: int
    extra: dict[str, Any] = field(default_factory=dict)
