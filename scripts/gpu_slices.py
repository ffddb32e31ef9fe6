"""The slices of a session on a GPU (gpu_session.py), in order of value: their commands, times and limits."""

from dataclasses import dataclass, replace

_TRIAL = ("-m", "alframe", "tracker=none", "device=cuda")
_SWEEP = ("-m", "alframe", "-m", "tracker=none", "device=cuda")
_TOGETHER = ("hydra/launcher=cores", "hydra.launcher.n_jobs=4", "threads=2")
_TINY = ("data=digits", "data.limit=200", "device=cpu", "stopping.min_rounds=1", "stopping.max_rounds=1")
_FAST = (*_TINY, "learner.steps=2", "threads=1")
_TINY_PUBLISHED = (
    *_TINY,
    "threads=1",
    'hydra.sweeper.params={auto_label.threshold:"0.9,0.99",initial.share:"0.1",query.share:"0.05"}',
    "learner.max_epochs=1",
    "hydra.launcher.n_jobs=2",
)
_NO_CARD = ("device=cpu", "threads=1")


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One command of a session.

    Attributes:
        name: typed after --only. title: of its section in the results.
        arguments: of the Python interpreter; {folder} is replaced by the folder of the slice.
        minutes: estimated for the whole slice.
        limit: minutes after which one run of the slice is ended.
        resumes: True if the next run continues where this one ended.
        folder: of its trials or files, below the folder of the session. alframe-report reads its first part.
        smoke: arguments that make it tiny, for a run on a processor; a key or option replaces an earlier one.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    minutes: float
    limit: float = 9.0
    resumes: bool = False
    folder: str = ""
    smoke: tuple[str, ...] = ()

    def tiny(self) -> "Slice":
        """Return the slice as a smoke run."""
        return replace(self, arguments=merged(self.arguments, self.smoke))


def merged(arguments: tuple[str, ...], added: tuple[str, ...]) -> tuple[str, ...]:
    """Return arguments with further ones; a key=value replaces an earlier value of the key.

    >>> merged(("-m", "seed=1,2", "a=1"), ("seed=1", "--repeats", "2"))
    ('-m', 'a=1', 'seed=1', '--repeats', '2')
    """
    keys = {text.partition("=")[0] for text in added if "=" in text}
    return (*(text for text in arguments if "=" not in text or text.partition("=")[0] not in keys), *added)


def _published(seed: int) -> Slice:
    return Slice(
        name=f"published_{seed}",
        title="The published table",
        arguments=(
            *_SWEEP,
            *_TOGETHER,
            "+sweep=published_trials",
            f"seed={seed}",
            "hydra.sweep.dir={folder}",
        ),
        minutes=7,
        resumes=True,
        folder=f"published/{seed}",
        smoke=_TINY_PUBLISHED,
    )


def _packed(what: str, *arguments: str, n_jobs: int, minutes: float, smoke: tuple[str, ...]) -> Slice:
    return Slice(
        name=f"{what}_packed",
        title=f"Trials that are trained together, {what}",
        arguments=(
            *_SWEEP,
            "hydra/launcher=packed",
            f"hydra.launcher.n_jobs={n_jobs}",
            *arguments,
            "hydra.sweep.dir={folder}",
        ),
        minutes=minutes,
        resumes=True,
        folder=f"{what}_packed",
        smoke=smoke,
    )


def _compared(what: str, title: str, minutes: float, key: str, first: str) -> Slice:
    return Slice(
        name=what,
        title=title,
        arguments=(*_SWEEP, *_TOGETHER, f"+sweep=compare_{what}", "hydra.sweep.dir={folder}"),
        minutes=minutes,
        resumes=True,
        folder=what,
        smoke=(
            *_FAST,
            "initial.num=20",
            "stopping.max_hand_labels=60",
            f'hydra.sweeper.params={{{key}:"{first}",seed:"41"}}',
            "hydra.launcher.n_jobs=2",
        ),
    )


def _bench(recipe: str) -> Slice:
    script = ("scripts/benchmarks/bench.py", "--quick", "--seconds", "0.15", "--workers", "0", "8")
    return Slice(
        name=f"bench_{recipe}",
        title=f"Training and scoring rates, {recipe} recipe",
        arguments=(*script, "--no-trials", "--recipes", recipe, "--json", "{folder}/figures.json"),
        minutes=4,
        smoke=("--device", "cpu", "--seconds", "0.01", "--repeats", "1", "--workers", "0"),
    )


def _parity(pair: str, minutes: float) -> Slice:
    script = ("scripts/benchmarks/parity.py", "--pair", pair, "--out", "{folder}")
    return Slice(
        name=f"parity_{pair}",
        title=f"The same trials with two {pair}",
        arguments=(*script, *(("device=cuda",) if pair == "precisions" else ())),
        minutes=minutes,
        resumes=True,
        smoke=("--pair", "precisions", "--seeds", "1", "2", "--", *_FAST),
    )


SLICES: tuple[Slice, ...] = (
    Slice(
        name="tests",
        title="tests/gpu",
        arguments=("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "tests/gpu"),
        minutes=4,
        smoke=("--collect-only",),
    ),
    *(_bench(recipe) for recipe in ("published", "fast")),
    Slice(
        name="default",
        title="The default trial, one after another",
        arguments=(*_SWEEP, "experiment=default", "seed=11,12,13,14,15", "hydra.sweep.dir={folder}"),
        minutes=1,
        resumes=True,
        folder="default",
        smoke=(*_FAST, "seed=11,12"),
    ),
    Slice(
        name="default_together",
        title="The default trial, four at a time",
        arguments=(
            *_SWEEP,
            *_TOGETHER,
            "experiment=default",
            "seed=11,12,13,14,15,16,17,18",
            "hydra.sweep.dir={folder}",
        ),
        minutes=1.5,
        resumes=True,
        folder="default_together",
        smoke=(*_FAST, "seed=11,12", "hydra.launcher.n_jobs=2"),
    ),
    Slice(
        name="replicas",
        title="Steps of fits that are trained together",
        arguments=("scripts/benchmarks/time_replicas.py", "--replicas", "1", "4", "16", "--steps", "1024"),
        minutes=4,
        smoke=("--device", "cpu", "--replicas", "2", "--steps", "2", "--repeats", "1"),
    ),
    _packed(
        "default",
        "experiment=default",
        "seed=11,12,13,14,15,16,17,18",
        n_jobs=8,
        minutes=1.5,
        smoke=(*_FAST, "seed=11,12", "hydra.launcher.n_jobs=2"),
    ),
    _published(8),
    _packed("published", "+sweep=published_trials", "seed=8", n_jobs=16, minutes=7, smoke=_TINY_PUBLISHED),
    *(_published(seed) for seed in (9, 10)),
    _compared("strategies", "Query strategies on 60,000 images", 9, "query", "random,margin"),
    _compared("policies", "Auto-label policies on 60,000 images", 5, "+sweep/policy", "top_k,none"),
    Slice(
        name="pixels",
        title="CIFAR-10 from its pixels",
        arguments=(
            *_TRIAL,
            "data=cifar10",
            "encoder=none",
            "learner=consistency_rgb",
            "network=resnet18",
            "learner.steps=2000",
            "initial.num=250",
            "query.num=250",
            "stopping.max_rounds=6",
            "seed=1",
            "hydra.run.dir={folder}/trial",
        ),
        minutes=8,
        resumes=True,
        folder="pixels",
        smoke=(
            *_FAST,
            "network=fast",
            "initial.num=10",
            "query.num=10",
            "learner.batch_size=4",
            "learner.pool_batch_size=4",
        ),
    ),
    Slice(
        name="encoder_rates",
        title="Images a second of an encoder",
        arguments=("scripts/benchmarks/encoders.py", "--device", "cuda", "--runtimes", "torch"),
        minutes=0.5,
        smoke=("--device", "cpu", "--images", "2", "--rounds", "1"),
    ),
    Slice(
        name="encode",
        title="CIFAR-10 encoded",
        arguments=(
            "-m",
            "alframe.cli.embed",
            "data=cifar10",
            "encoder=efficientnet_lite0",
            "device=cuda",
        ),
        minutes=2,
        resumes=True,
        smoke=(*_NO_CARD, "data=digits", "data.limit=20"),
    ),
    Slice(
        name="heads",
        title="CIFAR-10 with a head on the vectors of an encoder",
        arguments=(
            *_SWEEP,
            "data=cifar10",
            "encoder=efficientnet_lite0",
            "learner=head",
            "seed=1,2,3,4,5",
            "hydra.sweep.dir={folder}",
        ),
        minutes=2,
        resumes=True,
        folder="heads",
        smoke=(*_TINY, "data.limit=20", "seed=1", "threads=1"),
    ),
    Slice(
        name="streaming",
        title="Scoring images that are streamed from a file",
        arguments=(
            "scripts/benchmarks/growth.py",
            "--only",
            "score",
            "--json",
            "{folder}/figures.json",
            "--sizes",
            "60000",
            "600000",
            "2000000",
        ),
        minutes=2,
        smoke=("--sizes", "2000", "4000", "--threads", "1"),
    ),
    _parity("engines", 3),
    _parity("precisions", 1),
    Slice(
        name="growth",
        title="Growth of a fit and of a whole trial",
        arguments=(
            "scripts/benchmarks/growth.py",
            "--only",
            "fit",
            "trial",
            "--trial",
            "600000",
            "--json",
            "{folder}/figures.json",
        ),
        minutes=4,
        smoke=("--only", "trial", "--trial", "3000", "--threads", "1"),
    ),
)
