"""The sections of a report on one trial. A sentence replaces a table or picture that a trial cannot have."""

from collections.abc import Callable, Mapping, Sequence

from alframe._text import count, counted, percent
from alframe.core.errors import UserError
from alframe.core.file_names import SUMMARY
from alframe.core.reports import Certificate, RoundRow
from alframe.report.document import Picture, Section, Table
from alframe.report.load.one_trial import diagnosis_of, hand_labels_by_source, mislabelled_of
from alframe.report.load.trial_records import DiagnosisFile
from alframe.report.load.trials import FinishedTrial
from alframe.report.plots.draw_certificate import draw_certificate
from alframe.report.plots.draw_confidence import draw_error_by_confidence, draw_reliability
from alframe.report.plots.draw_mistakes import draw_classes, draw_confusion, draw_gallery
from alframe.report.plots.draw_rounds import draw_flow, draw_hand_labels, draw_quality
from alframe.report.tables import trial_tables as tables
from alframe.report.tables.check_tables import check_table, check_text

BySource = Mapping[str, Mapping[int, int]]  # hand labels by source and round
Draw = Callable[[], Sequence[Picture]]
Drawn = Callable[[Draw], Sequence[Picture]]  # draws, or returns nothing if pictures are not wanted
TRUTH_UNKNOWN = "The true labels of this data set are unknown, so wrong labels cannot be counted or shown."
NONE_WRONG = "No label is wrong."
NO_AUTO = "There are no auto-labels, so there is no confidence to examine."
NONE_CONFUSED = "There are no auto-labels, so there are no confused classes."
TOO_OLD = (
    "This trial is from an older alframe that did not write diagnosis.json, which this section needs. Run "
    "the trial again to get it."
)


def trial_sections(trial: FinishedTrial, *, pictures: bool = True) -> list[Section]:
    """Return the sections of a report on one trial.

    Args:
        trial: a finished trial.
        pictures: False leaves them out, and needs no matplotlib.

    Raises:
        UserError: a file of the trial is damaged, or matplotlib is not installed.
    """
    if trial.summary.n_classes is None:
        raise UserError(f"{trial.directory / SUMMARY}: expected n_classes, got none. Leave this trial out.")
    rounds, diagnosis = trial.rounds, diagnosis_of(trial)

    def drawn(draw: Draw) -> Sequence[Picture]:
        return draw() if pictures else ()

    sections = [
        Section(
            title=f"Trial {trial.directory.name}", text=_result(trial), parts=[tables.facts_table(trial)]
        ),
        _rounds_section(trial, rounds, drawn),
    ]
    if trial.summary.mislabelled is None:
        sections.append(Section(title="Wrong labels", text=TRUTH_UNKNOWN))
    else:
        sections += [
            _confidence_section(trial, diagnosis, drawn),
            _classes_section(trial, diagnosis, drawn),
            _mislabelled_section(trial, diagnosis, drawn),
        ]
    if (check := trial.summary.check) is not None:
        sections.append(Section(title="Check", text=check_text(check), parts=[check_table(check)]))
    if trial.summary.certificate is not None:
        sections.append(
            _certificate_section(trial.summary.certificate, trial.summary.mislabelled_share, drawn)
        )
    return sections


def _result(trial: FinishedTrial) -> str:
    summary = trial.summary
    text = (
        f"{count(summary.hand_labels)} of {count(summary.n_samples)} samples "
        f"({percent(summary.hand_share)}) were labelled by hand and {count(summary.auto_labels)} by "
        f"the model, in {counted(summary.rounds, 'round')}."
    )
    if summary.mislabelled is None:
        return f"{text} {TRUTH_UNKNOWN}"
    if not summary.mislabelled:
        return f"{text} {NONE_WRONG}"
    wrong, share = counted(summary.mislabelled, "label"), percent(summary.mislabelled_share)
    return f"{text} {wrong} ({share}) {'is' if summary.mislabelled == 1 else 'are'} wrong."


def _rounds_section(trial: FinishedTrial, rounds: Sequence[RoundRow], drawn: Drawn) -> Section:
    by_source = hand_labels_by_source(trial)
    parts: list[Table | Picture] = [*drawn(lambda: [draw_flow(rounds)])]
    text = []
    if by_source:
        parts += drawn(lambda: [draw_hand_labels(by_source, rounds)])
    elif by_source is None:
        text.append("There is no labels.csv, so the purposes of the hand labels cannot be shown.")
    if any(each.mislabelled_share or each.test_accuracy is not None for each in rounds):
        parts += drawn(lambda: [draw_quality(rounds)])
    if trial.summary.mislabelled is not None and not any(each.mislabelled_share for each in rounds):
        text.append("No label was wrong after any round.")
    if all(each.test_accuracy is None for each in rounds):
        text.append("The data set has no test images, so there is no test accuracy.")
    table = tables.rounds_table(_with_audit(trial, rounds, by_source))
    return Section(title="Rounds", text=" ".join(text), parts=[*parts, table])


def _with_audit(
    trial: FinishedTrial, rounds: Sequence[RoundRow], by_source: BySource | None
) -> Sequence[tables.NamedRow]:
    certificate, check = trial.summary.certificate, trial.summary.check
    if check is not None and not check.simulated:  # it asks in place of a certificate's audit
        return tables.with_audit(rounds, check.asked, check.found_wrong, "check")
    if by_source is None:
        n_audit = certificate.asked if certificate else 0
    else:
        n_audit = sum(by_source.get("audit", {}).values())
    return tables.with_audit(rounds, n_audit, certificate.found_wrong if certificate else None)


def _confidence_section(trial: FinishedTrial, diagnosis: DiagnosisFile | None, drawn: Drawn) -> Section:
    title = "Confidence"
    missing = _why_missing(trial, diagnosis, NO_AUTO)
    if missing or diagnosis is None or not diagnosis.bins:
        return Section(title=title, text=missing or NO_AUTO)
    bins = diagnosis.bins
    return Section(
        title=title,
        text=(
            "Auto-labels are grouped into bins of confidence, and the observed error of each bin is compared "
            "with the error that its confidence states. Only accepted labels are counted."
        ),
        parts=[
            *drawn(lambda: [draw_reliability(bins), draw_error_by_confidence(bins)]),
            tables.confidence_table(diagnosis),
        ],
    )


def _classes_section(trial: FinishedTrial, diagnosis: DiagnosisFile | None, drawn: Drawn) -> Section:
    pictures: list[Picture] = []
    found: list[Table] = []
    missing = _why_missing(trial, diagnosis, NONE_CONFUSED)
    if not missing and diagnosis is not None:
        pictures += drawn(lambda: [draw_confusion(diagnosis)])
        found.append(tables.mix_ups_table(diagnosis))
    per_class = trial.summary.per_class or []
    if any(each["n_samples"] for each in per_class):
        pictures += drawn(lambda: [draw_classes(per_class)])
        found.append(tables.classes_table(trial.summary))
    return Section(title="Classes", text=missing, parts=[*pictures, *(each for each in found if each.rows)])


def _mislabelled_section(trial: FinishedTrial, diagnosis: DiagnosisFile | None, drawn: Drawn) -> Section:
    title, wrong = "Mislabelled samples", trial.summary.mislabelled
    shown = mislabelled_of(trial)
    if not wrong:
        return Section(title=title, text=NONE_WRONG)
    if shown is None:
        return Section(title=title, text=f"The images of the mislabelled samples are not stored. {TOO_OLD}")
    names = diagnosis.class_names if diagnosis else [str(k) for k in range(trial.summary.n_classes or 0)]
    n = len(shown.index_M)
    cut = f"The {count(n)} most confident of {count(wrong)} are shown. " if n < wrong else ""
    return Section(
        title=title,
        text=f"{cut}The most confident labels come first, hand labels last.",
        parts=[*drawn(lambda: draw_gallery(shown, names)), tables.mislabelled_table(shown, names)],
    )


def _certificate_section(certificate: Certificate, truth: float | None, drawn: Drawn) -> Section:
    reached = "This is within" if certificate.reached else "This is above"
    wrong, share = count(certificate.max_wrong), percent(certificate.max_wrong_share)
    text = (
        f"With {percent(certificate.confidence, 0)} confidence at most {wrong} labels ({share} of the "
        f"data set) are wrong. {reached} the tolerated {percent(certificate.tolerance)}."
    )
    return Section(
        title="Certificate",
        text=text,
        parts=[*drawn(lambda: [draw_certificate(certificate, truth)]), tables.certificate_table(certificate)],
    )


def _why_missing(trial: FinishedTrial, diagnosis: DiagnosisFile | None, no_auto: str) -> str:
    """Return why auto-labels cannot be compared with the truth, or an empty text if they can."""
    if not trial.summary.auto_labels:
        return no_auto
    return TOO_OLD if diagnosis is None or diagnosis.confusion_CC is None else ""
