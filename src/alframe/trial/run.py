"""One trial from a checked config to its files: data, components, loop, trackers, summary."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from alframe._files import replace_file
from alframe.config.identity import identity
from alframe.config.validate import check
from alframe.core.errors import TrialNotice, UserError
from alframe.core.round_report import Clock
from alframe.data import ImageDataset, choose_members, thinned_members
from alframe.data.fingerprint import fingerprint
from alframe.learner.compute.device import Compute
from alframe.learner.compute.threads import keep_large_blocks, limited_threads
from alframe.learner.engines.choose import choose_engine
from alframe.tracking import ConsoleTracker, FilesTracker, Tracker, TrialInfo
from alframe.tracking.base import Trackers
from alframe.tracking.files import file_lines
from alframe.trial.build import ComputePlan, build_components, build_compute_plan, build_tracker, load_data
from alframe.trial.directory import occupied
from alframe.trial.instantiate import check_targets
from alframe.trial.resume import (
    check_same_data,
    check_versions,
    empty_or_put_back,
    find_state,
    settled,
    versions_that_matter,
)
from alframe.trial.session import RunningTrial
from alframe.trial.state import TrialState


@dataclass(frozen=True, kw_only=True)
class Replacements:
    """What takes the place of what a config names.

    Attributes:
        dataset: instead of the one that `config["data"]` names; limit and imbalance hold for it too.
        components: objects by the name of a component of `Components`.
        trackers: told besides the files. console: how the terminal is told; None: not at all.
    """

    dataset: ImageDataset | None = None
    components: Mapping[str, Any] = field(default_factory=dict)
    trackers: Sequence[Tracker] = ()
    console: ConsoleTracker | None = field(default_factory=ConsoleTracker)


def run_trial(
    config: dict[str, Any],
    directory: Path,
    *,
    name: str = "trial",
    group: str | None = None,
    choices: Mapping[str, str] | None = None,
    stop_wanted: Callable[[], bool] = lambda: False,
    replacements: Replacements | None = None,
) -> dict[str, Any]:
    """Label a data set and return the content of summary.json; go on where the directory holds such a trial.

    Args:
        config: the resolved config as plain containers.
        directory: where the trial leaves its files; made if missing.
        name: tells this trial from others. group: the sweep it belongs to.
        choices: the option chosen for each config group, for those who compare trials.
        stop_wanted: asked after each round; the trial ends there when it says so.
        replacements: what takes the place of what the config names.

    Raises:
        UserError: what was asked for cannot be; told in one line.
        TrialError: training failed, or a file could not be written; the labels so far are kept.
        AnswersNeeded: people are asked; the trial goes on when they have answered.
        KeyboardInterrupt: where `stop_wanted` said so, or Ctrl-C came.
    """
    started = time.perf_counter()
    check(config)
    check_targets(config)
    with occupied(directory):
        state = find_state(directory, identity(config))
        place = TrialPaths(directory, name, group, choices or {})
        return _run(config, state, place, started, stop_wanted, replacements or Replacements())


class TrialPaths(NamedTuple):
    """Where a trial leaves its files, its name, its sweep, and what was chosen for each group."""

    directory: Path
    name: str
    group: str | None
    choices: Mapping[str, str]


def _run(
    asked: dict[str, Any],
    state: TrialState | None,
    place: TrialPaths,
    started: float,
    stop_wanted: Callable[[], bool],
    replacements: Replacements,
) -> dict[str, Any]:
    config = asked if state is None else settled(asked, state.chosen)
    choose_engine(config["engine"], Compute.choose(config["device"], config["precision"]))
    keep_large_blocks()
    tracker = build_tracker(config)
    _warn_of_errors(config)
    with limited_threads(config["threads"]) as threads:
        dataset = replacements.dataset or load_data(config)
        member_N = choose_members(len(dataset), config["data"].get("limit"), config["seed"])
        member_N = thinned_members(dataset, member_N, config["data"].get("imbalance"), config["seed"])
        _check_truth_of_members(dataset, member_N)
        data = fingerprint(dataset, member_N)
        if state is not None:
            check_same_data(place.directory, state, data)
            check_versions(state, versions_that_matter())
        compute_plan = build_compute_plan(config, dataset)
        console = replacements.console or ConsoleTracker(bar=False)
        components = build_components(
            config,
            dataset,
            member_N,
            compute_plan,
            console.progress,
            replacements.components,
            place.directory,
        )
        if dataset.files_N is not None:
            replace_file(place.directory / "files.csv", file_lines(dataset.files_N))
        chosen = _chosen(compute_plan, threads) if state is None else dict(state.chosen)
        info = TrialInfo(
            directory=place.directory,
            config={**asked, "chosen": chosen},
            name=place.name,
            group=place.group,
            data=dataset.name,
            n_samples=int(member_N.sum()),
            n_classes=dataset.n_classes,
            min_rounds=config["stopping"].get("min_rounds", 1),
            max_rounds=_most_rounds(config),
            reports=() if state is None else state.reports,
            choices=place.choices,
        )
        others: list[Tracker] = [*([tracker] if tracker is not None else []), *replacements.trackers]
        # The files after the others: summary.json says that all is done. The terminal last: its closing lines
        # name what the others have written.
        trackers = Trackers([*others, FilesTracker(), *([console] if replacements.console else [])])
        clock = Clock(time.perf_counter() - started + (state.elapsed_seconds if state else 0.0))
        run = RunningTrial(info, components, dataset, {"config": identity(asked), "data": data}, clock)
        return run.label(
            trackers, empty_or_put_back(components, state, len(dataset), member_N), compute_plan, stop_wanted
        )


def _chosen(compute_plan: ComputePlan, threads: int) -> dict[str, Any]:
    """Return what `auto` came to, as it is written into the trial's config."""
    return {
        "device": str(compute_plan.compute.device),
        "precision": compute_plan.compute.precision,
        "engine": compute_plan.engine.name,
        "engine_reason": compute_plan.reason,
        "threads": threads,
        "layout": "channels_last",
        "scoring_batch_size": compute_plan.scoring_batch_size,
    }


def _most_rounds(config: dict[str, Any]) -> int | None:
    most = config["stopping"].get("max_rounds")
    return None if most is None else most + bool((config["learner"].get("final") or {}).get("networks"))


def _warn_of_errors(config: dict[str, Any]) -> None:
    """Say that a certificate takes the answers of an oracle that errs as right, unless told otherwise."""
    certificate, oracle = config["certificate"], config["oracle"]
    errs = oracle.get("rate") or oracle.get("confusion") is not None
    if certificate["tolerance"] is not None and certificate["oracle_error"] is None and errs:
        warnings.warn(
            "certificate.oracle_error: the certificate takes this oracle's answers as right; some are not. "
            f"Write certificate.oracle_error={oracle.get('rate') or 'RATE'}.",
            TrialNotice,
            stacklevel=2,
        )


def _check_truth_of_members(dataset: ImageDataset, member_N: Tensor) -> None:
    if dataset.truth_N is None:
        return
    truth_M = dataset.truth_N[member_N]
    if int(truth_M.min()) == int(truth_M.max()):
        raise UserError(
            "data.limit: expected at least two classes among the samples that take part, got one. "
            "Write a larger data.limit."
        )
