"""The page on an audit: the estimate, the yield, the changes, the proof, and what they do not say."""

from collections.abc import Mapping, Sequence
from typing import Any

from alframe._text import count, counted, duration, percent
from alframe.report.audits.read_audits import FinishedAudit, changed_images
from alframe.report.document import Picture, Report, Section, Table

MOST_PAIRS = 15  # pairs of classes in the table of changes
DOES_NOT_SAY = (
    "This does not say which of the remaining labels are wrong, and nothing about a single label. It is not "
    "true of the best of several audits with other seeds or settings. It takes the answers as they were given"
)


def audit_report(audits: Sequence[FinishedAudit], *, pictures: bool) -> Report:
    """Return the report on one audit, or the comparison of several.

    Args:
        audits: at least one. pictures: False leaves them out, and needs no matplotlib.
    """
    if len(audits) > 1:
        section = Section(title="Audits", parts=[audits_table(audits)])
        return Report(title=f"{len(audits)} audits of labels", facts=[], warnings=[], sections=[section])
    audit = audits[0]
    summary = audit.summary
    facts = [
        ("labels", count(summary["n_samples"])),
        ("classes", count(summary["n_classes"])),
        ("answers", f"{count(summary['answers'])} ({percent(summary['answers'] / summary['n_samples'])})"),
        ("wrong labels found", count(summary["found_wrong"])),
        ("stages", ", ".join(summary["stages"])),
        ("seed", str(summary["seed"])),
        ("time", duration(summary["seconds"])),
        ("alframe", str((summary.get("versions") or {}).get("alframe", "unknown"))),
    ]
    sections = [
        Section(title="In a sentence", text=f"{summary['statement']} {_not_said(summary)}"),
        *_estimate_section(audit),
        *_yield_section(audit, pictures),
        *_changes_section(audit, pictures),
        *_proof_section(summary),
    ]
    title = f"Audit of the labels of {summary['data']}: {audit.directory.resolve().name}"
    return Report(title=title, facts=facts, warnings=_warnings(summary), sections=sections)


def _not_said(summary: Mapping[str, Any]) -> str:
    if summary["certificate"] is None:
        return "Nothing is proven about the labels that nobody has looked at."
    second = summary["second_answers"]
    assumed = " as right." if second is None else ", with the errors that two persons' differences allow."
    return f"{DOES_NOT_SAY}{assumed}"


def _warnings(summary: Mapping[str, Any]) -> list[str]:
    certificate = summary["certificate"]
    if certificate is None or certificate["reached"]:
        return []
    note = f" {certificate['note']}" if certificate["note"] else ""
    return [f"The tolerance of {percent(certificate['tolerance'])} was not proven.{note}"]


def _estimate_section(audit: FinishedAudit) -> list[Section]:
    estimate = audit.summary["estimate"]
    if estimate is None:
        return []
    text = (
        f"{count(estimate['answers'])} labels were drawn at random and answered without a look at them; "
        f"{count(estimate['found_wrong'])} were wrong. With {100 * estimate['confidence']:g} % confidence, "
        f"{percent(estimate['low'])} to {percent(estimate['high'])} of all labels were wrong before the "
        "audit. The interval is exact and does not depend on any classifier."
    )
    rows = [
        [
            name,
            count(each["answers"]),
            count(each["found_wrong"]),
            percent(each["low"]),
            percent(each["high"]),
        ]
        for name, each in estimate["classes"].items()
        if each is not None
    ]
    table = Table(
        name="estimate_by_class",
        title="By given class",
        head=["class", "answers", "wrong", "at least", "at most"],
        rows=rows,
        note="Each interval holds with the same confidence for its class alone. Classes with few answers are "
        "left out.",
    )
    return [Section(title="How many were wrong", text=text, parts=[table] if rows else [])]


def _yield_section(audit: FinishedAudit, pictures: bool) -> list[Section]:
    rows = [
        [
            f"{row['stage']} {row['round']}" if row["stage"] == "mend" else row["stage"],
            count(int(row["asked"])),
            count(int(row["found"])),
            percent(float(row["precision"])) if row["precision"] else "",
            count(int(row["answers"])),
            count(int(row["found_wrong"])),
            percent(float(row["bound"])) if row["bound"] else "",
        ]
        for row in audit.rows
    ]
    table = Table(
        name="questions",
        title="Questions",
        head=["stage", "asked", "wrong", "share wrong", "answers so far", "wrong so far", "wrong at most"],
        rows=rows,
        note="Wrong at most: the largest share of the labels that can be wrong then, by the estimate and the "
        "proof.",
    )
    parts: list[Table | Picture] = [table]
    if pictures and audit.found_at:
        from alframe.report.audits.draw_audit import draw_found, draw_precision

        parts += [draw_found(audit), draw_precision(audit)]
    ended = audit.summary["mending_ended"]
    text = f"Mending ended because {ended}." if ended else ""
    return [Section(title="What the answers found", text=text, parts=parts)]


def _changes_section(audit: FinishedAudit, pictures: bool) -> list[Section]:
    if not audit.changes:
        return [Section(title="Changes", text="No label was changed.")]
    pairs = audit.confusion.most_common()
    rows = [[before, after, count(n)] for (before, after), n in pairs[:MOST_PAIRS]]
    left = sum(n for _, n in pairs[MOST_PAIRS:])
    table = Table(
        name="changes",
        title="Classes before and after",
        head=["given", "mended", "labels"],
        rows=rows,
        note=f"{counted(left, 'label')} of other pairs of classes." if left else "",
    )
    parts: list[Table | Picture] = [table] if rows else []
    images = changed_images(audit)
    if pictures and images is not None:
        from alframe.report.audits.draw_audit import draw_changes, draw_confusion_of_changes

        parts += [draw_confusion_of_changes(audit), *draw_changes(images, audit.class_names)]
    n_told = len(audit.found_at)
    text = f"{counted(n_told, 'given label')} turned out wrong; changes.csv lists each with who answered."
    return [Section(title="Changes", text=text, parts=parts)]


def _proof_section(summary: Mapping[str, Any]) -> list[Section]:
    certificate = summary["certificate"]
    if certificate is None:
        return []
    verdict = "proven" if certificate["reached"] else "not proven"
    text = (
        f"That at most {percent(certificate['tolerance'])} of the labels are wrong is {verdict}. "
        f"{count(certificate['asked'])} labels that nobody had looked at were asked about, "
        f"{count(certificate['audited'])} of them at random; {count(certificate['found_wrong'])} were wrong "
        f"and are corrected. {certificate['assumes']}"
    )
    if certificate["oracle_error"] is not None:
        text += (
            f" If the answers err at this rate, at most "
            f"{count(certificate['max_wrong_with_oracle_error'])} labels are wrong, with "
            f"{100 * certificate['confidence_with_oracle_error']:.4g} % confidence."
        )
    return [Section(title="Proof", text=text)]


def audits_table(audits: Sequence[FinishedAudit]) -> Table:
    """Return a table with a row for each audit; figures that need the truth are empty without it."""
    rows = []
    for audit in audits:
        summary, known = audit.summary, audit.summary["simulated"]
        certificate = summary["certificate"]
        wrong = known["wrong_before"] if known else None
        at = "" if not wrong else percent(audit.found_after(round(1.5 * wrong)) / wrong)
        rows.append(
            [
                audit.directory.name,
                str(summary["seed"]),
                count(summary["answers"]),
                percent(summary["answers"] / summary["n_samples"]),
                count(summary["found_wrong"]),
                at,
                percent(known["wrong_after_share"]) if known else "",
                percent(certificate["max_wrong_share"]) if certificate else "",
                ("yes" if certificate["reached"] else "no") if certificate else "",
            ]
        )
    return Table(
        name="audits",
        title="Audits",
        head=[
            *("audit", "seed", "answers", "of all", "wrong found", "found at 1.5 times"),
            *("wrong now", "proven at most", "tolerance reached"),
        ],
        rows=rows,
        note="Found at 1.5 times: the share of the wrong labels that the first answers found, 1.5 times as "
        "many as wrong labels. Known in simulations.",
    )


def audit_figures(audits: Sequence[FinishedAudit]) -> dict[str, Any]:
    """Return the figures of a report for report.json."""
    return {
        "audits": [
            {"directory": str(audit.directory), "summary": audit.summary, "found_at": audit.found_at}
            for audit in audits
        ]
    }
