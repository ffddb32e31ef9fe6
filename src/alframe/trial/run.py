"""One trial, from a config to its files: checks, parts, rounds, summary."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from alframe._files import replace_file
from alframe.config.by_data import with_choices
from alframe.config.trial_identity import identity
from alframe.config.validate import check
from alframe.core.file_names import DATA, FILES
from alframe.core.round_log import Clock
from alframe.core.trial_summary import TrialSummary
from alframe.data import ImageDataset
from alframe.data.decoded import Progress, UnreadableImages
from alframe.learner.compute.device import Compute
from alframe.learner.compute.threads import give_back_arrays, keep_large_blocks, limited_threads
from alframe.learner.engines.choose import choose_engine
from alframe.oracle.answer_store import AnswerStore
from alframe.tracking import ConsoleTracker, FilesTracker, Tracker, TrialInfo
from alframe.tracking.base import Trackers, TrialTrackers
from alframe.tracking.files import file_lines
from alframe.trial import resume
from alframe.trial.answer_bound import AnswerBound
from alframe.trial.assemble import Trial, assemble, build_tracker, load_data
from alframe.trial.checks import warn_of_certificate, warn_of_oracle_errors, warn_of_permanent_errors
from alframe.trial.compute_plan import check_memory
from alframe.trial.data import TrialData, data_of_trial, open_store
from alframe.trial.data_file import data_file_text
from alframe.trial.directory import occupied
from alframe.trial.encoding import check_encoder, encode_now, encoder_identity
from alframe.trial.instantiate import check_targets, is_simulated
from alframe.trial.learner_choice import chosen_keys, chosen_nodes, with_chosen_learner
from alframe.trial.python_call import plain_torch
from alframe.trial.readable import readable, remember
from alframe.trial.session import TrialSession
from alframe.trial.settings import TrialSettings, read_settings, with_learner
from alframe.trial.state import TrialState


@dataclass(frozen=True, kw_only=True)
class Replacements:
    """Objects that are used instead of those that a config names.

    Attributes:
        dataset: the data set; data.limit and data.imbalance apply to it too.
        components: by the name of a component of `Components`.
        offered: to the constructor of the oracle, by the name of a parameter, if it has such a one.
        trackers: besides the files. console: the terminal's tracker; None prints nothing.
    """

    dataset: ImageDataset | None = None
    components: Mapping[str, Any] = field(default_factory=dict)
    offered: Mapping[str, Any] = field(default_factory=dict)
    trackers: Sequence[Tracker] = ()
    console: ConsoleTracker | None = field(default_factory=ConsoleTracker)


@dataclass(frozen=True, kw_only=True)
class _Request:
    """The arguments of `run_trial`, and the time of the call."""

    config: dict[str, Any]
    directory: Path
    name: str
    group: str | None
    choices: Mapping[str, str]
    stop_wanted: Callable[[], bool]
    replacements: Replacements
    started: float = field(default_factory=time.perf_counter)

    @cached_property
    def dataset(self) -> ImageDataset:
        """The data set. It is read once, also if an unreadable file is found later."""
        return self.replacements.dataset or load_data(read_settings(self.config))

    @property
    def progress(self) -> Progress:
        """The progress bars of the terminal; without a terminal nothing is shown."""
        return (self.replacements.console or ConsoleTracker(bar=False)).progress


def run_trial(
    config: dict[str, Any],
    directory: Path,
    *,
    name: str = "trial",
    group: str | None = None,
    choices: Mapping[str, str] | None = None,
    stop_wanted: Callable[[], bool] = lambda: False,
    replacements: Replacements | None = None,
) -> TrialSummary:
    """Label a data set and return the summary. An unfinished trial in `directory` is resumed.

    Args:
        config: the resolved config as plain containers.
        directory: of the trial's files; made if it is missing.
        name: of the trial, in trackers. group: the sweep that it belongs to.
        choices: the option chosen for each config group.
        stop_wanted: called after each round; if it returns True, the trial ends there and can be resumed.
        replacements: objects that are used instead of those that the config names.

    Raises:
        UserError: a mistake in the settings; a directory that was made for the trial is removed again.
        TrialError: training failed, or a file could not be written; the labels so far are kept.
        AnswersNeeded: the trial waits for answers from people; the same call resumes it.
        KeyboardInterrupt: `stop_wanted` returned True, or Ctrl-C was pressed.
    """
    request = _Request(
        config=config,
        directory=directory,
        name=name,
        group=group,
        choices=choices or {},
        stop_wanted=stop_wanted,
        replacements=replacements or Replacements(),
    )
    check(config)
    # The directory of a sweep's trial stays: the sweep writes into it why the trial was refused.
    people = "oracle" in request.replacements.components or not is_simulated(config["oracle"])
    with occupied(directory, remove_if_refused=group is None, keep_seed_set=people) as leaves_nothing:
        check_targets(config)
        left_out: dict[Path, str] = {}
        while True:
            try:
                return _run(request, leaves_nothing, left_out)
            except UnreadableImages as error:  # found by a picture or by the first fit
                if error.reasons.keys() <= left_out.keys():
                    raise
                left_out |= error.reasons
                remember(directory, error.reasons)


@plain_torch()  # a module of the user's own may have changed them when it was imported
def _run(request: _Request, leaves_nothing: Callable[[], bool], left_out: Mapping[Path, str]) -> TrialSummary:
    settings = read_settings(request.config)
    state = resume.find_state(request.directory, identity(request.config))
    settings = settings if state is None else resume.settled(settings, state.chosen)
    # These two raise the user's mistakes before anything else is done.
    check_encoder(settings)
    choose_engine(settings.engine, Compute.choose(settings.device, settings.precision))
    keep_large_blocks()
    tracker = build_tracker(settings)
    warn_of_oracle_errors(settings)
    warn_of_permanent_errors(settings)
    given, own = request.replacements.dataset, request.replacements.components.get("oracle")
    with (
        limited_threads(settings.threads) as threads,
        open_store(request.directory, settings, given, own) as store,
    ):
        dataset = request.dataset
        config = with_chosen_learner(request.config, dataset, state)
        give_back_arrays(len(dataset))
        settings = with_learner(settings, config)
        dataset = _readable(request, settings, dataset, left_out)
        data = data_of_trial(request.directory, settings, dataset, state, store, in_place=given is not None)
        warn_of_certificate(settings, int(data.member_N.sum()))
        keys = chosen_keys(config, data, state)
        settings = with_learner(settings, with_choices(config, keys))
        trial = _assembled(request, settings, data, store)
        vectors = encoder_identity(trial.encoder, may_grow=data.fingerprint == resume.BY_STORE)
        if state is not None:
            resume.check_same_encoder(request.directory, state, vectors)
        if store is None and state is None:
            encode_now(*trial.banks)  # a simulation has no label yet that an unreadable file could disturb
        if trial.dataset.files_N is not None:
            replace_file(request.directory / FILES, file_lines(trial.dataset.files_N))
        replace_file(request.directory / DATA, data_file_text(trial.dataset, data.fingerprint))
        by_data = {"recipe": keys, **chosen_nodes(request.config, config)}
        session = TrialSession(
            trial=trial,
            info=_info(request, settings, trial, state, threads, by_data),
            identity={
                "config": identity(request.config),
                "data": data.fingerprint,
                "n_classes": trial.dataset.n_classes,
                "encoder": vectors,
            },
            clock=Clock(time.perf_counter() - request.started + (state.elapsed_seconds if state else 0.0)),
            answer_bound=_answer_bound(settings, trial),
            refusal_leaves_nothing=leaves_nothing,
        )
        return session.run(
            _trackers(request.replacements, tracker), resume.start_of(trial, state), request.stop_wanted
        )


def _readable(
    request: _Request, settings: TrialSettings, dataset: ImageDataset, left_out: Mapping[Path, str]
) -> ImageDataset:
    """Return the data set without unreadable files. With an encoder, its images are not decoded."""
    if settings.encoder is None:
        check_memory(settings, dataset)
    return readable(
        dataset,
        request.directory,
        request.progress,
        at_once="oracle" not in request.replacements.components and is_simulated(settings.oracle),
        left_out=left_out,
        decode=settings.encoder is None,
    )


def _trackers(replacements: Replacements, tracker: Tracker | None) -> TrialTrackers:
    # The files come after the other trackers: summary.json means that all is done. The terminal comes last:
    # its closing lines name what the others have written.
    others = [*([tracker] if tracker is not None else []), *replacements.trackers]
    console = replacements.console
    return Trackers([*others, FilesTracker(), *([console] if console is not None else [])])


def _assembled(
    request: _Request, settings: TrialSettings, data: TrialData, store: AnswerStore | None
) -> Trial:
    return assemble(
        settings,
        data.dataset,
        data.member_N,
        progress=request.progress,
        replacements=request.replacements.components,
        offered=request.replacements.offered,
        directory=request.directory,
        store=store,
    )


def _info(
    request: _Request,
    settings: TrialSettings,
    trial: Trial,
    state: TrialState | None,
    threads: int,
    by_data: Mapping[str, Any],
) -> TrialInfo:
    chosen = {**trial.compute_plan.chosen(threads), **by_data}
    if state is not None:
        chosen = dict(state.chosen)
    most = settings.max_rounds
    return TrialInfo(
        directory=request.directory,
        config={**request.config, "chosen": chosen},
        chosen=chosen,
        seed=settings.seed,
        name=request.name,
        group=request.group,
        data=trial.dataset.name,
        n_samples=int(trial.member_N.sum()),
        n_classes=trial.dataset.n_classes,
        min_rounds=settings.min_rounds or 1,
        max_rounds=None if most is None else most + settings.plan.final_fit,
        reports=() if state is None else state.reports,
        choices=request.choices,
    )


def _answer_bound(settings: TrialSettings, trial: Trial) -> AnswerBound:
    certificate = settings.certificate
    of_certificate = None if certificate is None else certificate.max_labels or int(trial.member_N.sum())
    return AnswerBound(
        plan=trial.plan,
        member_N=trial.member_N,
        n_validation=trial.components.validation_size,
        max_rounds=settings.max_rounds,
        after=trial.plan.num_check if of_certificate is None else of_certificate,
    )
