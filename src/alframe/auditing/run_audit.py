"""One audit, from a config to its files: checks, data, parts, stages, summary."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alframe._files import replace_file
from alframe.audit.audit_summary import AuditSummary
from alframe.audit.oddities import OddityLimits, unreadable_files
from alframe.auditing.audit_data import AuditData, load_audited
from alframe.auditing.audit_files import oddity_lines
from alframe.auditing.audit_parts import answer_store, audit_session, data_of_audit, parts_of_audit
from alframe.auditing.audit_request import AuditRequest
from alframe.auditing.audit_settings import AuditSettings, check_audit, read_audit_settings
from alframe.auditing.begun_audit import BegunAudit, begun_audit, write_begun
from alframe.auditing.given_labels import read_second_answers
from alframe.config.by_data import chosen_by_data, with_choices
from alframe.config.trial_identity import identity
from alframe.config.validate import check
from alframe.core.file_names import DATA, FILES, ODDITIES, STATE
from alframe.core.seeds import derive_generator
from alframe.data import ImageDataset
from alframe.data.decoded import UnreadableImages
from alframe.data.unreadable_files import known_unreadable
from alframe.learner.compute.device import Compute
from alframe.learner.compute.threads import give_back_arrays, keep_large_blocks, limited_threads
from alframe.learner.engines.choose import choose_engine
from alframe.tracking.base import Trackers
from alframe.tracking.files import file_lines
from alframe.trial import resume
from alframe.trial.assemble import Trial, build_audit_tracker
from alframe.trial.data_file import data_file_text
from alframe.trial.directory import occupied
from alframe.trial.encoding import check_encoder, encode_now
from alframe.trial.find_oddities import find_oddities
from alframe.trial.instantiate import check_targets
from alframe.trial.learner_choice import chosen_nodes, with_chosen_learner
from alframe.trial.python_call import plain_torch
from alframe.trial.readable import readable, remember
from alframe.trial.settings import TrialSettings, read_settings, with_learner
from alframe.trial.state import drop_states


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


@plain_torch()
def _run(request: AuditRequest, left_out: Mapping[Path, str]) -> AuditSummary:
    directory = request.directory
    begun = begun_audit(directory, request.config)
    settings, audit = _settings(request, begun)
    keep_large_blocks()
    tracker = build_audit_tracker(settings)
    with limited_threads(settings.threads) as threads, answer_store(request, settings) as store:
        dataset = request.dataset or load_audited(settings, audit)
        give_back_arrays(len(dataset))
        config = _with_learner(request.config, dataset, begun)
        settings = with_learner(settings, config)
        dataset = _readable(request, settings, dataset, left_out)
        data, print_of_data = data_of_audit(request, settings, audit, dataset, store)
        if begun is not None:
            begun.check_data(directory, print_of_data)
        second_N = None
        if audit.second_answers is not None:
            second_N = read_second_answers(data.dataset, audit.second_answers)
        keys = dict(begun.chosen["recipe"]) if begun else _keys(config, data)
        settings = with_learner(settings, with_choices(config, keys))
        trial = parts_of_audit(request, settings, data, store)
        encode_now(*trial.banks)
        if begun is None:
            plan = trial.compute_plan.chosen(threads)
            begun = BegunAudit(
                identity=identity(request.config),
                fingerprint=print_of_data,
                chosen={**plan, "recipe": keys, **chosen_nodes(request.config, config)},
                seconds=0.0,
            )
        write_begun(directory, begun, begun.seconds)
        _write_data(directory, trial.dataset, print_of_data)
        if {"rank", "mend"} & set(audit.plan.stages):
            _write_oddities(directory, trial, data, audit.oddities, settings.seed)
        session = audit_session(request, settings, audit, trial, data, second_N, begun)
        summary = session.run(Trackers([*([tracker] if tracker else []), *request.trackers]))
        drop_states(directory)
        return summary


def _settings(request: AuditRequest, begun: BegunAudit | None) -> tuple[TrialSettings, AuditSettings]:
    """Return the settings, checked before any data are read."""
    settings, audit = read_settings(request.config), read_audit_settings(request.config)
    if begun is not None:
        settings = resume.settled(settings, begun.chosen)
    has_labels = request.given is not None or audit.labels is not None
    check_audit(audit, settings, asks_people=request.asks_people, has_labels=has_labels)
    check_encoder(settings)
    choose_engine(settings.engine, Compute.choose(settings.device, settings.precision))
    return settings, audit


def _readable(
    request: AuditRequest, settings: TrialSettings, dataset: ImageDataset, left_out: Mapping[Path, str]
) -> ImageDataset:
    return readable(
        dataset,
        request.directory,
        request.progress,
        at_once=True,  # an index must not change after the first question
        left_out=left_out,
        decode=settings.encoder is None,
    )


def _with_learner(config: dict[str, Any], dataset: ImageDataset, begun: BegunAudit | None) -> dict[str, Any]:
    if begun is None:
        return with_chosen_learner(config, dataset, None)
    return {**config, **{key: begun.chosen[key] for key in ("encoder", "learner") if key in begun.chosen}}


def _keys(config: Mapping[str, Any], data: AuditData) -> dict[str, Any]:
    n_labels = int(data.member_N.sum())
    return chosen_by_data(config, n_samples=n_labels, n_channels=data.dataset.images_N.shape[1])


def _write_data(directory: Path, dataset: ImageDataset, print_of_data: str) -> None:
    if dataset.files_N is not None:
        replace_file(directory / FILES, file_lines(dataset.files_N))
    replace_file(directory / DATA, data_file_text(dataset, print_of_data))


def _write_oddities(directory: Path, trial: Trial, data: AuditData, limits: OddityLimits, seed: int) -> None:
    """Write oddities.csv, once."""
    if (directory / ODDITIES).exists():
        return
    names, index_P = trial.dataset.class_names, data.member_N.nonzero().flatten()
    generator = derive_generator(seed, 0, "oddities")
    found = find_oddities(trial.banks[0], index_P, data.given_N, names, limits, generator)
    found += unreadable_files(known_unreadable(directory / STATE))
    lines = oddity_lines(found, data.given_N, names, trial.dataset.files_N)
    replace_file(directory / ODDITIES, lines)
