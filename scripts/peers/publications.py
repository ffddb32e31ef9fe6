"""The settings of two publications that run on a CPU, as jobs.

Sources: Vishwakarma et al., NeurIPS 2024, arXiv 2404.16188 (Colander); Gupte et al., TMLR 2024, arXiv
2401.14555 (AL-foundation-models).
"""

from collections.abc import Iterator
from typing import Any, Literal

from peers.job import Job

DIGITS, DIGITS_ROUNDS = 1_500, 6  # the pool of scikit-learn's digits, on which the short job runs
ROUNDS = 20  # of AL-foundation-models, the first one on the seed set
CLASSES = 10


def colander(common: dict[str, Any]) -> Iterator[Job]:
    """Yield Colander's setting, with LeNet-5 as published and with the fast network.

    Both learn from 500 labels, first 200 random ones, and judge by 500 more. The fast network asks for 100 a
    round instead of 20. The short job has LeNet-5 alone, which asks once, for 300.
    """
    few = common["n_images"] < 60_000
    networks: tuple[Literal["lenet5", "fast"], ...] = ("lenet5", "fast")
    for network in networks[:1] if few else networks:
        n_query = 300 if few else 20 if network == "lenet5" else 100
        yield Job(
            **common,
            network=network,
            precision="float32",
            n_test=2_000 if few else None,
            n_seed=200,
            n_query=n_query,
            n_questions=300 // n_query,
            n_validation=500,
            epochs=50,
            weight_decay=1e-2,
        )


def on_vectors(common: dict[str, Any], query: Literal["margin", "dropquery"]) -> Job:
    """Return the setting of AL-foundation-models: one label a class first and in each round.

    CIFAR-10 with a learning rate of 1e-3, as published; the short job on digits with 1e-2, as for the
    publication's other data sets.
    """
    is_short = common["n_images"] <= DIGITS
    return Job(
        **common,
        network="head",
        precision="float32",
        data="digits" if is_short else "cifar10",
        query=query,
        n_seed=CLASSES,
        n_query=CLASSES,
        n_questions=(DIGITS_ROUNDS if is_short else ROUNDS) - 1,
        learning_rate=1e-2 if is_short else 1e-3,
        weight_decay=1e-2,
    )
