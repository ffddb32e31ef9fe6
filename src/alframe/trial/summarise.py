"""The summary of a finished trial, from its reports and its evaluation."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata

from alframe.audit.label_counts import ClassCounts, macro_mislabelled_share
from alframe.core.answer_times import AnswerTimes
from alframe.core.check_result import CheckResult
from alframe.core.reports import Certificate, RoundReport
from alframe.core.trial_summary import TrialSummary
from alframe.tracking import TrialInfo

_PACKAGES = ("alframe", "torch", "torchvision", "pytorch-lightning", "hydra-core", "wandb", "numpy")


def summarise(
    info: TrialInfo,
    reports: Sequence[RoundReport],
    *,
    seconds: float,
    certificate: Certificate | None,
    check: CheckResult | None,
    answer_times: AnswerTimes | None,
    classes: Sequence[ClassCounts],
    class_names: Sequence[str],
    engine: str,
) -> TrialSummary:
    """Return the summary of a trial.

    Args:
        reports: of the seed set, each round and the closing row. There is no round if the seed set takes all.
        seconds: wall-clock time of the trial. answer_times: of the oracle's answers, None if not measured.
        classes: counts by true class, empty if the truth is unknown; class_names: their names.
        engine: the name of the engine that ran the last fit; another one than chosen if that one failed.
    """
    rounds = [report for report in reports if report.kind == "round"]
    counts = reports[-1].counts
    accuracies = rounds[-1].class_accuracies if rounds else ()
    return TrialSummary(
        **{name: value for name, value in vars(counts).items() if name != "unlabelled"},
        hand_share=counts.hand_share,
        coverage=counts.coverage,
        n_classes=info.n_classes,
        rounds=len(rounds),
        test_accuracy=rounds[-1].test_accuracy if rounds else None,
        seconds=seconds,
        train_seconds=sum(report.fit.seconds for report in rounds if report.fit),
        score_seconds=sum(report.score_seconds or 0.0 for report in rounds),
        seed=info.seed,
        device=info.chosen["device"],
        engine=engine,
        precision=info.chosen["precision"],
        data=info.data,
        versions={"python": platform.python_version(), **versions()},
        stopped_because=rounds[-1].stopped_because if rounds else "every sample was labelled by hand",
        certificate=certificate,
        check=check,
        answer_times=answer_times,
        spot_checks=rounds[-1].spot_checks if rounds else None,
        spot_checks_wrong=rounds[-1].spot_checks_wrong if rounds else None,
        cost=reports[-1].cost,
        per_class=_per_class(classes, class_names, accuracies),
        mislabelled_share_macro=macro_mislabelled_share(classes),
        test_accuracy_macro=_mean(accuracies),
    )


def _per_class(
    classes: Sequence[ClassCounts], names: Sequence[str], accuracies: Sequence[float | None]
) -> list[dict[str, object]] | None:
    if not classes:
        return None
    tested = [*accuracies, *[None] * (len(names) - len(accuracies))]
    return [
        {"class": name, **asdict(item), "test_accuracy": accuracy}
        for name, item, accuracy in zip(names, classes, tested, strict=True)
    ]


def _mean(accuracies: Sequence[float | None]) -> float | None:
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    return sum(known) / len(known) if known else None


def versions() -> dict[str, str | None]:
    """Return the versions of alframe and of the packages it computes with; None for one not installed."""

    def version(name: str) -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    return {name: version(name) for name in _PACKAGES}
