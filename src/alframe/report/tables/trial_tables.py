"""Tables of one trial."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from alframe._text import count, duration, percent
from alframe.report.document import Table
from alframe.report.load.records import DiagnosisFile, Mislabelled, Round
from alframe.report.load.trials import Trial
from alframe.report.numbers import edge, probability
from alframe.report.stats.error_rates import mix_ups, rate, rates_above

MOST_CONFUSED = 50
CONFIG_GROUPS = {
    "query": "query strategy",
    "auto_label": "auto-label policy",
    "learner": "learner",
    "network": "network",
    "initial": "seed set",
    "oracle": "oracle",
    "stopping": "stopping",
}


def facts_table(trial: Trial) -> Table:
    """Return the settings and the results of a trial; unknown figures are left out."""
    summary = trial.summary
    rows = [
        ("data set", str(summary.get("data") or "")),
        ("samples", count(summary.get("n_samples"))),
        ("classes", count(summary.get("n_classes"))),
        ("seed", str(summary.get("seed", ""))),
        *((title, choice_of(trial, group)) for group, title in CONFIG_GROUPS.items()),
        ("rounds", count(summary.get("rounds"))),
        ("stopped because", str(summary.get("stopped_because") or "")),
        ("hand labels", _with_share(summary, "hand_labels", "hand_share")),
        ("auto-labels", _with_share(summary, "auto_labels", "coverage")),
        ("mislabelled", _with_share(summary, "mislabelled", "mislabelled_share")),
        ("mislabelled, mean over the classes", percent(summary.get("mislabelled_share_macro"))),
        ("auto-label error", percent(summary.get("auto_label_error"))),
        ("test accuracy", percent(summary.get("test_accuracy"))),
        ("cost", f"{summary['cost']:,.2f}" if summary.get("cost") is not None else ""),
        ("time", _duration(summary)),
        (
            "computed on",
            ", ".join(str(summary[k]) for k in ("device", "precision", "engine") if summary.get(k)),
        ),
        ("versions", ", ".join(f"{k} {v}" for k, v in (summary.get("versions") or {}).items() if v)),
        ("directory", str(trial.directory)),
    ]
    return Table(
        name="facts", title="Settings and results", head=("", "value"), rows=[row for row in rows if row[1]]
    )


def choice_of(trial: Trial, group: str) -> str:
    """Return the choice for a config group: its name, else its class, empty if neither is known."""
    if group in trial.choices:
        return trial.choices[group]
    node = trial.config.get(group)
    target = node.get("_target_") if isinstance(node, dict) else None
    return "none" if target is None and isinstance(node, dict) else str(target or "").rpartition(".")[2]


def _with_share(summary: Mapping[str, Any], key: str, share: str) -> str:
    n = summary.get(key)
    return "" if n is None else f"{count(n)} ({percent(summary.get(share))})"


def _duration(summary: Mapping[str, Any]) -> str:
    parts = [("seconds", ""), ("train_seconds", "training "), ("score_seconds", "scoring ")]
    return ", ".join(f"{name}{duration(summary[key])}" for key, name in parts if summary.get(key) is not None)


def with_audit(rounds: Sequence[Round], n_audit: int, n_found: int | None) -> Sequence[Round]:
    """Return the rounds with the closing row split into the remainder and the audit that follows it.

    The number of wrong labels between both is left open: an oracle with errors changes right labels too.

    Args:
        rounds: at least one. n_audit: audited auto-labels. n_found: audited labels found wrong, if known.
    """
    *before, last = rounds
    if last.kind != "closing" or not n_audit:
        return rounds
    found = "" if n_found is None else f"{count(n_found)} found wrong and corrected"
    audit = replace(last, kind="audit", hand_new=n_audit, note=" ".join(filter(None, (last.note, found))))
    remainder = replace(
        last,
        kind="remainder",
        hand=last.hand - n_audit,
        auto=last.auto + n_audit,
        hand_new=last.hand_new - n_audit,
        mislabelled=None,
        mislabelled_share=None,
        auto_label_error=None,
        note="",
    )
    if before and (before[-1].hand, before[-1].auto) == (remainder.hand, remainder.auto):
        return [*before, audit]
    return [*before, remainder, audit]


def rounds_table(rounds: Sequence[Round]) -> Table:
    """Return a row for each round; empty columns are left out."""
    columns: list[tuple[str, list[str]]] = [
        ("round", [each.name for each in rounds]),
        ("hand labels", [count(each.hand) for each in rounds]),
        ("new hand labels", [count(each.hand_new) for each in rounds]),
        ("auto-labels", [count(each.auto) for each in rounds]),
        ("unlabelled", [count(each.left) for each in rounds]),
        ("threshold", ["" if e.threshold is None else probability(e.threshold) for e in rounds]),
        ("mislabelled", [count(each.mislabelled) for each in rounds]),
        ("mislabelled, share", [percent(each.mislabelled_share) for each in rounds]),
        ("auto-label error", [percent(each.auto_label_error) for each in rounds]),
        ("test accuracy", [percent(each.test_accuracy) for each in rounds]),
        ("time", ["" if each.kind == "remainder" else duration(each.seconds) for each in rounds]),
        ("note", [each.note for each in rounds]),
    ]
    kept = [(title, cells) for title, cells in columns if any(cells)]
    return Table(
        name="rounds",
        title="Round by round",
        head=[title for title, _ in kept],
        rows=list(zip(*(cells for _, cells in kept), strict=True)),
        note="Mislabelled: all wrong labels. Auto-label error: wrong auto-labels, of the auto-labels.",
    )


def confidence_table(diagnosis: DiagnosisFile) -> Table:
    """Return a row for each bin of confidence, the least confident first."""
    bins = diagnosis.bins or ()
    rows = []
    for each, above in zip(bins, rates_above(bins), strict=True):
        seen = rate(each.wrong, each.n)
        rows.append(
            (
                f"{edge(each.low)} to {edge(each.high)}",
                count(each.n),
                count(each.wrong),
                percent(each.stated_error),
                percent(seen.share),
                f"{percent(seen.low)} to {percent(seen.high)}",
                count(above.n),
                percent(above.share),
            )
        )
    return Table(
        name="confidence",
        title="Auto-labels by confidence",
        head=(
            "confidence",
            "auto-labels",
            "wrong",
            "stated error",
            "observed error",
            "95 % interval",
            "at this confidence or above",
            "error of those",
        ),
        rows=rows,
        note="Stated error: mean of 1 − confidence. Intervals: exact binomial (Clopper and Pearson).",
    )


def mix_ups_table(diagnosis: DiagnosisFile) -> Table:
    """Return the most frequent pairs of a true class and a wrong auto-label."""
    found = mix_ups(diagnosis)
    cut = (
        f"The {MOST_CONFUSED} most frequent of {count(len(found))} pairs."
        if len(found) > MOST_CONFUSED
        else ""
    )
    return Table(
        name="mix_ups",
        title="Confused classes: wrong auto-labels by class",
        head=("true class", "label given", "wrong auto-labels", "of the class's auto-labels"),
        rows=[(m.truth, m.given, count(m.n), percent(m.share)) for m in found[:MOST_CONFUSED]],
        note=cut,
    )


def classes_table(per_class: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row for each true class."""
    rows = [
        (
            str(each["class"]),
            count(each["n_samples"]),
            count(each["hand_labels"]),
            count(each["auto_labels"]),
            count(each["mislabelled"]),
            percent(each["mislabelled_share"]),
        )
        for each in per_class
    ]
    head = ("true class", "samples", "hand labels", "auto-labels", "mislabelled", "mislabelled, of the class")
    return Table(name="classes", title="Results by class", head=head, rows=rows)


def mislabelled_table(mislabelled: Mislabelled, class_names: Sequence[str]) -> Table:
    """Return a row for each mislabelled sample whose image is stored."""
    columns = (mislabelled.index_M, mislabelled.label_M, mislabelled.truth_M, mislabelled.confidence_M)
    rows = [
        (str(index), class_names[label], class_names[truth], probability(confidence))
        for index, label, truth, confidence in zip(*(each.tolist() for each in columns), strict=True)
    ]
    return Table(
        name="mislabelled",
        title="Mislabelled samples",
        head=("index", "label given", "true class", "confidence"),
        rows=rows,
    )


def certificate_table(certificate: Mapping[str, Any]) -> Table:
    """Return the target and the result of a certificate."""
    with_error = certificate.get("max_wrong_with_oracle_error")
    rows = [
        ("tolerated share of wrong labels", percent(certificate["tolerance"])),
        (
            "proven wrong labels, at most",
            f"{count(certificate['max_wrong'])} ({percent(certificate['max_wrong_share'])})",
        ),
        ("confidence", percent(certificate["confidence"], 0)),
        ("reached", "yes" if certificate["reached"] else "no"),
        (
            "labels asked by the audit",
            f"{count(certificate['asked'])}, {count(certificate['audited'])} for samples drawn at random",
        ),
        ("found wrong and corrected", count(certificate["found_wrong"])),
        ("proven wrong labels, if the oracle errs as assumed, at most", count(with_error)),
        ("method", str(certificate["method"])),
        ("assumes", str(certificate.get("assumes") or "")),
        ("note", str(certificate.get("note") or "")),
    ]
    return Table(
        name="certificate", title="Certificate", head=("", "value"), rows=[row for row in rows if row[1]]
    )
