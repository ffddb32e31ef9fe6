"""From a checked config to the components of a trial, its plan and what it computes with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from alframe.audit.certificate import CertificateSpec
from alframe.audit.certify import AuditCertifier
from alframe.audit.evaluator import TruthEvaluator
from alframe.core.components import Components
from alframe.core.errors import ConfigError
from alframe.core.plan import Amount, Cost, LoopPlan
from alframe.core.protocols import check_component
from alframe.data import ImageDataset, make_bank
from alframe.learner import CNNLearner
from alframe.learner.compute.autotune import Subject, choose_precision, choose_scoring_batch
from alframe.learner.compute.device import Compute
from alframe.learner.engines.choose import choose_engine
from alframe.learner.final_fit import FinalFit
from alframe.learner.interfaces import Engine, Progress
from alframe.learner.scoring.committee import DETAILS, Committee, check_network
from alframe.learner.scoring.pool import SCORES
from alframe.learner.scoring.test_time_augmentation import Views
from alframe.tracking import Tracker
from alframe.trial.instantiate import instantiate

# What the learner can be asked for, and what of it takes more than a look at logits.
DEAR = DETAILS | {"labelled_features"}
NEEDS = SCORES | DEAR
_OF_LEARNER = ("warm_start", "ensemble")
_AMOUNT = ("share", "num", "default_share", "default_at_least")


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
class ComputePlan:
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


def build_compute_plan(config: dict[str, Any], dataset: ImageDataset) -> ComputePlan:
    """Return what a trial computes with; `auto` is settled by capability, or else by a probe."""
    subject = _subject(config, dataset)
    device = Compute.choose(config["device"], "float32").device
    compute = choose_precision(device, config["precision"], subject)
    choice = choose_engine(config["engine"], compute, streamed=not isinstance(dataset.images_N, Tensor))
    return ComputePlan(
        compute=compute,
        engine=choice.engine,
        reason=choice.reason,
        scoring_batch_size=choose_scoring_batch(
            compute, config["learner"].get("scoring_batch_size"), subject
        ),
    )


def build_plan(config: dict[str, Any]) -> LoopPlan:
    """Return the reading of the seven steps that the config asks for."""
    query = config["query"]
    question = Amount(**_only(query, _AMOUNT), of=query.get("share_of", "pool"), key="query")
    return LoopPlan(
        seed=config["seed"],
        question=question,
        keep=config["auto_label"].get("keep", "permanent"),
        order=config["order"],
        remainder=config["remainder"],
        max_hand_labels=config["stopping"].get("max_hand_labels"),
        final_fit=_final_fit(config["learner"]) is not None,
        cost=Cost(**config["cost"]),
    )


def build_components(
    config: dict[str, Any],
    dataset: ImageDataset,
    member_N: Any,
    compute_plan: ComputePlan,
    progress: Progress,
    given: Mapping[str, Any] | None = None,
    directory: Path | None = None,
) -> Components:
    """Return the components of a trial. The truth goes to the oracle and the audit and to nobody else.

    `given` has, by the name of the component, objects that are taken in the place of what the config names;
    `directory` is the trial's, for an oracle that asks by files.
    """
    given = given or {}
    trusted = config["trusted_packages"]
    initial = config["initial"]
    # What a seed set or an oracle may ask for by the name of a parameter. Only those of a simulation take the
    # truth, and say so.
    offered = {
        "truth_N": dataset.truth_N,
        "n_classes": dataset.n_classes,
        "images_N": dataset.images_N,
        "seed": config["seed"],
        "class_names": dataset.class_names,
        "directory": directory,
    }
    query = given.get("query") or _optional(
        "query",
        _without(config["query"], *_AMOUNT, "share_of"),
        trusted,
        offered={"device": compute_plan.compute.device},
    )
    auto_label = given.get("auto_label") or _optional(
        "auto_label", _without(config["auto_label"], "keep"), trusted
    )
    components: dict[str, Any] = {
        "initial": given.get("initial")
        or instantiate(
            "initial",
            _without(initial, *_AMOUNT),
            trusted,
            offered=offered,
            amount=Amount(**_only(initial, _AMOUNT), of="dataset", key="initial"),
        ),
        "query": query,
        "auto_label": auto_label,
        "oracle": given.get("oracle") or instantiate("oracle", config["oracle"], trusted, offered=offered),
        "stopping": given.get("stopping") or instantiate("stopping", config["stopping"], trusted),
    }
    for group, component in components.items():
        check_component(group, component)
    _check_needs(config, dataset, query=query, auto_label=auto_label)
    return Components(
        learner=_learner(config, dataset, member_N, compute_plan, progress),
        evaluator=TruthEvaluator(dataset.truth_N, dataset.test_truth_T),
        certifier=_certifier(config["certificate"]),
        **components,
    )


def _certifier(settings: dict[str, Any]) -> AuditCertifier | None:
    return None if settings["tolerance"] is None else AuditCertifier(CertificateSpec(**settings))


def build_tracker(config: dict[str, Any]) -> Tracker | None:
    """Return the tracker that the config names besides the files and the terminal, or None."""
    tracker: Tracker | None = _optional("tracker", config["tracker"], config["trusted_packages"])
    return tracker


def _learner(
    config: dict[str, Any],
    dataset: ImageDataset,
    member_N: Any,
    compute_plan: ComputePlan,
    progress: Progress,
) -> CNNLearner:
    crop = config["learner"].get("crop", 0)
    compute = compute_plan.compute
    bank = make_bank(dataset.images_N, compute.device).cropped(crop)
    test = dataset.test_images_T
    return CNNLearner(
        bank=bank,
        test_bank=None if test is None else make_bank(test, compute.device).cropped(crop),
        member_N=member_N,
        n_classes=dataset.n_classes,
        network=instantiate("network", config["network"], config["trusted_packages"], call=False),
        recipe=build_recipe(config),
        engine=compute_plan.engine,
        compute=compute,
        seed=config["seed"],
        scoring_batch_size=compute_plan.scoring_batch_size,
        committee=Committee(**config["learner"].get("committee", {})),
        final=_final_fit(config["learner"]),
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
    recipe = build_recipe(config)
    _try_network(subject, recipe)
    final = _final_fit(learner)
    if final is not None and final.views is not None and not hasattr(recipe, "alter"):
        raise ConfigError("learner.final.views.n", "1 with a recipe that alters no images", final.views.n)
    return subject


def _check_needs(config: dict[str, Any], dataset: ImageDataset, **components: Any) -> None:
    """Refuse, before the first label, what a strategy or policy needs and nobody can give it."""
    for group, component in components.items():
        needs = frozenset(getattr(component, "needs", ()))
        unknown = needs - NEEDS
        if unknown:
            raise ConfigError(
                f"{group}._target_",
                f"needs among {', '.join(sorted(NEEDS))}",
                ", ".join(sorted(unknown)),
            )
        if needs & DEAR:
            subject = _subject(config, dataset)
            committee = Committee(**config["learner"].get("committee", {}))
            if (
                "members" in needs
                and committee.kind == "ensemble"
                and config["learner"].get("ensemble", 1) < 2
            ):
                raise ConfigError(
                    "learner.ensemble",
                    f"at least 2 for {group}, which asks a committee",
                    config["learner"].get("ensemble", 1),
                    "Or write learner.committee.kind=last_layer.",
                )
            check_network(subject.make(), needs, committee)


def build_recipe(config: dict[str, Any]) -> Any:
    """Return the recipe of `config["learner"]`, without the settings that are the learner's own."""
    settings = _without(config["learner"], *_OF_LEARNER, "committee", "final", "crop", "scoring_batch_size")
    return instantiate("learner", settings, config["trusted_packages"])


def _try_network(subject: Subject, recipe: Any) -> None:
    """Make a network and its optimizer once."""
    _, height, width = subject.image_shape
    group = "network"
    try:
        made = subject.make()
        group = "learner.optimizer"
        if hasattr(recipe, "optimizer"):
            recipe.optimizer(list(made.parameters()))
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(group, f"settings that it takes for {height} x {width} images: {reason}") from error


def _optional(
    group: str, node: dict[str, Any], trusted: list[str], offered: dict[str, Any] | None = None
) -> Any:
    if node.get("_target_") is None:
        return None
    return instantiate(group, node, trusted, offered=offered)


def _final_fit(learner: dict[str, Any]) -> FinalFit | None:
    final = learner.get("final")
    if final is None or final["networks"] == 0:
        return None
    views = Views(**final["views"]) if final["views"]["n"] > 1 else None
    return FinalFit(**{**final, "views": views})


def _only(node: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: node[key] for key in keys if key in node}


def _without(node: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in keys}
