"""The parts of an audit, made from its request: the store of answers, the labels, the networks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor

from alframe.audit.audit_state import AuditPlan
from alframe.auditing.audit_data import AuditData, audit_data
from alframe.auditing.audit_request import AuditRequest
from alframe.auditing.audit_session import AuditSession
from alframe.auditing.audit_settings import AuditSettings
from alframe.auditing.begun_audit import BegunAudit, write_begun
from alframe.auditing.given_labels import read_given_labels
from alframe.auditing.rankings import KeptRankings
from alframe.data import ImageDataset
from alframe.data.fingerprint import fingerprint
from alframe.learner import CNNLearner
from alframe.oracle.answer_store import AnswerStore
from alframe.tracking.audit_report import AuditInfo
from alframe.trial.assemble import Trial, assemble, members
from alframe.trial.data import data_of_trial, open_store
from alframe.trial.settings import TrialSettings


@contextmanager
def answer_store(request: AuditRequest, settings: TrialSettings) -> Iterator[AnswerStore | None]:
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


def data_of_audit(
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


def parts_of_audit(
    request: AuditRequest, settings: TrialSettings, data: AuditData, store: AnswerStore | None
) -> Trial:
    """Return the parts of a trial that an audit uses: networks, oracle, images."""
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


def audit_session(
    request: AuditRequest,
    settings: TrialSettings,
    audit: AuditSettings,
    trial: Trial,
    data: AuditData,
    second_N: Tensor | None,
    begun: BegunAudit,
) -> AuditSession:
    """Return the audit, ready to ask its first question."""
    plan = audit.plan_for(int(data.member_N.sum()))
    return AuditSession(
        info=_info(request, settings, plan, data, begun.chosen),
        plan=plan,
        oracle=trial.components.oracle,
        rank=_rankings(request, audit, settings, trial, data),
        dataset=trial.dataset,
        truth_N=None if request.asks_people else data.truth_N,
        given_N=data.given_N,
        member_N=data.member_N,
        second_N=second_N,
        seconds_before=begun.seconds,
        keep_seconds=lambda seconds: write_begun(request.directory, begun, seconds),
        stop_wanted=request.stop_wanted,
        say=request.say,
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
    request: AuditRequest,
    settings: TrialSettings,
    plan: AuditPlan,
    data: AuditData,
    chosen: Mapping[str, Any],
) -> AuditInfo:
    n_labels = int(data.member_N.sum())
    return AuditInfo(
        directory=request.directory,
        config={**request.config, "chosen": dict(chosen)},
        chosen=chosen,
        seed=settings.seed,
        name=request.name,
        group=request.group,
        data=data.dataset.name,
        n_samples=n_labels,
        n_classes=data.dataset.n_classes,
        min_rounds=1,
        max_rounds=None,
        choices=request.choices,
        stages=plan.stages,
        at_most=plan.most_answers(n_labels),
    )
