"""Checks of a composed config before any download or device call. Needs no torch."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alframe.errors import ConfigError

Check = Callable[[str, Any], None]


def conf_directory() -> Path:
    """Return the folder of Hydra's groups: inside the installed package, or beside src/ in a checkout."""
    packaged = Path(__file__).parent / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "conf"


def check(config: dict[str, Any]) -> None:
    """Raise `ConfigError` for the first value out of range or pair of settings in conflict.

    Args:
        config: the resolved config as plain containers.
    """
    _check_presence(config)
    for key, rule in _RULES.items():
        found, value = _look_up(config, key)
        if found:
            rule(key, value)
    _check_amounts(config)
    _check_question(config)
    _check_conflicts(config)


def whole(least: int, *, most: int | None = None, optional: bool = False) -> Check:
    """Return a check for a whole number from `least` to `most`, or null where optional."""
    expected = f"a whole number of at least {least}"
    expected += f" and at most {most}" if most is not None else ""
    expected += " or null" if optional else ""

    def rule(key: str, value: Any) -> None:
        if value is None and optional:
            return
        fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
        if not fits or (most is not None and value > most):
            raise ConfigError(key, expected, value)

    return rule


def number(*, above: float | None = None, least: float | None = None, most: float | None = None) -> Check:
    """Return a check for a finite number within bounds."""
    parts = [
        f"above {above:g}" if above is not None else "",
        f"of at least {least:g}" if least is not None else "",
        f"of at most {most:g}" if most is not None else "",
    ]
    expected = "a number " + " and ".join(part for part in parts if part)

    def rule(key: str, value: Any) -> None:
        fits = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")
        fits = fits and (above is None or value > above)
        fits = fits and (least is None or value >= least)
        if not (fits and (most is None or value <= most)):
            raise ConfigError(key, expected, value, _percent_hint(value, most))

    return rule


def share(*, zero: bool = False, one: bool = True) -> Check:
    """Return a check for a share of something or null; `zero` and `one` say whether they are allowed."""
    low, high = ("[0" if zero else "(0"), ("1]" if one else "1)")
    expected = f"a share in {low}, {high} or null"

    def rule(key: str, value: Any) -> None:
        if value is None:
            return
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (fits and (value >= 0 if zero else value > 0) and (value <= 1 if one else value < 1)):
            raise ConfigError(key, expected, value, _percent_hint(value, 1))

    return rule


def probability(key: str, value: Any) -> None:
    """Check for a probability strictly between 0 and 1."""
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 1:
        raise ConfigError(key, "a probability strictly between 0 and 1", value, _percent_hint(value, 1))


def one_of(*choices: Any) -> Check:
    """Return a check for one of a few values."""

    def rule(key: str, value: Any) -> None:
        if value not in choices or isinstance(value, bool) != isinstance(choices[0], bool):
            shown = " or ".join("null" if choice is None else str(choice).lower() for choice in choices)
            raise ConfigError(key, shown, value)

    return rule


def text(key: str, value: Any) -> None:
    """Check for a non-empty text."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(key, "a text", value)


def _device(key: str, value: Any) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise ConfigError(key, "auto, cpu, cuda, cuda:N or mps", value)


def _mapping(key: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise ConfigError(key, "settings such as those of the file", str(value))


def _widths(key: str, value: Any) -> None:
    whole_widths = isinstance(value, list) and all(
        isinstance(width, int) and not isinstance(width, bool) and width > 0 for width in value
    )
    if not whole_widths or not value:
        raise ConfigError(key, "a list of whole numbers of at least 1, such as [16, 32, 64]", str(value))


def class_thresholds(key: str, value: Any) -> None:
    """Check for a probability for each class: a list, a mapping from class to probability, or null."""
    named = value if isinstance(value, Mapping) else dict(enumerate(value or [])) if _lists(value) else None
    if named is None or (value is not None and not named):
        raise ConfigError(key, "a list such as [0.9, 0.99], a mapping such as {3: 0.99}, or null", str(value))
    for each, threshold in named.items():
        if not re.fullmatch(r"\d+", str(each)):
            raise ConfigError(key, "classes as whole numbers, such as {3: 0.99}", str(each))
        probability(f"{key}[{each}]", threshold)


def _lists(value: Any) -> bool:
    return value is None or (isinstance(value, Sequence) and not isinstance(value, str))


def positive(key: str, value: Any) -> None:
    """Check for a number above 0, or null."""
    if value is not None:
        number(above=0)(key, value)


def _names(key: str, value: Any) -> None:
    if not isinstance(value, list) or not all(
        isinstance(name, str) and re.fullmatch(r"[A-Za-z_][\w.]*", name) for name in value
    ):
        raise ConfigError(key, "a list of package names such as [my_package]", value)


def _learner(key: str, value: Any) -> None:
    """Check what a recipe's settings have to say to each other."""
    if not isinstance(value, dict):
        return
    known = _AUTO_LABELS.get(value.get("_target_", ""))
    if known is not None and "auto_labels" in value:
        one_of(*known)(f"{key}.auto_labels", value["auto_labels"])
    if "patience" not in value or "validation_share" not in value:
        return
    patience, held_out = value["patience"], value["validation_share"]
    if (patience is None) != (held_out is None):
        both = f"patience={patience} and validation_share={held_out}".replace("None", "null")
        raise ConfigError(
            key, "early stopping with both patience and validation_share, or null for both", both
        )
    if patience is None and value.get("max_epochs") is None:
        hint = f"Write {key}.max_epochs=50."
        raise ConfigError(f"{key}.max_epochs", "a number of epochs without early stopping", "null", hint)


# Recipes and what they can make of auto-labels; a recipe of the user's own may know other ways.
_AUTO_LABELS = {
    "alframe.learner.ConsistencyRecipe": ("consistency", "train"),
    "alframe.learner.SupervisedRecipe": ("train", "ignore"),
}


def _one_noise(key: str, value: dict[str, Any]) -> None:
    if value.get("rate") is not None and value.get("confusion") is not None:
        raise ConfigError(
            key, "a rate or a confusion matrix, not both", hint=f"Write {key}.rate=null to use the matrix."
        )


def _rows_or_file(key: str, value: Any) -> None:
    if value is not None and not isinstance(value, (list, str)):
        raise ConfigError(key, "rows such as [[0.9, 0.1], [0.2, 0.8]], a file or null", str(value))


MAX_BATCH = 2**20
ENGINES = ("auto", "reference", "graph")
GROUPS = (
    "data",
    "learner",
    "network",
    "initial",
    "query",
    "auto_label",
    "oracle",
    "stopping",
    "tracker",
)

_RULES: dict[str, Check] = {
    "seed": whole(0),
    "data_dir": text,
    "device": _device,
    "precision": one_of("auto", "float32", "bfloat16"),
    "engine": one_of(*ENGINES),
    "threads": whole(1, most=1024, optional=True),
    "order": one_of("auto_first", "hand_first"),
    "remainder": one_of("hand", "auto", "leave"),
    "trusted_packages": _names,
    "data.name": text,
    "data.download": one_of(True, False),
    "data.limit": whole(2, optional=True),
    "data.path": text,
    "data.in_memory": one_of(True, False),
    "data.imbalance": _mapping,
    "data.imbalance.kind": one_of("none", "long_tail", "step"),
    "data.imbalance.ratio": number(least=1),
    "data.imbalance.shuffle_classes": one_of(True, False),
    "initial.share": share(),
    "initial.num": whole(1, optional=True),
    "initial.default_share": share(),
    "initial.default_at_least": whole(1),
    "initial.components": whole(1),
    "initial.neighbours": whole(1),
    "initial.candidates": whole(1),
    "initial.side": whole(1),
    "oracle": _one_noise,
    "oracle.rate": share(zero=True, one=False),
    "oracle.confusion": _rows_or_file,
    "oracle.reask": one_of("same", "fresh"),
    "query.share": share(),
    "query.num": whole(1, optional=True),
    "query.default_share": share(),
    "query.default_at_least": whole(1),
    "query.share_of": one_of("pool", "dataset"),
    "query.spread": number(least=1),
    "query.max_candidates": whole(1, optional=True),
    "query.beta": number(least=0),
    "query.joint": whole(1),
    "query.configurations": whole(1),
    "query.clusters_per_sample": number(above=0),
    "query.max_agglomerated": whole(1),
    "query.max_clusters": whole(1),
    "query.min_cluster": whole(1),
    "query.neighbours": whole(1),
    "query.purity": probability,
    "auto_label.threshold": probability,
    "auto_label.keep": one_of("permanent", "rejudge"),
    "auto_label.thresholds": class_thresholds,
    "auto_label.num": whole(1, optional=True),
    "auto_label.share": share(),
    "auto_label.validation_size": whole(1),
    "auto_label.tolerance": probability,
    "auto_label.bound": one_of("sigma", "clopper_pearson"),
    "auto_label.group": one_of("joint", "per_class"),
    "auto_label.delta": probability,
    "auto_label.sigma_weight": number(least=0),
    "auto_label.min_support": whole(1),
    "auto_label.num_cuts": whole(1),
    "auto_label.calibration_share": probability,
    "auto_label.max_temperature": number(above=1),
    "auto_label.penalty": number(least=0),
    "auto_label.steepness": number(above=0),
    "auto_label.learning_rate": number(above=0),
    "auto_label.weight_decay": number(least=0),
    "auto_label.epochs": whole(1),
    "auto_label.batch_size": whole(1, most=MAX_BATCH),
    "auto_label.start_threshold": number(least=0, most=1),
    "stopping.share": share(zero=True, one=False),
    "stopping.min_rounds": whole(1),
    "stopping.max_rounds": whole(1, optional=True),
    "stopping.max_hand_labels": whole(1, optional=True),
    "stopping.learn_last": one_of(True, False),
    "stopping.max_cost": positive,
    "stopping.validation_size": whole(1),
    "stopping.tolerance": probability,
    "stopping.hand_label": number(least=0),
    "stopping.auto_label": number(least=0),
    "stopping.hour": number(least=0),
    "learner.steps": whole(1),
    "learner.steps_growth": whole(0),
    "learner.max_pool_passes": positive,
    "learner.batch_size": whole(1, most=MAX_BATCH),
    "learner.pool_batch_size": whole(0, most=MAX_BATCH),
    "learner.average_decay": number(least=0, most=1),
    "learner.confident": number(least=0, most=1),
    "learner.augment": _mapping,
    "learner.one_cycle": _mapping,
    "learner.optimizer": _mapping,
    "learner.augment.rotation": number(least=0, most=180),
    "learner.augment.scale": number(least=0),
    "learner.augment.shear": number(least=0),
    "learner.augment.shift": number(least=0, most=1),
    "learner.augment.elastic": number(least=0),
    "learner.one_cycle.pct_start": probability,
    "learner.one_cycle.div_factor": number(above=0),
    "learner.one_cycle.final_div_factor": number(above=0),
    "network.widths": _widths,
    "network.grid": whole(1),
    "network.dropout": number(least=0, most=1),
    "network.activation": one_of("relu", "tanh"),
    "network.pooling": one_of("max", "average"),
    "learner.weight": number(least=0),
    "learner.auto_labels": one_of("consistency", "train", "ignore"),
    "learner.validation_share": share(one=False),
    "learner.patience": whole(1, optional=True),
    "learner.max_epochs": whole(1, optional=True),
    "learner.inputs": one_of("unit", "standard"),
    "learner": _learner,
    "learner.warm_start": one_of(True, False),
    "learner.crop": whole(0),
    "learner.ensemble": whole(1),
    "learner.scoring_batch_size": whole(1, most=MAX_BATCH, optional=True),
    "learner.committee": one_of("ensemble", "last_layer", "dropout"),
    "learner.committeepositive": whole(2, most=1000),
    "learner.committee_dropout": probability,
    "learner.final_networks": whole(0, most=100),
    "learner.final_warm": whole(0),
    "learner.final_steps": whole(1, optional=True),
    "learner.final_views": whole(1, most=1000),
    "learner.final_views_share": share(),
    "learner.final_views_strength": number(least=0),
    "learner.optimizer.lr": number(above=0),
    "certificate.tolerance": share(one=False),
    "certificate.confidence": probability,
    "certificate.reach": one_of(True, False),
    "certificate.max_labels": whole(1, optional=True),
    "certificate.method": one_of("auto", "uniform", "weighted"),
    "certificate.oracle_error": share(zero=True, one=False),
    "suspects": whole(0),
    "cost.hand_label": number(least=0),
    "cost.auto_label": number(least=0),
    "cost.hour": number(least=0),
    "tracker.mode": one_of("offline", "online"),
    "tracker.project": text,
    "tracker.max_images": whole(0),
}


def _check_amounts(config: dict[str, Any]) -> None:
    for group in ("initial", "query", "auto_label"):
        amount = config.get(group) or {}
        if amount.get("share") is not None and amount.get("num") is not None:
            raise ConfigError(
                group,
                "a share or a number, not both",
                f"share={amount['share']:g} and num={amount['num']}",
                f"Write {group}.share=null or {group}.num=null.",
            )


def _check_question(config: dict[str, Any]) -> None:
    """A question of unknown size would only be noticed once the seed set has been labelled."""
    query = config["query"]
    if query["_target_"] and all(query.get(key) is None for key in ("share", "num", "default_share")):
        raise ConfigError("query", "query.share or query.num", hint="Give one of them, such as query.num=50.")


def _check_conflicts(config: dict[str, Any]) -> None:
    policy, learns = config["auto_label"], config["learner"].get("auto_labels") == "train"
    if learns and policy.get("validation_size") and policy.get("keep") == "rejudge":
        raise ConfigError(
            "auto_label.keep",
            "permanent where auto-labels are learned as truth and a validation set judges them: what the "
            "classifier has learned by heart would be judged by what it has not",
            "rejudge",
            "Write auto_label.keep=permanent or another learner.auto_labels.",
        )
    learner = config["learner"]
    if learner.get("final_warm", 0) > learner.get("final_networks", 0):
        raise ConfigError(
            "learner.final_warm",
            f"at most learner.final_networks={learner.get('final_networks', 0)}",
            learner["final_warm"],
        )
    targets = {group: (config.get(group) or {}).get("_target_") for group in ("query", "auto_label")}
    if not any(targets.values()):
        raise ConfigError(
            "query",
            "someone to label: a query strategy or an auto-label policy",
            "query=none and auto_label=none",
            "Choose another of one of them.",
        )


def _check_presence(config: dict[str, Any]) -> None:
    for key in (*GROUPS, *(rule for rule in _RULES if "." not in rule)):
        value = config.get(key)
        if key not in config or (key in GROUPS and not (isinstance(value, dict) and "_target_" in value)):
            expected = "one of the group's choices" if key in GROUPS else "a value"
            hint = f"alframe --help lists them: {key}=CHOICE." if key in GROUPS else ""
            raise ConfigError(key, expected, value, hint)


def _look_up(config: dict[str, Any], key: str) -> tuple[bool, Any]:
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return False, None
        value = value[part]
    return True, value


def _percent_hint(value: Any, most: float | None) -> str:
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and most == 1
    return f"Write {value / 100:g}." if fits and 1 < value < 100 else ""
