"""Tables of one trial."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from alframe.report.document import Table
from alframe.report.load.records import Diagnosis, Mislabelled, Round
from alframe.report.load.trials import Trial
from alframe.report.numbers import count, edge, percent, probability, seconds
from alframe.report.stats.error_rates import mix_ups, rate, rates_above

MOST_MIX_UPS = 50
GROUPS = {
    "query": "query strategy",
    "auto_label": "auto-label policy",
    "learner": "learner",
    "network": "network",
    "initial": "seed set",
    "oracle": "oracle",
    "stopping": "stopping",
}


def facts_table(trial: Trial) -> Table:
    """Return what was done and what came out; what nobody knows or nobody wrote down is left out."""
    summary = trial.summary
    rows = [
        ("data set", str(summary.get("data") or "")),
        ("samples", count(summary.get("n_samples"))),
        ("classes", count(summary.get("n_classes"))),
        ("seed", str(summary.get("seed", ""))),
        *((title, choice_of(trial, group)) for group, title in GROUPS.items()),
        ("rounds", count(summary.get("rounds"))),
        ("stopped because", str(summary.get("stopped_because") or "")),
        ("hand labels", _with_share(summary, "hand_labels", "hand_share")),
        ("auto-labels", _with_share(summary, "auto_labels", "coverage")),
        ("mislabelled", _with_share(summary, "mislabelled", "mislabelled_share")),
        ("mean over the classes", percent(summary.get("mislabelled_share_macro"))),
        ("wrong, of the auto-labels", percent(summary.get("auto_label_error"))),
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
        name="facts", title="The trial in figures", head=("", "value"), rows=[row for row in rows if row[1]]
    )


def choice_of(trial: Trial, group: str) -> str:
    """Return what was chosen for a config group: its name, else its class, empty where neither is known."""
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
    told = [f"{word}{seconds(summary[key])}" for key, word in parts if summary.get(key) is not None]
    return ", ".join(told)


def with_audit(rounds: Sequence[Round], n_audit: int, n_found: int | None) -> Sequence[Round]:
    """Return the rounds with the closing row in two, the remainder before the audit and the audit.

    How many were wrong in between is left open: an oracle that errs finds wrong what was right.

    Args:
        rounds: at least one. n_audit: auto-labels that were audited. n_found: of them found wrong, if known.
    """
    *before, last = rounds
    if last.kind != "closing" or not n_audit:
        return rounds
    told = "" if n_found is None else f"{count(n_found)} found wrong and corrected"
    audit = replace(last, kind="audit", hand_new=n_audit, note=" ".join(filter(None, (last.note, told))))
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
    """Return a row for each round; columns that no round has a figure for are left out."""
    columns: list[tuple[str, list[str]]] = [
        ("round", [each.name for each in rounds]),
        ("hand labels", [count(each.hand) for each in rounds]),
        ("new by hand", [count(each.hand_new) for each in rounds]),
        ("auto-labels", [count(each.auto) for each in rounds]),
        ("left", [count(each.left) for each in rounds]),
        ("threshold", ["" if e.threshold is None else probability(e.threshold) for e in rounds]),
        ("mislabelled", [count(each.mislabelled) for each in rounds]),
        ("of the data set", [percent(each.mislabelled_share) for each in rounds]),
        ("wrong, of the auto-labels", [percent(each.auto_label_error) for each in rounds]),
        ("test accuracy", [percent(each.test_accuracy) for each in rounds]),
        ("time", ["" if each.kind == "remainder" else seconds(each.seconds) for each in rounds]),
        ("note", [each.note for each in rounds]),
    ]
    kept = [(title, cells) for title, cells in columns if any(cells)]
    return Table(
        name="rounds",
        title="Round by round",
        head=[title for title, _ in kept],
        rows=list(zip(*(cells for _, cells in kept), strict=True)),
    )


def confidence_table(diagnosis: Diagnosis) -> Table:
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
            "as sure or surer",
            "their error",
        ),
        rows=rows,
        note="Stated error: the mean of 1 − confidence. Intervals: exact binomial (Clopper and Pearson).",
    )


def mix_ups_table(diagnosis: Diagnosis) -> Table:
    """Return the pairs of classes most often taken for each other by auto-labels."""
    found = mix_ups(diagnosis)
    cut = (
        f" The {MOST_MIX_UPS} most frequent of {count(len(found))} pairs."
        if len(found) > MOST_MIX_UPS
        else ""
    )
    return Table(
        name="mix_ups",
        title="Taken for another class",
        head=("true class", "label given", "auto-labels", "of the class's auto-labels"),
        rows=[(m.truth, m.given, count(m.n), percent(m.share)) for m in found[:MOST_MIX_UPS]],
        note=cut.strip(),
    )


def classes_table(per_class: Sequence[Mapping[str, Any]]) -> Table:
    """Return a row for each true class, in their order."""
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
    head = ("true class", "samples", "hand labels", "auto-labels", "mislabelled", "of the class")
    return Table(name="classes", title="Class by class", head=head, rows=rows)


def mislabelled_table(mislabelled: Mislabelled, class_names: Sequence[str]) -> Table:
    """Return a row for each mislabelled sample that was kept to look at."""
    columns = (mislabelled.index_M, mislabelled.label_M, mislabelled.truth_M, mislabelled.confidence_M)
    rows = [
        (str(index), class_names[label], class_names[truth], probability(confidence))
        for index, label, truth, confidence in zip(*(each.tolist() for each in columns), strict=True)
    ]
    return Table(
        name="mislabelled",
        title="The mislabelled, by index",
        head=("index", "label given", "true class", "confidence"),
        rows=rows,
    )


def certificate_table(certificate: Mapping[str, Any]) -> Table:
    """Return what was asked and what was proven."""
    with_error = certificate.get("max_wrong_with_oracle_error")
    rows = [
        ("tolerated", percent(certificate["tolerance"])),
        ("proven, at most", f"{count(certificate['max_wrong'])} ({percent(certificate['max_wrong_share'])})"),
        ("confidence", percent(certificate["confidence"], 0)),
        ("reached", "yes" if certificate["reached"] else "no"),
        (
            "answers",
            f"{count(certificate['asked'])}, {count(certificate['audited'])} of them drawn at random",
        ),
        ("found wrong and corrected", count(certificate["found_wrong"])),
        ("proven if the oracle errs as stated, at most", count(with_error)),
        ("method", str(certificate["method"])),
        ("assumes", str(certificate.get("assumes") or "")),
        ("note", str(certificate.get("note") or "")),
    ]
    return Table(
        name="certificate", title="The certificate", head=("", "value"), rows=[row for row in rows if row[1]]
    )
