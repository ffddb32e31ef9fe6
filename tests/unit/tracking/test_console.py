import io
import re
import sys
from dataclasses import replace

import pytest

from alframe.core.answer_times import AnswerTimes
from alframe.core.reports import Certificate
from alframe.tracking import ConsoleTracker
from alframe.tracking.console_summary import closing_summary


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def console(out, make_info, tmp_path):
    tracker = ConsoleTracker(out, bar=False)
    tracker.start(make_info(tmp_path))
    return tracker


def printed(out):
    """Return the lines printed since the last look."""
    lines = out.getvalue().splitlines()
    out.seek(0)
    out.truncate()
    return lines


def test_the_head_names_the_data_the_seed_and_the_machine(console, out):
    assert printed(out) == ["alframe: labelling 5 images of toy, seed 8, on cpu (float32, reference engine)"]


def test_images_that_take_no_encoder_add_no_line(out, make_info, tmp_path):
    info = make_info(tmp_path)
    ConsoleTracker(out, bar=False).start(replace(info, chosen={**info.chosen, "encoder": {"_target_": None}}))
    assert len(printed(out)) == 1


HEAD = {"_target_": "alframe.learner.HeadRecipe"}
SMALL = {"_target_": "alframe.embedding.efficientnet_lite0"}


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        (
            {"learner": HEAD, "encoder": SMALL},
            "encoder=efficientnet_lite0 learner=head; encoder=none learns from the pixels",
        ),
        ({"learner": HEAD}, "learner=head, since there is an encoder"),
    ],
)
def test_a_learner_that_the_data_chose_is_named(out, make_info, tmp_path, chosen, line):
    info = make_info(tmp_path)
    ConsoleTracker(out, bar=False).start(replace(info, chosen={**info.chosen, **chosen}))
    assert f"  chosen by the data: {line}" in printed(out)


def test_a_trial_that_waits_before_its_first_row_has_no_table(console, out, make_outcome):
    printed(out)
    console.finish(make_outcome("waiting", ledger=None))
    assert printed(out) == []


def test_each_round_has_a_line_under_the_columns(console, out, reports):
    printed(out)
    for report in reports:
        console.log(report)
    columns, *lines = printed(out)
    assert columns == "round    hand    auto    left   hand %  wrong %  test acc %    time"
    assert lines == [
        " seed       1       0       4    20.00     0.00           -    0.2 s",
        "    1       2       2       1    40.00    20.00       90.00 1 min 01 s",
        "  end       3       2       0    60.00    20.00           -    0.5 s",
    ]


def test_large_counts_are_grouped_and_unknown_errors_dashed(console, out, reports, make_counts):
    printed(out)
    console.log(replace(reports[1], counts=make_counts(1200, 58_000, wrong=None, n_samples=60_000)))
    [_, line] = printed(out)
    assert line == "    1   1,200  58,000     800     2.00        -       90.00 1 min 01 s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (60.0, "1 min 00 s"),
        (119.6, "2 min 00 s"),
        (59.97, "1 min 00 s"),
        (7325.0, "2 h 02 min"),
    ],
)
def test_durations_a_person_can_read(console, out, reports, seconds, text):
    printed(out)
    console.log(replace(reports[1], seconds=seconds))
    [_, line] = printed(out)
    assert line.endswith(f" {text}")


def test_the_closing_summary_to_the_letter(tmp_path, summary, monkeypatch):
    monkeypatch.chdir(tmp_path)
    directory = tmp_path / "outputs" / "now"
    (directory / "wandb").mkdir(parents=True)
    for name in ("labels.csv", "summary.json"):
        (directory / name).touch()
    summary = replace(summary, rounds=3, stopped_because="nothing is left")
    assert closing_summary(summary, directory) == [
        "",
        "Labelled 5 of 5 images of toy in 3 rounds and 1 min 15 s; stopped because nothing is left.",
        "  hand labels          3     60.00 %",
        "  auto-labels          2     40.00 %",
        "  mislabelled          1     20.00 %  (50.00 % of the auto-labels)",
        "  test accuracy            90.00 %",
        "Files in outputs/now: labels.csv summary.json wandb",
    ]


def test_the_closing_summary_shows_unlabelled_samples_and_no_unknown_figures(tmp_path, summary):
    unknown = {
        "mislabelled": None,
        "mislabelled_share": None,
        "auto_label_error": None,
        "test_accuracy": None,
    }
    lines = closing_summary(replace(summary, **unknown, hand_labels=1, hand_share=0.2), tmp_path)
    assert lines[1].startswith("Labelled 3 of 5 images")
    assert lines[4] == "  left                 2     40.00 %"
    assert lines[5] == (
        "  check         nobody has looked at the auto-labels, so it is not known how many are wrong: write "
        "check.num=100 or certificate.tolerance=0.01"
    )
    by_hand = closing_summary(replace(summary, **unknown, auto_labels=0), tmp_path)
    assert "  check         there are no auto-labels to check" in by_hand
    assert not any("mislabelled" in line or "test accuracy" in line for line in lines)


def test_the_time_of_people_and_what_grids_saved(tmp_path, summary):
    times = AnswerTimes(n_single=10, single_seconds=6.0, n_grid=60, n_grids=1, grid_seconds=4.0)
    lines = closing_summary(replace(summary, answer_times=times), tmp_path)
    told = "10.0 s: 10 images one at a time in 6.0 s, 60 images in 1 grid in 4.0 s; grids saved 32.0 s"
    assert f"  people        {told}" in lines


def test_without_auto_labels_there_is_no_share_of_them(tmp_path, summary):
    lines = closing_summary(replace(summary, auto_label_error=None), tmp_path)
    assert "  mislabelled          1     20.00 %" in lines


def classes(*counts):
    return [
        {"class": name, "n_samples": n, "mislabelled": wrong, "mislabelled_share": wrong / n if n else None}
        for name, (n, wrong) in zip(("no", "yes", "perhaps"), counts, strict=False)
    ]


@pytest.mark.parametrize(
    ("per_class", "macro", "overall", "line"),
    [
        # Unequal classes.
        (
            classes((90, 0), (10, 2)),
            0.1,
            0.02,
            "  macro average            10.00 %  (worst: class yes, 20.00 %)",
        ),
        (
            classes((20, 0), (10, 0)),
            0.0,
            0.0,
            "  macro average             0.00 %  (worst: class no, 0 %)",
        ),
        (classes((60, 0), (40, 8)), 0.3125, 0.25, None),  # as far off as is not yet notable
        (
            classes((60, 0), (39, 8)),
            0.1026,
            0.0808,
            "  macro average            10.26 %  (worst: class yes, 20.51 %)",
        ),
        (classes((50, 1), (50, 2)), 0.03, 0.03, None),
        (classes((50, 0), (50, 0), (0, 0)), 0.0, 0.0, None),  # nobody of the third class takes part
        (None, None, None, None),
    ],
)
def test_the_mean_over_classes_is_printed_if_it_differs(tmp_path, summary, per_class, macro, overall, line):
    known = {"per_class": per_class, "mislabelled_share_macro": macro}
    known |= {"mislabelled_share": overall, "mislabelled": None if overall is None else 1}
    lines = closing_summary(replace(summary, **known), tmp_path)
    assert [one for one in lines if "macro" in one] == ([line] if line else [])


def test_a_directory_elsewhere_is_shown_in_full(tmp_path, summary, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert closing_summary(summary, tmp_path)[-1].startswith(f"Files in {tmp_path}:")


def test_a_finished_trial_prints_its_summary(console, out, make_outcome, summary, tmp_path):
    printed(out)
    console.finish(make_outcome(summary=summary))
    assert printed(out) == closing_summary(summary, tmp_path)


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_any_other_trial_prints_the_path_of_its_labels(console, out, make_outcome, tmp_path, status):
    printed(out)
    console.finish(make_outcome(status))
    assert printed(out) == [
        f"{status}; the labels so far are in {tmp_path}/labels.csv",
        "The same command continues from the last finished round.",
    ]


def test_without_labels_nothing_is_printed_at_the_end(console, out, make_outcome):
    printed(out)
    console.finish(make_outcome("failed", ledger=None))
    assert printed(out) == []


def test_a_trial_of_a_sweep_prints_only_that_it_is_resumed(
    out, make_info, make_outcome, summary, reports, tmp_path
):
    console = ConsoleTracker(out, bar=False, title="[2 of 6] 1 (seed=2)")
    for earlier, places in (((), []), (reports[:1], ["the seed set"]), (reports[:2], ["round 1"])):
        console.start(make_info(tmp_path, reports=tuple(earlier)))
        for report in reports[len(earlier) :]:
            console.log(report)
        console.finish(make_outcome(summary=summary))
        assert printed(out) == [f"[2 of 6] 1 (seed=2): resumed after {place}" for place in places]


@pytest.fixture
def barred(out, make_info, tmp_path, monkeypatch):
    """Starts a console that draws its bar into a string instead of a terminal; returns both."""
    started = []

    def start(**changes):
        # Set here and not above: pytest sets its own stderr once the fixtures are made.
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        tracker = ConsoleTracker(out, bar=True)
        tracker.start(make_info(tmp_path, **changes))
        started.append(tracker)
        return tracker, sys.stderr

    yield start
    for tracker in started:
        tracker.close_bar()


def test_the_bar_shows_the_round_the_stage_and_how_far_it_is(barred, reports):
    tracker, err = barred()
    tracker.log(reports[0])
    tracker.progress("train", 1, 4)
    tracker._bar.refresh()
    assert "round 1 training  25 %|" in err.getvalue()
    assert "1/4" in err.getvalue()
    tracker.progress("train", 4, 4)
    tracker._bar.refresh()
    assert "round 1 training 100 %|" in err.getvalue()
    tracker.progress("score", 512, 2048)
    tracker._bar.refresh()
    assert "round 1 scoring  25 %|" in err.getvalue()


def test_the_bar_of_images_shows_the_rate_and_the_time_left(barred):
    tracker, err = barred()
    tracker.progress("encode", 32, 128)
    tracker._bar.refresh()
    assert "encoding images  25 %|" in err.getvalue()
    assert re.search(r"\| 32/128, *[\d.]+ images/s, 00:00 left", err.getvalue())
    tracker.progress("encode", 16, 64)  # those of the test set
    tracker._bar.refresh()
    assert "| 16/64, " in err.getvalue()


def test_the_bar_is_wiped_before_a_line_is_printed(barred, out, reports):
    tracker, err = barred()
    tracker.log(reports[0])
    tracker.progress("train", 1, 4)
    tracker.log(reports[1])
    assert tracker._bar is None
    assert err.getvalue().split("\r")[-2].strip() == ""
    assert "training" not in out.getvalue()


def test_without_a_total_the_bar_counts_steps(barred, reports):
    tracker, err = barred()
    tracker.log(reports[0])
    tracker.progress("train", 7, None)
    tracker._bar.refresh()
    assert "round 1 training 7 steps, " in err.getvalue()


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ({"min_rounds": 1, "max_rounds": 4}, "round 2 training (at most 3 min 03 s left)"),
        ({"min_rounds": 7, "max_rounds": None}, "round 2 training (at least 6 min 06 s left)"),
        ({"min_rounds": 3, "max_rounds": 9}, "round 2 training (at least 2 min 02 s left)"),
        ({"min_rounds": 1, "max_rounds": None}, "round 2 training  "),
    ],
)
def test_the_bar_shows_the_remaining_time_of_the_trial(barred, reports, bounds, text):
    tracker, err = barred(**bounds)
    tracker.log(reports[0])
    tracker.progress("train", 1, 4)
    assert "left" not in err.getvalue()  # no round has been timed yet
    tracker.log(reports[1])
    tracker.progress("train", 1, 4)
    tracker._bar.refresh()
    assert text in err.getvalue()


def test_no_bar_is_drawn_unless_stderr_is_a_terminal(out, make_info, tmp_path, monkeypatch, reports):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    tracker = ConsoleTracker(out)
    tracker.start(make_info(tmp_path))
    tracker.progress("train", 1, 4)
    tracker.log(reports[0])
    assert sys.stderr.getvalue() == ""


def test_the_console_prints_to_stdout_by_default(make_info, tmp_path, capsys):
    ConsoleTracker(bar=False).start(make_info(tmp_path))
    captured = capsys.readouterr()
    assert captured.out.startswith("alframe: labelling 5 images of toy")
    assert captured.err == ""


def test_a_note_has_a_line_under_its_round(console, out, reports):
    printed(out)
    console.log(replace(reports[1], note="no class has support"))
    assert printed(out)[2:] == ["      no class has support"]


def test_rounds_in_which_nothing_is_left_to_ask_are_explained_once(
    out, make_info, make_counts, reports, tmp_path
):
    console = ConsoleTracker(out, bar=False)
    console.start(make_info(tmp_path, min_rounds=3))
    labelled = replace(reports[1], counts=make_counts(2, 3), hand_new=0)
    console.log(reports[1])
    console.log(replace(labelled, hand_new=1))  # the next round may ask again
    assert not any("no sample is left" in line for line in printed(out))
    console.log(replace(labelled, round=2))
    assert printed(out)[1:] == [
        "      no sample is left to ask; training and rejudging continue until stopping.min_rounds=3"
    ]
    console.log(replace(labelled, round=3, stopped_because="every sample was labelled"))
    assert len(printed(out)) == 1


def test_a_last_round_with_nothing_left_needs_no_explanation(console, out, make_counts, reports):
    printed(out)
    console.log(
        replace(reports[1], counts=make_counts(2, 3), hand_new=0, stopped_because="every sample was labelled")
    )
    assert len(printed(out)) == 2


@pytest.mark.parametrize(("reached", "verdict"), [(True, "reached"), (False, "not reached")])
def test_the_closing_summary_shows_the_certificate(tmp_path, summary, reached, verdict):
    certificate = {
        "confidence": 0.95,
        "tolerance": 0.01,
        "max_wrong": 1412,
        "max_wrong_share": 0.0235,
        "reached": reached,
        "asked": 700,
        "audited": 600,
        "found_wrong": 3,
        "oracle_error": None,
        "max_wrong_with_oracle_error": None,
        "method": "uniform",
        "assumes": "a perfect oracle",
    }
    lines = closing_summary(replace(summary, certificate=Certificate(**certificate)), tmp_path)
    assert lines[-4:-1] == [
        "  certificate   with 95 % confidence at most 1,412 labels (2.35 %) are wrong; tolerance 1 % "
        + verdict,
        "                700 answers, 600 of them at random; 3 found wrong and corrected",
        "                assumes that every answer is right (set certificate.oracle_error if not)",
    ]
    certificate |= {"oracle_error": 0.01, "max_wrong_with_oracle_error": 2104}
    lines = closing_summary(replace(summary, certificate=Certificate(**certificate)), tmp_path)
    assert lines[-2] == "                at most 2,104 if 1 % of the oracle's answers are wrong"


def test_samples_that_were_set_aside_are_said_and_in_no_share(summary):
    figures = {"n_samples": 40, "hand_labels": 10, "auto_labels": 28, "set_aside": 3}
    lines = closing_summary(replace(summary, **figures), None)
    assert lines[1].startswith("Labelled 35 of 40 images")
    assert any(line.startswith("  set aside            3 ") for line in lines)
