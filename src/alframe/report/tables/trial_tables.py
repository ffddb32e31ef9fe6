"""Tables of one trial."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from alframe._text import answer_seconds, count, duration, percent
from alframe.core.reports import Certificate, RoundRow
from alframe.core.trial_summary import TrialSummary
from alframe.report.document import Table
from alframe.report.formatting import confidence_text, edge
from alframe.report.load.trial_records import DiagnosisFile, Mislabelled, round_name
from alframe.report.load.trials import FinishedTrial
from alframe.report.stats.error_rates import mix_ups, rate, rates_above

MOST_CONFUSED = 50
NamedRow = tuple[str, RoundRow]
CONFIG_GROUPS = {
    "query": "query strategy",
    "auto_label": "auto-label policy",
    "encoder": "encoder",
    "learner": "learner",
    "network": "network",
    "initial": "seed set",
    "oracle": "oracle",
    "stopping": "stopping",
}


def facts_table(trial: FinishedTrial) -> Table:
    """Return the settings and the results of a trial; unknown figures are left out."""
    summary = trial.summary
    rows = [
        ("data set", summary.data or ""),
        ("samples", count(summary.n_samples)),
        ("classes", count(summary.n_classes)),
        ("seed", str(summary.seed)),
        *((title, choice_of(trial, group)) for group, title in CONFIG_GROUPS.items()),
        ("rounds", count(summary.rounds)),
        ("stopped because", summary.stopped_because or ""),
        ("hand labels", f"{count(summary.hand_labels)} ({percent(summary.hand_share)})"),
        *([("set aside (? and -), in no share", count(summary.set_aside))] if summary.set_aside else []),
        ("auto-labels", f"{count(summary.auto_labels)} ({percent(summary.coverage)})"),
        ("mislabelled", _with_share(summary.mislabelled, summary.mislabelled_share)),
        ("mislabelled, mean over the classes", percent(summary.mislabelled_share_macro)),
        ("auto-label error", percent(summary.auto_label_error)),
        ("test accuracy", percent(summary.test_accuracy)),
        ("test accuracy, mean over the classes", percent(summary.test_accuracy_macro)),
        ("cost", "" if summary.cost is None else f"{summary.cost:,.2f}"),
        (
            "time",
            f"{duration(summary.seconds)}, training {duration(summary.train_seconds)}, scoring "
            f"{duration(summary.score_seconds)}",
        ),
        ("time of people", "" if summary.answer_times is None else answer_seconds(summary.answer_times)),
        ("computed on", ", ".join(filter(None, (summary.device, summary.precision, summary.engine)))),
        ("versions", ", ".join(f"{name} {each}" for name, each in (summary.versions or {}).items() if each)),
        ("directory", str(trial.directory)),
    ]
    return _pairs("facts", "Settings and results", rows)


def choice_of(trial: FinishedTrial, group: str) -> str:
    """Return the choice for a config group: its name, else its class, empty if neither is known.

    What the data have chosen comes before what was typed. The network of a head is that of the learner.
    """
    chosen = trial.config.get("chosen") or {}
    learner = chosen.get("learner") or trial.config.get("learner") or {}
    if group == "network" and "network" in learner:
        return _class_of(learner["network"])
    if group == "learner" and group in chosen:
        return "head"  # the only one that data choose
    if group in chosen:
        name = _class_of(chosen[group])
    else:
        name = trial.choices.get(group) or _class_of(trial.config.get(group))
    return f"{name}{_fine_tuned(learner)}" if group == "encoder" else name


def _class_of(node: Any) -> str:
    if not isinstance(node, dict):
        return ""
    target = node.get("_target_")
    return "none" if target is None else str(target).rpartition(".")[2]


def _fine_tuned(learner: Mapping[str, Any]) -> str:
    """Return what the last fit of a head trains of the encoder, empty if nothing."""
    unfrozen = (learner.get("fine_tuning") or {"unfrozen": 0})["unfrozen"]
    if unfrozen == 0:
        return ""
    part = {None: "all of it", 1: "its last block"}.get(unfrozen, f"its last {unfrozen} blocks")
    return f"; fine-tuned at the end: {part}"


def _with_share(n: int | None, share: float | None) -> str:
    return "" if n is None else f"{count(n)} ({percent(share)})"


def with_audit(
    rounds: Sequence[RoundRow], n_audit: int, n_found: int | None, name: str = "audit"
) -> Sequence[NamedRow]:
    """Return the rows with their names; the closing row is split into the remainder and the audit after it.

    The number of wrong labels between both is left open: an oracle with errors changes right labels too.

    Args:
        rounds: at least one.
        n_audit: number of audited auto-labels.
        n_found: number of audited labels found wrong, or None.
        name: of the audit's row: "audit" of a certificate, or "check".
    """
    named = [(round_name(row), row) for row in rounds]
    last = rounds[-1]
    if last.kind != "closing" or not n_audit:
        return named
    found = "" if n_found is None else f"{count(n_found)} found wrong and corrected"
    audit = replace(last, hand_new=n_audit, note=" ".join(filter(None, (last.note, found))))
    remainder = replace(
        last,
        hand_labels=last.hand_labels - n_audit,
        auto_labels=last.auto_labels + n_audit,
        hand_new=last.hand_new - n_audit,
        mislabelled=None,
        mislabelled_share=None,
        auto_label_error=None,
        note=None,
    )
    before = rounds[-2] if len(rounds) > 1 else None
    if before and (before.hand_labels, before.auto_labels) == (remainder.hand_labels, remainder.auto_labels):
        return [*named[:-1], (name, audit)]
    return [*named[:-1], ("remainder", remainder), (name, audit)]


def rounds_table(named: Sequence[NamedRow]) -> Table:
    """Return a row for each round; empty columns are left out."""
    rounds = [row for _, row in named]
    columns = {
        "round": [name for name, _ in named],
        "hand labels": [count(each.hand_labels) for each in rounds],
        "new hand labels": [count(each.hand_new) for each in rounds],
        "auto-labels": [count(each.auto_labels) for each in rounds],
        "unlabelled": [count(each.unlabelled) for each in rounds],
        "threshold": ["" if e.threshold is None else confidence_text(e.threshold) for e in rounds],
        "mislabelled": [count(each.mislabelled) for each in rounds],
        "mislabelled, share": [percent(each.mislabelled_share) for each in rounds],
        "auto-label error": [percent(each.auto_label_error) for each in rounds],
        "test accuracy": [percent(each.test_accuracy) for each in rounds],
        "time": ["" if name == "remainder" else duration(each.seconds) for name, each in named],
        "note": [each.note or "" for each in rounds],
    }
    kept = {title: cells for title, cells in columns.items() if any(cells)}
    note = "Mislabelled: all wrong labels. Auto-label error: wrong auto-labels, of the auto-labels."
    return _by_column("rounds", "Round by round", kept, note)


def confidence_table(diagnosis: DiagnosisFile) -> Table:
    """Return a row for each bin of confidence, the least confident first."""
    bins = diagnosis.bins or ()
    seen, above = [rate(each.wrong, each.n) for each in bins], rates_above(bins)
    columns = {
        "confidence": [f"{edge(each.low)} to {edge(each.high)}" for each in bins],
        "auto-labels": [count(each.n) for each in bins],
        "wrong": [count(each.wrong) for each in bins],
        "stated error": [percent(each.stated_error) for each in bins],
        "observed error": [percent(each.share) for each in seen],
        "95 % interval": [f"{percent(each.low)} to {percent(each.high)}" for each in seen],
        "at this confidence or above": [count(each.n) for each in above],
        "error of those": [percent(each.share) for each in above],
    }
    note = "Stated error: mean of 1 − confidence. Intervals: exact binomial (Clopper and Pearson)."
    return _by_column("confidence", "Auto-labels by confidence", columns, note)


def mix_ups_table(diagnosis: DiagnosisFile) -> Table:
    """Return the most frequent pairs of a true class and a wrong auto-label."""
    found = mix_ups(diagnosis)
    n = len(found)
    return Table(
        name="mix_ups",
        title="Confused classes: wrong auto-labels by class",
        head=("true class", "label given", "wrong auto-labels", "of the class's auto-labels"),
        rows=[(m.truth, m.given, count(m.n), percent(m.share)) for m in found[:MOST_CONFUSED]],
        note=f"The {MOST_CONFUSED} most frequent of {count(n)} pairs." if n > MOST_CONFUSED else "",
    )


def classes_table(summary: TrialSummary) -> Table:
    """Return a row for each true class, and one for the mean over the classes."""
    per_class = summary.per_class or ()
    tested = [percent(each.get("test_accuracy")) for each in per_class]
    columns = {
        "true class": [str(each["class"]) for each in per_class],
        "samples": [count(each["n_samples"]) for each in per_class],
        "hand labels": [count(each["hand_labels"]) for each in per_class],
        "auto-labels": [count(each["auto_labels"]) for each in per_class],
        "mislabelled": [count(each["mislabelled"]) for each in per_class],
        "mislabelled, of the class": [percent(each["mislabelled_share"]) for each in per_class],
        **({"test accuracy": tested} if any(tested) else {}),
    }
    means = ["mean over the classes", "", "", "", "", percent(summary.mislabelled_share_macro)]
    means += [percent(summary.test_accuracy_macro)] if any(tested) else []
    rows = [*zip(*columns.values(), strict=True), tuple(means)]
    return Table(name="classes", title="Results by class", head=list(columns), rows=rows)


def _by_column(name: str, title: str, columns: Mapping[str, Sequence[str]], note: str = "") -> Table:
    """Return a table from its columns by their titles."""
    rows = list(zip(*columns.values(), strict=True))
    return Table(name=name, title=title, head=list(columns), rows=rows, note=note)


def mislabelled_table(mislabelled: Mislabelled, class_names: Sequence[str]) -> Table:
    """Return a row for each mislabelled sample whose image is stored."""
    columns = (mislabelled.index_M, mislabelled.label_M, mislabelled.truth_M, mislabelled.confidence_M)
    rows = [
        (str(index), class_names[label], class_names[truth], confidence_text(confidence))
        for index, label, truth, confidence in zip(*(each.tolist() for each in columns), strict=True)
    ]
    return Table(
        name="mislabelled",
        title="Mislabelled samples",
        head=("index", "label given", "true class", "confidence"),
        rows=rows,
    )


def certificate_table(certificate: Certificate) -> Table:
    """Return the target and the result of a certificate."""
    proven = f"{count(certificate.max_wrong)} ({percent(certificate.max_wrong_share)})"
    rows = [
        ("tolerated share of wrong labels", percent(certificate.tolerance)),
        ("proven wrong labels, at most", proven),
        ("confidence", percent(certificate.confidence, 0)),
        ("reached", "yes" if certificate.reached else "no"),
        (
            "labels asked by the audit",
            f"{count(certificate.asked)}, {count(certificate.audited)} for samples drawn at random",
        ),
        ("found wrong and corrected", count(certificate.found_wrong)),
        (
            "proven wrong labels, if the oracle errs as assumed, at most",
            count(certificate.max_wrong_with_oracle_error),
        ),
        ("method", certificate.method),
        ("assumes", certificate.assumes),
        ("note", certificate.note or ""),
    ]
    return _pairs("certificate", "Certificate", rows)


def _pairs(name: str, title: str, rows: Sequence[tuple[str, str]]) -> Table:
    """Return a table of names and values, without the rows that have no value."""
    return Table(name=name, title=title, head=("", "value"), rows=[row for row in rows if row[1]])
