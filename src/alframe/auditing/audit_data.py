"""The data of an audit: the images, the labels to audit, and what a simulated oracle knows.

Axes: N the samples of the data set's file; C the classes.
"""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from alframe.audit.label_noise import noisy_labels, similar_classes
from alframe.auditing.audit_settings import AuditSettings, Noise
from alframe.auditing.given_labels import (
    GivenLabels,
    names_in_labels,
    unmatched_line,
)
from alframe.core.errors import ConfigError, DataError, DataWarning
from alframe.core.seeds import derive_generator
from alframe.data import ImageDataset, make_bank
from alframe.oracle.class_names import class_of_name, expected
from alframe.trial.assemble import load_data
from alframe.trial.settings import TrialSettings

MEAN_IMAGES = 10_000  # from which the mean images of the classes are computed


@dataclass(frozen=True, kw_only=True, eq=False)
class AuditData:
    """The data of an audit.

    Attributes:
        dataset: of the images. Its truth is for the parts of a trial; `truth_N` is what is known to be right.
        given_N: int64, the labels to audit, -1 without one. member_N: bool, the samples that take part.
        log_probs_NC: float32, probabilities that came with the labels, or None.
        truth_N: int64, the right classes in a simulation, or None.
    """

    dataset: ImageDataset
    given_N: Tensor
    member_N: Tensor
    log_probs_NC: Tensor | None
    truth_N: Tensor | None


def load_audited(settings: TrialSettings, audit: AuditSettings) -> ImageDataset:
    """Return the images. Without class names, those in the file of labels are taken.

    Raises:
        DataError: as `load_data` and `names_in_labels`.
    """
    unnamed = "class_names" in settings.data and settings.data["class_names"] is None
    try:
        return load_data(settings)
    except DataError:
        if not audit.labels or not unnamed:
            raise
        names = names_in_labels(audit.labels)
        if not names:
            raise
    return load_data(replace(settings, data={**settings.data, "class_names": names}))


def audit_data(
    dataset: ImageDataset,
    member_N: Tensor,
    audit: AuditSettings,
    given: GivenLabels | None,
    *,
    asks_people: bool,
) -> AuditData:
    """Return the data of an audit.

    Args:
        dataset: the images, with the labels that they have of their own as truth.
        member_N: bool, the samples that take part. given: labels from elsewhere, or None.
        asks_people: the truth is unknown.

    Raises:
        DataError: there are no labels, or some do not fit the images.
    """
    own_N, log_probs_NC = dataset.truth_N, None
    if given is not None:
        given_N, log_probs_NC = _matched(given, audit), given.log_probs_NC
    elif own_N is None:
        raise DataError("labels: expected a file with labels, since the data set has none of its own.")
    else:
        given_N = own_N if audit.noise is None else with_noise(dataset, own_N, member_N, audit.noise)
    truth_N = None if asks_people or (given is None and audit.noise is None) else own_N
    if truth_N is None and not asks_people and audit.plan.stages != ("rank",):
        raise DataError(
            "oracle: expected people, since nothing knows which labels are right. Write oracle=files, or "
            "stages=[rank]."
        )
    if audit.source == "given" and log_probs_NC is None:
        raise DataError(
            "rank.source: expected networks, since the labels came without probabilities, got given."
        )
    member_N = member_N & (given_N >= 0)
    _check_counts(given_N[member_N], audit, dataset)
    # The parts of a trial are made from a data set with a truth if its oracle is simulated.
    known_N = truth_N if truth_N is not None else None if asks_people else given_N
    return AuditData(
        dataset=replace(dataset, truth_N=known_N),
        given_N=torch.where(member_N, given_N, -1),
        member_N=member_N,
        log_probs_NC=log_probs_NC,
        truth_N=truth_N,
    )


def _matched(given: GivenLabels, audit: AuditSettings) -> Tensor:
    line = unmatched_line(given, audit.labels or "labels")
    if line is not None:
        if audit.unmatched == "refuse":
            n = int((given.label_N >= 0).sum())
            raise DataError(
                f"labels: expected a label for each image and an image for each label, but {line}. Write "
                f"unmatched=leave_out to go on with the {n:,} images that have both."
            )
        warnings.warn(f"labels: {line}: left out.", DataWarning, stacklevel=4)
    return given.label_N


def _check_counts(given_M: Tensor, audit: AuditSettings, dataset: ImageDataset) -> None:
    count_C = torch.bincount(given_M, minlength=dataset.n_classes)
    if int((count_C > 0).sum()) < 2:
        raise DataError("labels: expected labels of at least two classes, got fewer.")
    few = ((count_C > 0) & (count_C < audit.folds.folds)).nonzero().flatten().tolist()
    trains = audit.source == "networks" and {"rank", "mend"} & set(audit.plan.stages)
    if trains and audit.folds.folds > len(given_M):
        raise ConfigError("rank.folds", f"at most {len(given_M):,}, the number of labels", audit.folds.folds)
    if few and trains:
        name = dataset.class_names[few[0]]
        warnings.warn(
            f"labels: fewer labels than rank.folds={audit.folds.folds} in {len(few)} of {dataset.n_classes} "
            f"classes, such as {name} with {int(count_C[few[0]])}: networks hardly learn them, so that "
            "their labels come early among the suspects.",
            DataWarning,
            stacklevel=4,
        )


def with_noise(dataset: ImageDataset, truth_N: Tensor, member_N: Tensor, noise: Noise) -> Tensor:
    """Return (N,) int64: the labels of a data set with noise.

    Raises:
        ConfigError: noise.pairs names a class that is not there.
    """
    generator = derive_generator(noise.seed, 0, "noise")
    if noise.kind == "symmetric":
        return noisy_labels(truth_N, member_N, dataset.n_classes, noise.share, generator)
    partner_C = _of_pairs(dataset, noise.pairs) if noise.pairs else _similar(dataset, truth_N, member_N)
    confusable_N = member_N & (partner_C[truth_N] >= 0)
    n_members, n_confusable = int(member_N.sum()), int(confusable_N.sum())
    share = min(1.0, noise.share * n_members / max(1, n_confusable))
    return noisy_labels(truth_N, confusable_N, dataset.n_classes, share, generator, partner_C)


def _of_pairs(dataset: ImageDataset, pairs: list[list[Any]]) -> Tensor:
    partner_C = torch.full((dataset.n_classes,), -1)
    for pair in pairs:
        numbers = [_class_number(name, dataset.class_names) for name in pair]
        if None in numbers:
            unknown = pair[numbers.index(None)]
            raise ConfigError("noise.pairs", f"the classes {expected(dataset.class_names)}", unknown)
        first, second = (number or 0 for number in numbers)
        partner_C[first], partner_C[second] = second, first
    return partner_C


def _class_number(given: Any, class_names: tuple[str, ...]) -> int | None:
    """Return the class that a name or a class number means, or None."""
    named = class_of_name(str(given), class_names)
    is_number = isinstance(given, int) and 0 <= given < len(class_names)
    return given if named is None and is_number else named


def _similar(dataset: ImageDataset, truth_N: Tensor, member_N: Tensor) -> Tensor:
    index = member_N.nonzero().flatten()[:MEAN_IMAGES]
    bank = make_bank(dataset.images_N, torch.device("cpu"))
    pixels_MD = torch.cat([image_B.cpu().float().flatten(1) for image_B in bank.stream(index, 1024)])
    return similar_classes(pixels_MD, truth_N[index], dataset.n_classes)
