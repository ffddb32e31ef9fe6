"""One audit, from a config to its files: checks, data, parts, stages, summary."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from alframe._files import replace_file
from alframe.audit.oddities import unreadable_files
from alframe.auditing.audit_data import AuditData, audit_data, load_audited
from alframe.auditing.audit_files import oddity_lines
from alframe.auditing.audit_session import AuditSession, Say
from alframe.auditing.audit_settings import AuditSettings, check_audit, read_audit_settings
from alframe.auditing.audit_summary import AuditSummary
from alframe.auditing.given_labels import GivenLabels, read_given_labels, read_second_answers
from alframe.auditing.rankings import KeptRankings
from alframe.config.by_data import chosen_by_data, with_choices
from alframe.config.trial_identity import identity
from alframe.config.validate import check
from alframe.core.errors import UserError
from alframe.core.file_names import DATA, FILES, KEY, ODDITIES, STATE, SUMMARY, state_file
from alframe.core.seeds import derive_generator
from alframe.data import ImageDataset
from alframe.data.decoded import Progress, UnreadableImages
from alframe.data.fingerprint import fingerprint
from alframe.data.unreadable_files import known_unreadable
from alframe.learner import CNNLearner
from alframe.learner.compute.device import Compute
from alframe.learner.compute.threads import give_back_arrays, keep_large_blocks, limited_threads
from alframe.learner.engines.choose import choose_engine
from alframe.oracle.answer_store import AnswerStore
from alframe.tracking import Tracker, TrialInfo
from alframe.tracking.base import Trackers
from alframe.tracking.files import file_lines
from alframe.trial import resume
from alframe.trial.assemble import Trial, assemble, build_tracker, members
from alframe.trial.data import data_of_trial, open_store
from alframe.trial.data_file import data_file_text
from alframe.trial.directory import check_same_trial, occupied
from alframe.trial.encoding import check_encoder, encode_now
from alframe.trial.find_oddities import find_oddities
from alframe.trial.instantiate import check_targets, is_simulated
from alframe.trial.learner_choice import chosen_nodes, with_chosen_learner
from alframe.trial.python_call import plain_torch
from alframe.trial.read_finished import Damaged, parse_file, read_config
from alframe.trial.readable import readable, remember
from alframe.trial.settings import TrialSettings, read_settings, with_learner
from alframe.trial.state import drop_states


def _no_progress(stage: str, done: int, total: int | None) -> None:
    """Show nothing."""


@dataclass(frozen=True, kw_only=True)
class AuditRequest:
    """What an audit is made of.

    Attributes:
        config: the resolved config as plain containers. directory: of the audit's files.
        name, group: in trackers. choices: the option chosen for each config group.
        stop_wanted: called after each question; if it returns True, the audit ends there and can be resumed.
        dataset, given: images and labels of a call from Python, instead of those that the config names.
        oracle: the caller's own, or None.
        offered: values for an oracle of people whose constructor has parameters of these names.
        trackers: besides the files and the one of the config. say: prints a line. progress: of long work.
    """

    config: dict[str, Any]
    directory: Path
    name: str = "audit"
    group: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    stop_wanted: Callable[[], bool] = lambda: False
    dataset: ImageDataset | None = None
    given: GivenLabels | None = None
    oracle: Any = None
    offered: Mapping[str, Any] = field(default_factory=dict)
    trackers: tuple[Tracker, ...] = ()
    say: Say = lambda line: None
    progress: Progress = _no_progress

    @property
    def asks_people(self) -> bool:
        """True if nothing knows the right labels."""
        if self.oracle is not None:
            return self.dataset is None or self.dataset.truth_N is None
        return not is_simulated(self.config["oracle"])


@dataclass(frozen=True, kw_only=True)
class _Begun:
    """What the first process of an audit has written down; None in the first process."""

    identity: Mapping[str, Any]
    fingerprint: str
    chosen: Mapping[str, Any]
    seconds: float


def run_label_audit(request: AuditRequest) -> AuditSummary:
    """Audit labels and return the summary. An unfinished audit in the directory is resumed.

    Raises:
        UserError: a mistake in the settings, the labels or the data.
        TrialError: training failed, or a file could not be written.
        AnswersNeeded: the audit waits for answers from people; the same call resumes it.
        KeyboardInterrupt: `stop_wanted` returned True, or Ctrl-C was pressed.
    """
    check(request.config)
    with occupied(request.directory, remove_if_refused=True, keep_seed_set=request.asks_people):
        check_targets(request.config)
        left_out: dict[Path, str] = {}
        while True:
            try:
                return _run(request, left_out)
            except UnreadableImages as error:  # found by the first fit
                if error.reasons.keys() <= left_out.keys():
                    raise
                left_out |= error.reasons
                remember(request.directory, error.reasons)


def finished_audit(directory: Path, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the content of summary.json of the finished audit in a directory, or None if there is none.

    Raises:
        UserError: what is finished there has other settings, or is no audit.
    """
    if not (directory / SUMMARY).exists():
        return None
    try:
        found, summary = read_config(directory), parse_file(directory / SUMMARY, json.loads)
    except Damaged as error:
        raise UserError(f"{directory}/{error}. Move that folder away and run again.") from error
    check_same_trial(directory, identity(found), identity(config))
    return dict(summary)


@plain_torch()
def _run(request: AuditRequest, left_out: Mapping[Path, str]) -> AuditSummary:
    config, directory = request.config, request.directory
    settings, audit = read_settings(config), read_audit_settings(config)
    begun = _begun(directory, config)
    if begun is not None:
        settings = resume.settled(settings, begun.chosen)
    has_labels = request.given is not None or audit.labels is not None
    check_audit(audit, settings, asks_people=request.asks_people, has_labels=has_labels)
    check_encoder(settings)
    choose_engine(settings.engine, Compute.choose(settings.device, settings.precision))
    keep_large_blocks()
    tracker = build_tracker(settings)
    with limited_threads(settings.threads) as threads, _store(request, settings) as store:
        dataset = request.dataset or load_audited(settings, audit)
        give_back_arrays(len(dataset))
        config = _with_learner(config, dataset, begun)
        settings = with_learner(settings, config)
        dataset = readable(
            dataset,
            directory,
            request.progress,
            at_once=True,  # an index must not change after the first question
            left_out=left_out,
            decode=settings.encoder is None,
        )
        data, print_of_data = _data(request, settings, audit, dataset, store)
        if begun is not None and begun.fingerprint != print_of_data:
            raise UserError(
                f"data: expected the images and labels that the audit in {directory} started with, got "
                f"others. Restore them, or set {KEY} to another directory."
            )
        second = audit.second_answers
        second_N = None if second is None else read_second_answers(data.dataset, second)
        n_labels = int(data.member_N.sum())
        keys = dict(begun.chosen["recipe"]) if begun else _keys(config, data, n_labels)
        settings = with_learner(settings, with_choices(config, keys))
        trial = _assembled(request, settings, data, store)
        encode_now(*trial.banks)
        chosen = {
            **trial.compute_plan.chosen(threads),
            "recipe": keys,
            **chosen_nodes(request.config, config),
        }
        chosen = dict(begun.chosen) if begun else chosen
        begun = begun or _Begun(
            identity=identity(request.config), fingerprint=print_of_data, chosen=chosen, seconds=0.0
        )
        _write_begun(directory, begun, begun.seconds)
        _write_data(directory, trial.dataset, print_of_data)
        if {"rank", "mend"} & set(audit.plan.stages):
            _write_oddities(directory, trial, data, known_unreadable(directory / STATE), settings.seed)
        session = AuditSession(
            info=_info(request, settings, data, chosen),
            plan=audit.plan_for(n_labels),
            oracle=trial.components.oracle,
            rank=_rankings(request, audit, settings, trial, data),
            dataset=trial.dataset,
            truth_N=None if request.asks_people else data.truth_N,
            given_N=data.given_N,
            member_N=data.member_N,
            second_N=second_N,
            seconds_before=begun.seconds,
            keep_seconds=lambda seconds: _write_begun(directory, begun, seconds),
            stop_wanted=request.stop_wanted,
            say=request.say,
        )
        summary = session.run(Trackers([*([tracker] if tracker else []), *request.trackers]))
        drop_states(directory)
        return summary


def _keys(config: Mapping[str, Any], data: AuditData, n_labels: int) -> dict[str, Any]:
    return chosen_by_data(config, n_samples=n_labels, n_channels=data.dataset.images_N.shape[1])


@contextmanager
def _store(request: AuditRequest, settings: TrialSettings) -> Iterator[AnswerStore | None]:
    """Yield the store of the answers of people, or None in a simulation."""
    if not request.asks_people:
        yield None
        return
    if request.oracle is None:
        with open_store(request.directory, settings, None, None) as store:
            yield store
        return
    with AnswerStore(request.directory) as store:
        yield store


def _with_learner(config: dict[str, Any], dataset: ImageDataset, begun: _Begun | None) -> dict[str, Any]:
    if begun is None:
        return with_chosen_learner(config, dataset, None)
    return {**config, **{key: begun.chosen[key] for key in ("encoder", "learner") if key in begun.chosen}}


def _data(
    request: AuditRequest,
    settings: TrialSettings,
    audit: AuditSettings,
    dataset: ImageDataset,
    store: AnswerStore | None,
) -> tuple[AuditData, str]:
    """Return the data of the audit, and what a resumed audit compares."""
    member_N = members(settings, dataset)
    given = request.given
    if given is None and audit.labels is not None:
        given = read_given_labels(dataset, audit.labels)
    found = audit_data(dataset, member_N, audit, given, asks_people=request.asks_people)
    as_labelled = replace(found.dataset, truth_N=found.given_N.clamp(min=0))
    print_of_data = fingerprint(as_labelled, found.member_N)
    if store is not None:
        matched = data_of_trial(request.directory, settings, found.dataset, None, store, in_place=True)
        found = replace(found, dataset=matched.dataset)
    return found, print_of_data


def _assembled(
    request: AuditRequest, settings: TrialSettings, data: AuditData, store: AnswerStore | None
) -> Trial:
    return assemble(
        settings,
        data.dataset,
        data.member_N,
        progress=request.progress,
        replacements={} if request.oracle is None else {"oracle": request.oracle},
        directory=request.directory,
        store=store,
        offered=request.offered,
    )


def _rankings(
    request: AuditRequest, audit: AuditSettings, settings: TrialSettings, trial: Trial, data: AuditData
) -> KeptRankings:
    learner = trial.components.learner
    assert isinstance(learner, CNNLearner)
    return KeptRankings(
        directory=request.directory,
        learner=learner,
        plan=audit.folds,
        method=audit.method,
        seed=settings.seed,
        log_probs_NC=data.log_probs_NC if audit.source == "given" else None,
    )


def _info(
    request: AuditRequest, settings: TrialSettings, data: AuditData, chosen: Mapping[str, Any]
) -> TrialInfo:
    return TrialInfo(
        directory=request.directory,
        config={**request.config, "chosen": dict(chosen)},
        chosen=chosen,
        seed=settings.seed,
        name=request.name,
        group=request.group,
        data=data.dataset.name,
        n_samples=int(data.member_N.sum()),
        n_classes=data.dataset.n_classes,
        min_rounds=1,
        max_rounds=None,
        choices=request.choices,
    )


def _write_data(directory: Path, dataset: ImageDataset, print_of_data: str) -> None:
    if dataset.files_N is not None:
        replace_file(directory / FILES, file_lines(dataset.files_N))
    replace_file(directory / DATA, data_file_text(dataset, print_of_data))


def _write_oddities(
    directory: Path, trial: Trial, data: AuditData, unreadable: Mapping[Path, str], seed: int
) -> None:
    """Write oddities.csv, once."""
    if (directory / ODDITIES).exists():
        return
    names, index_P = trial.dataset.class_names, data.member_N.nonzero().flatten()
    generator = derive_generator(seed, 0, "oddities")
    found = find_oddities(trial.banks[0], index_P, data.given_N, names, generator)
    found += unreadable_files(unreadable)
    lines = oddity_lines(found, data.given_N, names, trial.dataset.files_N)
    replace_file(directory / ODDITIES, lines)


def _begun(directory: Path, config: Mapping[str, Any]) -> _Begun | None:
    """Return what the first process of the audit in a directory has written down, or None.

    Raises:
        UserError: the audit there has other settings.
    """
    file = directory / STATE / state_file(0)
    if not file.exists():
        return None
    try:
        content = torch.load(io.BytesIO(file.read_bytes()), weights_only=True)
        begun = _Begun(**json.loads(content["begun"]))
    except Exception as error:
        raise UserError(
            f"{KEY}: expected an audit that can be resumed in {directory}, but {file.name} is damaged. Move "
            "the directory away and start again; answers of people are taken over with oracle.answers_from."
        ) from error
    check_same_trial(directory, begun.identity, identity(config))
    return begun


def _write_begun(directory: Path, begun: _Begun, seconds: float) -> None:
    content = {"begun": json.dumps({**vars(begun), "seconds": seconds})}
    replace_file(directory / STATE / state_file(0), lambda opened: torch.save(content, opened))
