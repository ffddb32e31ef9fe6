"""The range of every key of conf/, and what a few keys must look like."""

import re
from typing import Any

from alframe.config.checks import (
    Check,
    class_thresholds,
    number,
    one_of,
    optional_text,
    positive,
    probability,
    project,
    share,
    tags,
    text,
    whole,
)
from alframe.core.errors import ConfigError

MAX_BATCH = 2**20
# Figures of summary.json that a search may optimise.
FIGURES = (
    "hand_labels",
    "hand_share",
    "mislabelled",
    "mislabelled_share",
    "mislabelled_share_macro",
    "auto_label_error",
    "test_accuracy",
    "coverage",
    "rounds",
    "cost",
    "seconds",
)
ENGINES = ("auto", "reference", "graph")


def _device(key: str, value: Any) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise ConfigError(key, "auto, cpu, cuda, cuda:N or mps", value)


def _mapping(key: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise ConfigError(key, "settings such as those of the file", str(value))


def _settings(*names: str) -> Check:
    """Return a check for a mapping that has exactly these keys."""
    expected = f"the settings {', '.join(names)}"

    def rule(key: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise ConfigError(key, expected, value, f"Write {key}.{names[0]}={value}.")
        if set(value) != set(names):
            raise ConfigError(key, expected, ", ".join(map(str, value)))

    return rule


def _widths(key: str, value: Any) -> None:
    whole_widths = isinstance(value, list) and all(
        isinstance(width, int) and not isinstance(width, bool) and width > 0 for width in value
    )
    if not whole_widths or not value:
        raise ConfigError(key, "a list of whole numbers of at least 1, such as [16, 32, 64]", str(value))


def _names(key: str, value: Any) -> None:
    if not isinstance(value, list) or not all(
        isinstance(name, str) and re.fullmatch(r"[A-Za-z_][\w.]*", name) for name in value
    ):
        raise ConfigError(key, "a list of package names such as [my_package]", value)


def _objective(key: str, value: Any) -> None:
    names = value if isinstance(value, list) else [] if value is None else [value]
    if any(name not in FIGURES for name in names) or value == []:
        raise ConfigError(
            key, f"one of {', '.join(FIGURES)}, or a list such as [hand_share,mislabelled_share]", str(value)
        )


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


def _size(key: str, value: Any) -> None:
    if value is None:
        return
    right = isinstance(value, list) and len(value) == 2
    if not right or not all(type(side) is int and side >= 4 for side in value):
        raise ConfigError(key, "[height,width] of at least 4 pixels each, or null", str(value))


def _text_or_none(key: str, value: Any) -> None:
    if value is not None:
        text(key, value)


def _names_or_none(key: str, value: Any) -> None:
    if value is None:
        return
    names = value if isinstance(value, list) else []
    if len({str(name) for name in names}) < 2 or len({str(name) for name in names}) != len(names):
        raise ConfigError(key, "at least two names, all different, such as [cat,dog]", str(value))


RULES: dict[str, Check] = {
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
    "data.class_names": _names_or_none,
    "data.size": _size,
    "data.channels": one_of(None, 1, 3),
    "data.test_path": _text_or_none,
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
    "learner.committee": _settings("kind", "passes", "dropout"),
    "learner.committee.kind": one_of("ensemble", "last_layer", "dropout"),
    "learner.committee.passes": whole(2, most=1000),
    "learner.committee.dropout": probability,
    "learner.final": _settings("networks", "warm", "steps", "views"),
    "learner.final.networks": whole(0, most=100),
    "learner.final.warm": whole(0),
    "learner.final.steps": whole(1, optional=True),
    "learner.final.views": _settings("n", "share", "strength"),
    "learner.final.views.n": whole(1, most=1000),
    "learner.final.views.share": share(),
    "learner.final.views.strength": number(least=0),
    "learner.optimizer.lr": number(above=0),
    "certificate": _mapping,
    "cost": _mapping,
    "certificate.tolerance": share(one=False),
    "certificate.confidence": probability,
    "certificate.reach": one_of(True, False),
    "certificate.max_labels": whole(1, optional=True),
    "certificate.method": one_of("auto", "uniform", "weighted"),
    "certificate.oracle_error": share(zero=True, one=False),
    "suspects": whole(0),
    "objective": _objective,
    "cost.hand_label": number(least=0),
    "cost.auto_label": number(least=0),
    "cost.hour": number(least=0),
    "tracker.mode": one_of("offline", "online"),
    "tracker.project": project,
    "tracker.entity": optional_text,
    "tracker.group": optional_text,
    "tracker.tags": tags,
    "tracker.max_images": whole(0),
}
