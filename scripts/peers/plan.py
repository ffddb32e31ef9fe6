"""What `make peers` measures: which contestants do which job, in which order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from peers import publications
from peers.job import Job

OURS = "alframe"
COLANDER, DROPQUERY, MARGIN = "Colander", "AL-foundation-models dropquery", "AL-foundation-models margin"
ON_VECTORS = ("alframe_head", "torch_head", "scikit_activeml_head")
SAME_TRAINING = (OURS, "lightning", "lightning_channels_last", "scikit_activeml", "modal", "baal")
# Of each job: the module of each contestant; the first one is alframe's.
CONTESTANTS = {
    "same training": SAME_TRAINING,
    "own training": ("alframe_default", "lightning_fixmatch", "scikit_activeml"),
    "published protocol": ("alframe_published", "lightning_published"),
    COLANDER: ("alframe_colander", "torch_colander"),
    DROPQUERY: ON_VECTORS,
    MARGIN: ON_VECTORS,
}
NETWORKS: tuple[Literal["fast", "published"], ...] = ("fast", "published")
ALL_NETWORKS = (*NETWORKS, "lenet5", "head")
PRECISIONS: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")
# scikit-activeml has these strategies too; modAL and baal have some of them.
STRATEGIES = (
    "random",
    "least_confidence",
    "margin",
    "entropy",
    "variation_ratio",
    "vote_entropy",
    "bald",
    "batchbald",
    "coreset",
    "badge",
    "typiclust",
    "dropquery",
    "maxherding",
    "probcover",
)
ASKERS = {
    OURS: STRATEGIES,
    "scikit_activeml": STRATEGIES,
    "modal": ("least_confidence", "margin", "entropy"),
    "baal": ("least_confidence", "margin", "entropy", "bald", "batchbald"),
}
NETWORKS_OF = {"same training": NETWORKS, "own training": NETWORKS[:1], "published protocol": NETWORKS[1:]}
# Of the jobs by their number of images: rounds that ask, and images of the test set.
SIZES: dict[int, tuple[int, int | None]] = {2_000: (1, 2_000), 6_000: (3, None), 60_000: (3, None)}
PUBLISHED_ROUNDS = 6
SHARE_ASKED = 0.01  # of the pool, as in the published protocol


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question of a strategy over a pool, n samples asked."""

    strategy: str
    n_pool: int

    @property
    def n(self) -> int:
        """The number of samples to ask for."""
        return max(1, round(SHARE_ASKED * self.n_pool))

    @property
    def name(self) -> str:
        """The name in the tables."""
        return f"{self.strategy}, {self.n_pool:,} x 576"


def jobs(
    names: Sequence[str], seeds: Sequence[int], networks: Sequence[str], precisions: Sequence[str]
) -> list[Job]:
    """Return the jobs, seed by seed, so that every job is measured early and late in a run."""
    found = []
    for seed in seeds:
        for name in names:
            found += [
                job for job in _of_seed(name, seed) if job.network in networks and job.precision in precisions
            ]
    return found


def _of_seed(name: str, seed: int) -> Iterator[Job]:
    kind, n_images = kind_of(name), int(name.rpartition(", ")[2].replace(",", ""))
    common: dict[str, Any] = {"name": name, "seed": seed, "n_images": n_images}
    if kind == COLANDER:
        yield from publications.colander(common)
    elif kind in (DROPQUERY, MARGIN):
        yield publications.on_vectors(common, "margin" if kind == MARGIN else "dropquery")
    else:
        yield from _by_size(common, kind)


def _by_size(common: dict[str, Any], kind: str) -> Iterator[Job]:
    n_questions, n_test = SIZES[common["n_images"]]
    for network in NETWORKS_OF[kind]:
        for precision in PRECISIONS:
            yield Job(
                **common,
                network=network,
                precision=precision,
                n_test=n_test,
                n_seed=100,
                n_query=100,
                n_questions=PUBLISHED_ROUNDS if kind == "published protocol" else n_questions,
            )


def is_job(name: str) -> bool:
    """Return True if a job can have this name; those of the two publications have any size.

    >>> [is_job(name) for name in ("same training, 6,000", "same training, 7,000", "Colander, 7,000", "none")]
    [True, False, True, False]
    """
    kind, size = kind_of(name), name.rpartition(", ")[2].replace(",", "")
    if kind not in CONTESTANTS or not size.isdecimal():
        return False
    return kind in (COLANDER, DROPQUERY, MARGIN) or int(size) in SIZES


def kind_of(job_name: str) -> str:
    """Return the kind of a job.

    >>> kind_of("same training, 6,000")
    'same training'
    """
    return job_name.rpartition(", ")[0]


def turns(contestants: Sequence[str], turn: int) -> list[str]:
    """Return the contestants in the order of a turn: everyone comes first equally often.

    >>> turns(["a", "b", "c"], 1)
    ['b', 'c', 'a']
    """
    first = turn % len(contestants)
    return [*contestants[first:], *contestants[:first]]
