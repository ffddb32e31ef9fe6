"""One trial, in sections to read: what came out, round by round, and where and how surely labels are wrong.

What a trial cannot show is said in a sentence instead.
"""

from collections.abc import Callable, Mapping, Sequence

from alframe.core.errors import UserError
from alframe.report.document import Picture, Section, Table
from alframe.report.load.one_trial import diagnosis_of, hand_labels_by_source, mislabelled_of, rounds_of
from alframe.report.load.records import Diagnosis, Round
from alframe.report.load.trials import Trial
from alframe.report.numbers import count, percent
from alframe.report.plots.draw_certificate import draw_certificate
from alframe.report.plots.draw_confidence import draw_error_by_confidence, draw_reliability
from alframe.report.plots.draw_mistakes import draw_classes, draw_confusion, draw_gallery
from alframe.report.plots.draw_rounds import draw_flow, draw_hand_labels, draw_quality
from alframe.report.tables.trial_tables import (
    certificate_table,
    classes_table,
    confidence_table,
    facts_table,
    mislabelled_table,
    mix_ups_table,
    rounds_table,
    with_audit,
)

BySource = Mapping[str, Mapping[int, int]]  # hand labels by source and round
Draw = Callable[[], Sequence[Picture]]
Drawn = Callable[[Draw], Sequence[Picture]]  # draws, or not where pictures are not wanted
NEEDED = ("n_samples", "n_classes", "rounds", "hand_labels", "hand_share", "auto_labels")
NOBODY_KNOWS = (
    "Nobody knows the true labels of this data set, so which are wrong and how often cannot be shown."
)
NONE_WRONG = "No label is wrong."
NO_AUTO = "There are no auto-labels, so there is no confidence to judge."
NONE_TAKEN = "There are no auto-labels, so no class was taken for another."
TOO_OLD = (
    "This trial was made before alframe kept diagnosis.json, from which this is drawn; "
    "the same trial made again has it."
)


def trial_sections(trial: Trial, *, pictures: bool = True) -> list[Section]:
    """Return the sections of a report on one trial.

    Args:
        trial: a finished trial. pictures: False leaves them out, and needs no matplotlib.

    Raises:
        UserError: a file of the trial is damaged, or there is no matplotlib.
    """
    _check(trial)
    rounds, diagnosis = rounds_of(trial), diagnosis_of(trial)

    def drawn(draw: Draw) -> Sequence[Picture]:
        return draw() if pictures else ()

    sections = [
        Section(title=f"Trial {trial.directory.name}", text=_came_to(trial), parts=[facts_table(trial)]),
        _rounds_section(trial, rounds, drawn),
    ]
    if trial.summary.get("mislabelled") is None:
        sections.append(Section(title="Mistakes", text=NOBODY_KNOWS))
    else:
        sections += [
            _confidence_section(trial, diagnosis, drawn),
            _classes_section(trial, diagnosis, drawn),
            _mislabelled_section(trial, diagnosis, drawn),
        ]
    if trial.summary.get("certificate"):
        sections.append(_certificate_section(trial, drawn))
    return sections


def _check(trial: Trial) -> None:
    missing = [key for key in NEEDED if trial.summary.get(key) is None]
    if missing:
        file = trial.directory / "summary.json"
        raise UserError(f"{file}: expected {', '.join(missing)}, got none. Leave this trial out.")


def _came_to(trial: Trial) -> str:
    summary = trial.summary
    text = (
        f"{count(summary['hand_labels'])} of {count(summary['n_samples'])} samples "
        f"({percent(summary['hand_share'])}) were labelled by hand and {count(summary['auto_labels'])} by "
        f"prediction, in {count(summary['rounds'])} round{'' if summary['rounds'] == 1 else 's'}."
    )
    if summary.get("mislabelled") is None:
        return f"{text} How many labels are wrong nobody knows."
    if not summary["mislabelled"]:
        return f"{text} {NONE_WRONG}"
    wrong, share = _labels(summary["mislabelled"]), percent(summary["mislabelled_share"])
    return f"{text} {wrong} ({share}) {'is' if summary['mislabelled'] == 1 else 'are'} wrong."


def _labels(n: int) -> str:
    return f"{count(n)} label{'' if n == 1 else 's'}"


def _rounds_section(trial: Trial, rounds: Sequence[Round], drawn: Drawn) -> Section:
    by_source = hand_labels_by_source(trial)
    parts: list[Table | Picture] = [*drawn(lambda: [draw_flow(rounds)])]
    text = []
    if by_source:
        parts += drawn(lambda: [draw_hand_labels(by_source, rounds)])
    elif by_source is None:
        text.append("There is no labels.csv, so what the hand labels were asked for cannot be shown.")
    if any(each.mislabelled_share or each.test_accuracy is not None for each in rounds):
        parts += drawn(lambda: [draw_quality(rounds)])
    if trial.summary.get("mislabelled") is not None and not any(each.mislabelled_share for each in rounds):
        text.append("No label was wrong after any round.")
    if all(each.test_accuracy is None for each in rounds):
        text.append("The data set has no test images, so there is no test accuracy.")
    return Section(
        title="Rounds",
        text=" ".join(text),
        parts=[*parts, rounds_table(_with_audit(trial, rounds, by_source))],
    )


def _with_audit(trial: Trial, rounds: Sequence[Round], by_source: BySource | None) -> Sequence[Round]:
    certificate = trial.summary.get("certificate") or {}
    if by_source is None:
        n_audit = int(certificate.get("asked") or 0)
    else:
        n_audit = sum(by_source.get("audit", {}).values())
    return with_audit(rounds, n_audit, certificate.get("found_wrong"))


def _confidence_section(trial: Trial, diagnosis: Diagnosis | None, drawn: Drawn) -> Section:
    title = "Confidence"
    missing = _why_missing(trial, diagnosis, NO_AUTO)
    if missing or diagnosis is None or not diagnosis.bins:
        return Section(title=title, text=missing or NO_AUTO)
    bins = diagnosis.bins
    return Section(
        title=title,
        text=(
            "Auto-labels are counted together by their confidence, and each group's error is compared with "
            "what its confidence stated. A policy chooses what it accepts, so this says nothing of what it "
            "refused."
        ),
        parts=[
            *drawn(lambda: [draw_reliability(bins), draw_error_by_confidence(bins)]),
            confidence_table(diagnosis),
        ],
    )


def _classes_section(trial: Trial, diagnosis: Diagnosis | None, drawn: Drawn) -> Section:
    pictures: list[Picture] = []
    tables: list[Table] = []
    missing = _why_missing(trial, diagnosis, NONE_TAKEN)
    if not missing and diagnosis is not None:
        pictures += drawn(lambda: [draw_confusion(diagnosis)])
        tables.append(mix_ups_table(diagnosis))
    per_class = trial.summary.get("per_class") or []
    if any(each["n_samples"] for each in per_class):
        pictures += drawn(lambda: [draw_classes(per_class)])
        tables.append(classes_table(per_class))
    return Section(title="Classes", text=missing, parts=[*pictures, *(each for each in tables if each.rows)])


def _mislabelled_section(trial: Trial, diagnosis: Diagnosis | None, drawn: Drawn) -> Section:
    title, wrong = "Mislabelled samples", trial.summary.get("mislabelled")
    shown = mislabelled_of(trial)
    if not wrong:
        return Section(title=title, text=NONE_WRONG)
    if shown is None:
        return Section(title=title, text=f"The images of the mislabelled were not kept. {TOO_OLD}")
    names = diagnosis.class_names if diagnosis else [str(k) for k in range(int(trial.summary["n_classes"]))]
    n = len(shown.index_M)
    cut = f"The {count(n)} most confident of {count(wrong)} are shown. " if n < wrong else ""
    return Section(
        title=title,
        text=f"{cut}The most confident come first, labels by hand last.",
        parts=[*drawn(lambda: draw_gallery(shown, names)), mislabelled_table(shown, names)],
    )


def _certificate_section(trial: Trial, drawn: Drawn) -> Section:
    certificate = trial.summary["certificate"]
    reached = "as was" if certificate["reached"] else "which is more than was"
    wrong, share = count(certificate["max_wrong"]), percent(certificate["max_wrong_share"])
    text = (
        f"With {percent(certificate['confidence'], 0)} confidence at most {wrong} labels ({share} of the "
        f"data set) are wrong, {reached} to be proven."
    )
    truth = trial.summary.get("mislabelled_share")
    return Section(
        title="The certificate",
        text=text,
        parts=[*drawn(lambda: [draw_certificate(certificate, truth)]), certificate_table(certificate)],
    )


def _why_missing(trial: Trial, diagnosis: Diagnosis | None, no_auto: str) -> str:
    """Return why auto-labels cannot be compared with the truth, empty where they can."""
    if not trial.summary.get("auto_labels"):
        return no_auto
    return TOO_OLD if diagnosis is None or diagnosis.confusion_CC is None else ""
