"""The settings of a trial, read from its config. This is the only reader of the config's keys.

A key that only some options have is None if the chosen option lacks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from alframe.audit.certificate import CertificateSpec
from alframe.audit.check_sample import CheckSpec
from alframe.config.trial_identity import PEOPLE_KEY
from alframe.config.validate import ENCODER_NETWORK, ENCODER_OF_AUTO
from alframe.core.errors import ConfigError
from alframe.core.loop_plan import Amount, Cost, LoopPlan
from alframe.learner.final_fit import FinalFit
from alframe.learner.scoring.committee import Committee
from alframe.learner.scoring.test_time_augmentation import Views

Node = dict[str, Any]  # a section of the config: settings, mostly with a `_target_`
_PLAIN = ("seed", "data_dir", "embeddings_dir", "device", "precision", "engine", "scoring_engine", "threads")
_AMOUNT = ("share", "num", "default_share", "default_at_least")
# Settings of the group `learner` that do not belong to the recipe.
_NOT_OF_RECIPE = (
    "by_data",
    "network",
    "warm_start",
    "ensemble",
    "committee",
    "views",
    "final",
    "fine_tuning",
    "crop",
    "scoring_batch_size",
)


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """The last fit of a trial on vectors, which trains the encoder from the images.

    Attributes:
        recipe: its node.
        unfrozen: number of the encoder's last blocks that are trained, None for all of them.
        held_out: as in `FineTuningLearner`. scoring_batch_size: images per scoring pass.
    """

    recipe: Node
    unfrozen: int | None
    held_out: float
    scoring_batch_size: int


@dataclass(frozen=True, kw_only=True)
class LearnerSettings:
    """The learner.

    Attributes:
        recipe, network: the nodes of the two.
        crop: pixels cropped from each side of an image.
        scoring_batch_size: images per scoring pass, None for the fastest.
        images_per_step: images of a training step, None if the recipe has no batch_size.
        warm_start: None if it is chosen by the data and the data is not known yet.
        warm_start, ensemble, committee, views, final: as in `CNNLearner`.
        fine_tuning: the last fit if it trains the encoder, else None.
    """

    recipe: Node
    network: Node
    crop: int
    scoring_batch_size: int | None
    images_per_step: int | None
    warm_start: bool | None
    ensemble: int
    committee: Committee
    views: Views | None
    final: FinalFit | None
    fine_tuning: FineTuning | None


@dataclass(frozen=True, kw_only=True)
class TrialSettings:
    """All settings of a trial. A node is None if the choice of its group is `none`.

    Attributes:
        trusted: packages besides alframe, torch and torchvision that a `_target_` may name.
        data: the node of a function that returns the data set. data_dir: where data sets lie.
        limit: number of samples that take part, None for all.
        imbalance: how classes are made unequal, None for not at all.
        encoder: the node of the encoder whose vectors the learner reads.
        embeddings_dir: folder of the vectors of all encoders.
        device, precision, engine, scoring_engine, threads: as asked for; each may still be automatic.
        initial, query, auto_label, oracle, stopping: the nodes of the other components.
        seed_set_size: for `initial`.
        tracker: the node of a tracker besides files and terminal.
        certificate: the certificate to prove, None for none.
        check: the check of the auto-labels at the end.
        n_label_issues: hand labels to list in suspects.csv.
        min_rounds, max_rounds: the bounds of the stopping rule on the rounds, None if it has no such bound.
        asks_people: people are the oracle, so that their answers are stored.
        answers_from: directory of a trial whose answers are taken over, or None.
        oracle_rate: the share of wrong answers of a simulated oracle; None if a confusion matrix gives it,
            0 if the oracle does not err.
    """

    seed: int
    trusted: list[str]
    data: Node
    data_dir: str
    limit: int | None
    imbalance: Node | None
    encoder: Node | None
    embeddings_dir: str
    device: str
    precision: str
    engine: str
    scoring_engine: str
    threads: int | None
    initial: Node
    query: Node | None
    auto_label: Node | None
    oracle: Node
    stopping: Node
    tracker: Node | None
    seed_set_size: Amount
    learner: LearnerSettings
    plan: LoopPlan
    certificate: CertificateSpec | None
    check: CheckSpec
    n_label_issues: int
    min_rounds: int | None
    max_rounds: int | None
    asks_people: bool
    answers_from: str | None
    oracle_rate: float | None


def read_settings(config: Mapping[str, Any]) -> TrialSettings:
    """Return the settings of a trial.

    Args:
        config: the resolved config as plain containers, checked by `alframe.config.validate.check`.

    Raises:
        ConfigError: the chosen option of `learner` lacks a key that every learner needs.
    """
    data, initial, oracle, stopping = (config[group] for group in ("data", "initial", "oracle", "stopping"))
    learner, certificate = _learner(config["learner"], network_node(config)), config["certificate"]
    return TrialSettings(
        **{key: config[key] for key in _PLAIN},
        trusted=config["trusted_packages"],
        data=_without(data, "limit", "border", "imbalance"),
        limit=data.get("limit"),
        imbalance=data.get("imbalance"),
        encoder=_vectors_node(config),
        initial=_without(initial, *_AMOUNT),
        query=_node(_without(config["query"], *_AMOUNT, "share_of")),
        auto_label=_node(_without(config["auto_label"], "keep")),
        oracle=_without(oracle, PEOPLE_KEY),
        stopping=stopping,
        tracker=_node(config["tracker"]),
        seed_set_size=Amount(**_only(initial, _AMOUNT), of="dataset", key="initial"),
        learner=learner,
        plan=_plan(config, final_fit=not (learner.final is None and learner.fine_tuning is None)),
        certificate=None if certificate["tolerance"] is None else CertificateSpec(**certificate),
        check=CheckSpec(**config["check"]),
        n_label_issues=config["suspects"],
        min_rounds=stopping.get("min_rounds"),
        max_rounds=stopping.get("max_rounds"),
        asks_people=PEOPLE_KEY in oracle,
        answers_from=oracle.get(PEOPLE_KEY),
        oracle_rate=None
        if oracle.get("confusion") is not None
        else oracle.get("rate") or oracle.get("mistyped") or 0.0,
    )


def with_learner(settings: TrialSettings, config: Mapping[str, Any]) -> TrialSettings:
    """Return settings with the encoder and the learner of another config; the batch size of scoring stays."""
    learner = _learner(config["learner"], network_node(config))
    learner = replace(learner, scoring_batch_size=settings.learner.scoring_batch_size)
    return replace(settings, learner=learner, encoder=_vectors_node(config))


def encoder_settings(node: Node) -> Node:
    """Return the settings of an encoder itself, without those of its runtime and of `encoder=auto`."""
    return _without(node, "runtime", ENCODER_OF_AUTO, "least_side")


def network_node(config: Mapping[str, Any]) -> Node:
    """Return the node of the network; that of `network=encoder` gets the trial's encoder."""
    network: Node = config["network"]
    if network["_target_"] != ENCODER_NETWORK:
        return network
    return {**network, "encoder": encoder_settings(trained_encoder(config["encoder"]))}


def trained_encoder(node: Node) -> Node:
    """Return the node of the encoder that `network=encoder` trains; `encoder=auto` takes its own."""
    encoder: Node = node[ENCODER_OF_AUTO] if node["_target_"] is None else node
    return encoder


def _vectors_node(config: Mapping[str, Any]) -> Node | None:
    """Return the node of the encoder whose vectors the learner reads, or None if it reads images."""
    return None if config["network"]["_target_"] == ENCODER_NETWORK else _node(config["encoder"])


def _learner(node: Node, network: Node) -> LearnerSettings:
    for key in ("warm_start", "ensemble", "committee"):
        if key not in node:
            raise ConfigError(f"learner.{key}", "a value", hint="Set it in the file of that learner.")
    batch_size = node.get("batch_size")
    return LearnerSettings(
        recipe=_without(node, *_NOT_OF_RECIPE),
        network=node.get("network") or network,
        crop=node.get("crop") or 0,
        scoring_batch_size=node.get("scoring_batch_size"),
        images_per_step=None if batch_size is None else batch_size + (node.get("pool_batch_size") or 0),
        warm_start=node["warm_start"],
        ensemble=node["ensemble"],
        committee=Committee(**node["committee"]),
        views=_views(node.get("views")),
        final=_final_fit(node.get("final")),
        fine_tuning=_fine_tuning(node.get("fine_tuning")),
    )


def _final_fit(node: Node | None) -> FinalFit | None:
    if node is None or node["networks"] == 0:
        return None
    return FinalFit(**{**node, "views": _views(node["views"])})


def _views(node: Node | None) -> Views | None:
    return None if node is None or node["n"] == 1 else Views(**node)


def _fine_tuning(node: Node | None) -> FineTuning | None:
    if node is None or node["unfrozen"] == 0:
        return None
    names = ("unfrozen", "held_out", "scoring_batch_size")
    return FineTuning(recipe=_without(node, *names), **_only(node, names))


def _plan(config: Mapping[str, Any], *, final_fit: bool) -> LoopPlan:
    query = config["query"]
    # query=none asks no question, so that the base of its share does not matter.
    base: Literal["pool", "dataset", "labelled"] = query.get("share_of") or "pool"
    return LoopPlan(
        seed=config["seed"],
        question=Amount(**_only(query, _AMOUNT), of=base, key="query"),
        keep="rejudge" if config["auto_label"].get("keep") == "rejudge" else "permanent",
        order=config["order"],
        remainder=config["remainder"],
        max_hand_labels=config["stopping"].get("max_hand_labels"),
        final_fit=final_fit,
        cost=Cost(**config["cost"]),
    )


def _node(node: Node) -> Node | None:
    return None if node["_target_"] is None else node


def _only(node: Node, keys: tuple[str, ...]) -> Node:
    return {key: node[key] for key in keys if key in node}


def _without(node: Node, *keys: str) -> Node:
    return {key: value for key, value in node.items() if key not in keys}
