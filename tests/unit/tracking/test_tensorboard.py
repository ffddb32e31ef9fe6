import importlib
import sys

import pytest
import torch

from alframe.core.errors import UserError
from alframe.tracking.round_metrics import metrics
from alframe.tracking.tensorboard import TensorBoardTracker

pytest.importorskip("tensorboard")


def read(directory):
    """Return an accumulator of all that a TensorBoard shows of a trial."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(directory / "tensorboard"), size_guidance={"images": 0, "scalars": 0})
    return events.Reload()


def rounds_of(events, key):
    return [(event.step, event.value) for event in events.Scalars(key)]


def track(tracker, info, reports, outcome=None):
    tracker.start(info)
    for report in reports:
        tracker.log(report)
    if outcome is not None:
        tracker.finish(outcome)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, make_info, make_outcome, reports, summary):
    directory = tmp_path_factory.mktemp("trial")
    track(TensorBoardTracker(), make_info(directory), reports, make_outcome(summary=summary))
    return read(directory)


def test_scalars_have_wandbs_keys_and_the_round_as_their_step(finished, reports):
    expected = {}
    for report in reports:
        for key, value in metrics(report).items():
            expected.setdefault(key, []).append((report.round, pytest.approx(value)))
    shown = [key for key in finished.Tags()["scalars"] if not key.startswith("summary/")]
    assert {key: rounds_of(finished, key) for key in shown} == expected


def test_figures_of_the_whole_trial_are_at_the_last_round(finished):
    assert rounds_of(finished, "summary/mislabelled_share") == [(2, pytest.approx(0.2))]
    assert rounds_of(finished, "summary/hand_share") == [(2, pytest.approx(0.6))]


def test_settings_are_a_text_and_the_columns_of_the_table_of_trials(finished):
    [text] = finished.Tensors("config/text_summary")
    shown = text.tensor_proto.string_val[0].decode()
    assert "| query | margin |" in shown
    assert "| learner/optimizer/lr | 0.5 |" in shown
    begun = finished.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"learner/optimizer/lr" in begun
    assert "_hparams_/session_end_info" in finished.summary_metadata


def test_tags_of_mislabelled_images_have_index_truth_and_label(finished):
    [image] = finished.Images("mislabelled/1_is_yes_labelled_no")
    assert (image.step, image.width, image.height) == (2, 4, 4)


def test_mislabelled_images_are_cut_to_the_most_confident(tmp_path, make_info, make_outcome, summary):
    wrong = (torch.tensor([2, 1, 5]), torch.tensor([1, 1, 0]))
    outcome = make_outcome(summary=summary, mislabelled=wrong)
    track(TensorBoardTracker(max_images=2), make_info(tmp_path), [], outcome)
    # 5 has log-odds 20, 1 has 2, and 2 is a hand label.
    tags = {"mislabelled/5_is_no_labelled_yes", "mislabelled/1_is_yes_labelled_no"}
    assert set(read(tmp_path).Tags()["images"]) == tags


@pytest.mark.parametrize("logged", [1, 2])
def test_a_resumed_trial_has_every_round_once(tmp_path, make_info, make_outcome, reports, summary, logged):
    # Killed: no finish. The state had two rounds; the tracker logged the second, or not.
    track(TensorBoardTracker(), make_info(tmp_path), reports[:logged])
    going_on = make_info(tmp_path, reports=tuple(reports[:2]))
    track(TensorBoardTracker(), going_on, reports[2:], make_outcome(summary=summary))
    events = read(tmp_path)
    assert [step for step, _ in rounds_of(events, "labels/hand")] == [0, 1, 2]
    assert [step for step, _ in rounds_of(events, "train/loss")] == [1]
    assert len(events.Tensors("config/text_summary")) == 1


def test_a_cut_off_file_of_a_killed_process_is_ignored(tmp_path, make_info, make_outcome, reports, summary):
    track(TensorBoardTracker(), make_info(tmp_path), reports[:2])
    [file] = (tmp_path / "tensorboard").iterdir()
    file.write_bytes(file.read_bytes()[:-7])
    going_on = make_info(tmp_path, reports=tuple(reports[:2]))
    track(TensorBoardTracker(), going_on, reports[2:], make_outcome(summary=summary))
    assert [step for step, _ in rounds_of(read(tmp_path), "labels/hand")] == [0, 1, 2]


def test_a_failed_trial_has_its_reason(tmp_path, make_info, make_outcome, reports):
    track(TensorBoardTracker(), make_info(tmp_path), reports[:2], make_outcome("failed"))
    events = read(tmp_path)
    [text] = events.Tensors("status/text_summary")
    assert text.tensor_proto.string_val == [b"failed: the reason"]
    assert not [key for key in events.Tags()["scalars"] if key.startswith("summary/")]


def test_a_missing_package_is_answered_with_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    module = importlib.import_module("alframe.tracking.tensorboard")
    with pytest.raises(
        UserError, match=r"tensorboard, which is not installed.*pip install 'alframe\[tensorb"
    ):
        module.TensorBoardTracker()
