"""The one place where config becomes objects."""

import inspect
from dataclasses import dataclass
from typing import Any

import hydra
import torch
from omegaconf import OmegaConf

from alframe.audit import Audit
from alframe.certificate import CertificatePlan
from alframe.cost import Cost
from alframe.data import ImageDataset, make_bank
from alframe.device import Compute
from alframe.errors import ConfigError
from alframe.learner import CNNLearner
from alframe.learner.choose import choose_engine
from alframe.learner.committee import Committee
from alframe.learner.engine import Engine, Progress
from alframe.learner.learner import FinalFit
from alframe.probe import Subject, choose_precision, choose_scoring_batch
from alframe.rooms import Amount, Plan, Rooms
from alframe.tracking import Tracker

_TRUSTED = ("alframe.", "torch.", "torchvision.", "hydra.utils.get_class")
_OF_LEARNER = ("warm_start", "ensemble")
_COMMITTEE = {"committee": "kind", "committee_passes": "passes", "committee_dropout": "dropout"}
_FINAL = {"final_networks": "networks", "final_warm": "warm", "final_steps": "steps"}
_AMOUNT = ("share", "num", "default_share", "default_at_least")


def instantiate(
    group: str,
    node: dict[str, Any],
    trusted: list[str],
    *,
    call: bool = True,
    offered: dict[str, Any] | None = None,
    **given: Any,
) -> Any:
    """Return the object of a config node with a `_target_`, its settings and what is given here.

    Args:
        group: the config group, for messages.
        node: `_target_` and settings.
        trusted: packages besides alframe, torch and torchvision that a `_target_` may name.
        call: False returns a function that makes the object when it is given the rest.
        offered: arguments that are given where the target has a parameter of that name.
        given: arguments that do not come from the config.

    Raises:
        ConfigError: an untrusted or unknown target, or settings that it does not take.
    """
    _check_targets(group, node, trusted)
    try:
        # Given objects go in by a partial call: Hydra would otherwise look for config inside them.
        make = hydra.utils.instantiate(OmegaConf.create(node), _partial_=True, _convert_="all")
        # ValueError: inspect's word for a setting that the target has no parameter for.
        signature = inspect.signature(make)
        given |= {name: value for name, value in (offered or {}).items() if name in signature.parameters}
        if call:
            signature.bind(**given)
    except (hydra.errors.InstantiationException, TypeError, ValueError) as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise ConfigError(group, f"settings that {node['_target_']} takes: {reason}") from error
    return make(**given) if call else make


def check_targets(config: dict[str, Any]) -> None:
    """Raise `ConfigError` for the first `_target_` of a config that is not trusted or does not exist."""
    for group, node in config.items():
        _check_targets(group, node, config["trusted_packages"])


def load_data(config: dict[str, Any]) -> ImageDataset:
    """Return the checked data set of `config["data"]`.

    Raises:
        DataError: it is missing, damaged or not fit for labelling.
    """
    settings = _without(config["data"], "limit", "border", "imbalance")
    dataset: ImageDataset = instantiate(
        "data", settings, config["trusted_packages"], data_dir=config["data_dir"]
    )
    if not isinstance(dataset, ImageDataset):
        raise ConfigError("data._target_", "a function that returns an ImageDataset", type(dataset).__name__)
    return dataset


@dataclass(frozen=True, kw_only=True)
class Means:
    """What a trial computes with: chosen once, before the first label.

    Attributes:
        compute: device and precision. engine: what runs fits and networks.
        reason: why `engine=auto` did not take a faster one, or None.
        scoring_batch_size: images per scoring pass.
    """

    compute: Compute
    engine: Engine
    reason: str | None
    scoring_batch_size: int


def build_means(config: dict[str, Any], dataset: ImageDataset) -> Means:
    """Return what a trial computes with; `auto` is settled by capability, or else by a probe."""
    subject = _subject(config, dataset)
    device = Compute.choose(config["device"], "float32").device
    compute = choose_precision(device, config["precision"], subject)
    choice = choose_engine(config["engine"], compute)
    return Means(
        compute=compute,
        engine=choice.engine,
        reason=choice.reason,
        scoring_batch_size=choose_scoring_batch(
            compute, config["learner"].get("scoring_batch_size"), subject
        ),
    )


def build_plan(config: dict[str, Any]) -> Plan:
    """Return the reading of the seven steps that the config asks for."""
    query, promised = config["query"], config["certificate"]
    question = Amount(**_only(query, _AMOUNT), of=query.get("share_of", "pool"), key="query")
    return Plan(
        seed=config["seed"],
        question=question,
        keep=config["auto_label"].get("keep", "permanent"),
        order=config["order"],
        remainder=config["remainder"],
        max_hand_labels=config["stopping"].get("max_hand_labels"),
        final_fit=_has_final_fit(config),
        certificate=None if promised["tolerance"] is None else CertificatePlan(**promised),
        cost=Cost(**config["cost"]),
    )


def build_rooms(
    config: dict[str, Any],
    dataset: ImageDataset,
    member_N: Any,
    means: Means,
    progress: Progress,
) -> Rooms:
    """Return the rooms of a trial. The truth goes to the oracle and the audit and to nobody else."""
    trusted = config["trusted_packages"]
    initial = config["initial"]
    # What a seed set or an oracle may ask for by the name of a parameter. Only those of a simulation take the
    # truth, and say so.
    offered = {
        "truth_N": dataset.truth_N,
        "n_classes": dataset.n_classes,
        "images_N": dataset.images_N,
        "seed": config["seed"],
    }
    return Rooms(
        initial=instantiate(
            "initial",
            _without(initial, *_AMOUNT),
            trusted,
            offered=offered,
            amount=Amount(**_only(initial, _AMOUNT), of="dataset", key="initial"),
        ),
        learner=_learner(config, dataset, member_N, means, progress),
        query=_optional("query", _without(config["query"], *_AMOUNT, "share_of"), trusted),
        auto_label=_optional("auto_label", _without(config["auto_label"], "keep"), trusted),
        oracle=instantiate("oracle", config["oracle"], trusted, offered=offered),
        stopping=instantiate("stopping", config["stopping"], trusted),
        audit=Audit(dataset.truth_N, dataset.test_truth_T),
    )


def build_tracker(config: dict[str, Any]) -> Tracker | None:
    """Return the tracker that the config names besides the files and the terminal, or None."""
    tracker: Tracker | None = _optional("tracker", config["tracker"], config["trusted_packages"])
    return tracker


def _learner(
    config: dict[str, Any],
    dataset: ImageDataset,
    member_N: Any,
    means: Means,
    progress: Progress,
) -> CNNLearner:
    crop = config["learner"].get("crop", 0)
    compute = means.compute
    bank = make_bank(dataset.images_N, compute.device).cropped(crop)
    test = dataset.test_images_T
    return CNNLearner(
        bank=bank,
        test_bank=None if test is None else make_bank(test, compute.device).cropped(crop),
        member_N=member_N,
        n_classes=dataset.n_classes,
        network=instantiate("network", config["network"], config["trusted_packages"], call=False),
        recipe=_recipe(config),
        engine=means.engine,
        compute=compute,
        seed=config["seed"],
        scoring_batch_size=means.scoring_batch_size,
        committee=Committee(**_renamed(config["learner"], _COMMITTEE)),
        final=FinalFit(**_renamed(config["learner"], _FINAL)) if _has_final_fit(config) else None,
        progress=progress,
        **_only(config["learner"], _OF_LEARNER),
    )


def _subject(config: dict[str, Any], dataset: ImageDataset) -> Subject:
    """Return what will be run, tried once: what the images do not fit is told before the first label."""
    learner = config["learner"]
    crop = learner.get("crop", 0)
    n_channels, height, width = dataset.images_N.shape[1:]
    if 2 * crop + 4 > min(height, width):
        most = (min(height, width) - 4) // 2
        raise ConfigError("learner.crop", f"at most {most} of {min(height, width)} pixels at each side", crop)
    subject = Subject(
        network=instantiate("network", config["network"], config["trusted_packages"], call=False),
        config=config["network"],
        image_shape=(n_channels, height - 2 * crop, width - 2 * crop),
        n_classes=dataset.n_classes,
        batch_size=learner.get("batch_size", 128) + learner.get("pool_batch_size", 0),
    )
    _try_network(subject, _recipe(config))
    return subject


def _recipe(config: dict[str, Any]) -> Any:
    settings = _without(config["learner"], *_OF_LEARNER, *_COMMITTEE, *_FINAL, "crop", "scoring_batch_size")
    return instantiate("learner", settings, config["trusted_packages"])


def _try_network(subject: Subject, recipe: Any) -> None:
    """Make a network and its optimizer once."""
    n_channels, height, width = subject.image_shape
    group = "network"
    try:
        with torch.random.fork_rng(devices=[]):
            made = subject.network(
                in_channels=n_channels, image_size=(height, width), n_classes=subject.n_classes
            )
        group = "learner.optimizer"
        if hasattr(recipe, "optimizer"):
            recipe.optimizer(list(made.parameters()))
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(group, f"settings that it takes for {height} x {width} images: {reason}") from error


def _optional(group: str, node: dict[str, Any], trusted: list[str]) -> Any:
    return None if node.get("_target_") is None else instantiate(group, node, trusted)


def _has_final_fit(config: dict[str, Any]) -> bool:
    return bool(config["learner"].get("final_networks"))


def _renamed(node: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names[key]: node[key] for key in names if key in node}


def _only(node: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: node[key] for key in keys if key in node}


def _without(node: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in keys}


def _check_targets(group: str, node: Any, trusted: list[str]) -> None:
    for target in _targets(node):
        if not target.startswith((*_TRUSTED, *(f"{package}." for package in trusted))):
            raise ConfigError(
                f"{group}._target_",
                "a class of alframe, torch, torchvision or a trusted package",
                target,
                f"If it is yours, add trusted_packages=[{target.split('.')[0]}].",
            )
        try:
            hydra.utils.get_object(target)
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"{group}._target_", "something that can be imported", target, f"{reason}."
            ) from error


def _targets(node: Any) -> list[str]:
    """Return every `_target_` in a node, and what `get_class` is to look up."""
    if isinstance(node, list):
        return [target for item in node for target in _targets(item)]
    if not isinstance(node, dict):
        return []
    own = [str(node["_target_"])] if node.get("_target_") else []
    if own == ["hydra.utils.get_class"]:
        own.append(str(node.get("path")))
    return own + [target for value in node.values() for target in _targets(value)]
