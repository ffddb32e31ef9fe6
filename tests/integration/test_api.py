"""Labelling arrays from Python."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from sklearn.datasets import load_digits

from alframe import label
from alframe.config.compose import VERSION_BASE
from alframe.config.validate import conf_directory
from alframe.core.errors import AnswersNeeded, ConfigError, DataWarning, TrialError, TrialNotice, UserError
from alframe.oracle import CallableOracle
from alframe.query import RandomQuery
from tests.support.helpers import read_rows

SETTINGS = {
    "learner.steps": 6,
    "learner.batch_size": 16,
    "learner.pool_batch_size": 16,
    "query.num": 40,
    "stopping.min_rounds": 2,
    "stopping.max_rounds": 2,
    "threads": 1,
}

ONE_ROUND = {**SETTINGS, "stopping.min_rounds": 1, "stopping.max_rounds": 1}


@pytest.fixture(scope="module")
def digits():
    bundle = load_digits()
    return (bundle.images[:400] * 15.9).astype(np.uint8), bundle.target[:400]


def test_the_readme_s_snippet_runs(tmp_path):
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    [snippet] = re.findall(r"```python\n(from sklearn.*?)```", readme, flags=re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", snippet],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    hand, share = done.stdout.splitlines()[0].split()
    assert 60 < int(hand) < 900
    assert 0 <= float(share) < 0.1
    assert list(tmp_path.iterdir()) == []


def test_the_result_has_the_labels_and_figures_of_the_trial(digits):
    images, truth = digits
    result = label(images, truth, seed=3, settings=SETTINGS)
    assert result.labels.shape == (400,)
    assert result.is_hand.sum() == result.summary["hand_labels"]
    assert (result.labels[result.is_hand] == truth[result.is_hand]).all()
    assert (result.labels != truth).sum() == result.summary["mislabelled"]
    assert np.isnan(result.confidence[result.is_hand]).all()
    assert [report.kind for report in result.reports] == ["seed", "round", "round", "closing"]
    assert result.certificate is None
    assert (label(images, truth, seed=3, settings=SETTINGS).labels == result.labels).all()
    counts = result.reports[-1].counts
    assert repr(result) == (
        f"LabelResult(400 samples in 10 classes: {counts.hand_labels} hand labels, {counts.auto_labels} "
        f"auto-labels, {counts.unlabelled} without a label; {counts.mislabelled} mislabelled)"
    )


def test_labels_that_do_not_count_from_0_come_back_as_names(digits):
    images, truth = digits
    few = truth < 3
    with pytest.warns(DataWarning, match="the labels 10, 60, 110 are 3 classes"):
        result = label(images[few], np.array([10, 60, 110])[truth[few]], settings=ONE_ROUND)
    assert result.class_names == ("10", "60", "110")
    hand = result.is_hand
    assert (result.names[hand].astype(int) == np.array([10, 60, 110])[truth[few]][hand]).all()
    assert (result.labels[hand] == truth[few][hand]).all()


@pytest.mark.parametrize(
    ("key", "value", "new"),
    [
        ("learner.final_views", 8, "learner.final.views.n"),
        ("learner.committee", "dropout", "learner.committee.kind=dropout"),
    ],
)
def test_an_old_key_is_answered_with_the_new_one(digits, key, value, new):
    images, truth = digits
    with pytest.raises(ConfigError, match=rf"^{key}: expected .* Write {new}\.$"):
        label(images, truth, settings={key: value})


def test_a_function_answers_and_every_answer_is_counted(digits):
    images, truth = digits
    asked: list[int] = []

    def people(index):
        asked.extend(index.tolist())
        return truth[index]

    names = [f"digit {k}" for k in range(10)]
    unchecked = {**SETTINGS, "check.num": 0}
    result = label(images, oracle=people, class_names=names, seed=3, settings=unchecked)
    assert len(asked) == len(set(asked)) == result.summary["hand_labels"]
    assert result.summary["mislabelled"] is None
    assert result.class_names == tuple(names)
    known = label(images, truth, seed=3, settings=SETTINGS)
    assert (known.labels == result.labels).all()


def test_invalid_answers_are_refused(digits):
    with pytest.raises(ConfigError, match=r"oracle: expected a class name \(0, 1, .*\), got 12"):
        label(*digits, oracle=lambda index: index * 0 + 12, settings=SETTINGS)


def test_an_exception_of_the_oracle_passes_through_and_the_same_call_goes_on(digits, tmp_path):
    images, truth = digits
    times = iter(range(99))

    def unreliable(index):
        if next(times) == 1:
            raise ConnectionError("no answer")
        return truth[index]

    call = {
        "class_names": [str(k) for k in range(10)],
        "settings": ONE_ROUND,
        "directory": tmp_path / "trial",
    }
    with pytest.raises(ConnectionError, match="no answer") as failure:
        label(images, oracle=unreliable, **call)
    assert "alframe had asked the oracle about the samples [" in failure.value.__notes__[0]
    resumed = label(images, oracle=unreliable, **call)
    assert (resumed.labels == label(images, truth, settings=ONE_ROUND).labels).all()
    with pytest.raises(
        UserError, match=r"directory: expected this trial, .*data\.class_names\.?.* is .* there"
    ):
        label(images, oracle=unreliable, **call | {"class_names": [f"{k}" for k in range(1, 11)]})


def test_names_numbers_and_none_are_answers_and_names_are_returned(digits, tmp_path):
    images, truth = digits
    names = [f"digit {k}" for k in range(10)]
    unsure = {1: None, 2: "-"}

    def people(index):
        return [unsure.get(k % 50, names[truth[k]]) for k in index.tolist()]

    result = label(
        images,
        oracle=people,
        class_names=names,
        settings=ONE_ROUND,
        directory=tmp_path / "trial",
    )
    rows = read_rows(tmp_path / "trial" / "labels_by_name.csv")
    assert result.names.tolist() == [row["class"] for row in rows]
    hand = result.is_hand
    assert (result.names[hand] == np.array(names)[truth[hand]]).all()
    for remainder, text in ((1, "?"), (2, "-")):
        aside = np.flatnonzero(result.names == text)
        assert len(aside)
        assert set(aside % 50) == {remainder}
        assert (result.labels[aside] == -1).all()


def test_bad_auto_labels_are_told_also_without_a_console(digits):
    images, truth = digits
    settings = {**ONE_ROUND, "initial.num": 20, "learner.steps": 2, "check.num": 30}
    with pytest.warns(
        TrialNotice, match=r"^Do not use the auto-labels as they are: up to .* may be wrong"
    ) as notices:
        label(
            images,
            oracle=lambda index: truth[index],
            class_names=[str(k) for k in range(10)],
            remainder="auto",
            settings=settings,
        )
    assert notices[0].filename == __file__


def test_own_objects_replace_names(digits):
    class First:
        needs = frozenset()

        def select(self, scores, labelled, n, generator):
            return scores.index_P[:n]

    images, truth = digits
    result = label(
        images,
        truth,
        query=First(),
        settings=ONE_ROUND,
    )
    queried = (result.ledger.source_N == 2).nonzero().flatten()
    others = (result.ledger.source_N > 2).nonzero().flatten()
    assert len(queried) == 40
    assert result.summary["hand_labels"] >= 100
    assert int(queried.float().mean()) < int(others.float().mean())
    named = label(images, truth, query="random", settings=ONE_ROUND)
    given = label(images, truth, query=RandomQuery(), settings=ONE_ROUND)
    assert (named.labels == given.labels).all()


def test_trackers_get_the_names_of_the_chosen_options(digits, monkeypatch):
    seen: dict[str, str] = {}

    def stop(config, directory, *, choices, replacements):
        seen.update(choices)
        raise TrialError("enough")

    monkeypatch.setattr("alframe.api.run_trial", stop)
    with pytest.raises(TrialError, match="enough"):
        label(*digits, query="random", tracker="csv")
    assert seen == {"query": "random", "oracle": "simulated"}


def test_the_old_name_of_the_result_still_works():
    import alframe

    with pytest.warns(DeprecationWarning, match=r"alframe\.Labelling is now alframe\.LabelResult"):
        assert alframe.Labelling is alframe.LabelResult


def test_a_directory_holds_the_trial_and_is_not_written_over(digits, tmp_path, capsys):
    images, truth = digits
    result = label(images, truth, directory=tmp_path / "trial", settings=ONE_ROUND)
    assert capsys.readouterr().out == ""
    rows = read_rows(tmp_path / "trial" / "labels.csv")
    assert [int(row["label"]) for row in rows] == result.labels.tolist()
    with pytest.warns(TrialNotice, match="is finished, so that its result is returned") as notices:
        again = label(images, truth, directory=str(tmp_path / "trial"), settings=ONE_ROUND)
    assert notices[0].filename == __file__
    assert repr(again) == repr(result)
    assert (again.ledger.order_N == result.ledger.order_N).all()
    assert (again.labels == result.labels).all()
    assert again.reports == result.reports
    assert again.summary == result.summary
    with pytest.raises(UserError, match=r"^directory: expected this trial, .*: seed is 0 there and 1 here"):
        label(images, truth, directory=tmp_path / "trial", seed=1, settings=ONE_ROUND)
    with pytest.raises(UserError, match=r"^directory: expected the images and labels of the finished trial"):
        label(images[::-1], truth[::-1], directory=tmp_path / "trial", settings=ONE_ROUND)
    (tmp_path / "trial" / "state" / "result.state").unlink()
    with pytest.raises(
        UserError, match=r"result\.state is missing\. Its labels are in labels\.csv\. Give as dir"
    ):
        label(images, truth, directory=tmp_path / "trial", settings=ONE_ROUND)


def test_errors_are_those_of_the_command_line(digits):
    with pytest.raises(UserError, match="Did you mean margin"):
        label(*digits, query="margn")
    with pytest.raises(UserError, match=r"auto_label\.threshold: expected a probability"):
        label(*digits, settings={"auto_label.threshold": 95})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"data": "mnist"}, "data: expected no choice, since the images are given, got 'mnist'"),
        ({"query": None}, 'query: expected .* Write query="none"'),
        ({"query": "a,b"}, "query: expected the name of an option, got 'a,b'"),
        ({"learner": 5}, "learner: expected the name of an option, got 5"),
        ({"oracle": None}, "oracle: expected a name, a function or an object with label"),
        ({"oracle": CallableOracle}, "oracle: expected an object, got 'the class CallableOracle'"),
        ({"oracle": "files"}, "directory: expected a folder for the questions"),
        ({"directory": 3}, "directory: expected the path of a folder, or None to keep no file, got '3'"),
        ({"directory": ""}, "directory: expected the path of a folder"),
        ({"settings": {"query": RandomQuery()}}, "settings: query: expected a number, .* of RandomQuery'"),
        ({"settings": {"hydra.run.dir": "x"}}, "settings: hydra.run.dir: expected .* Give directory"),
        ({"settings": {"data.class_names": ["a"]}}, "settings: data.class_names: .* Give class_names"),
        ({"setings": {"query.num": 3}}, "setings: expected the name of .* Did you mean settings"),
        ({"settings": {"a.b": [1, RandomQuery]}}, "settings: a.b: expected a number, a text"),
        ({"settings": ["a"]}, "settings: expected keys with their values"),
        ({"settings": {"query.nu m": 3}}, "settings: expected keys with their values"),
    ],
)
def test_a_call_with_wrong_arguments_is_refused_by_their_names(digits, call, message):
    with pytest.raises(ConfigError, match=message):
        label(*digits, **call)


def test_the_caller_s_settings_of_torch_do_not_matter(digits):
    images, truth = digits
    plain = label(images, truth, settings=ONE_ROUND).labels
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            assert (label(torch.from_numpy(images), truth, settings=ONE_ROUND).labels == plain).all()
            assert torch.is_inference_mode_enabled()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_class_names_may_look_like_references(digits, tmp_path):
    call = {"class_names": ["${", "${seed}", *map(str, range(2, 10))], "directory": tmp_path / "trial"}
    first = label(*digits, settings=ONE_ROUND, **call)
    with pytest.warns(TrialNotice, match="is finished"):
        again = label(*digits, settings=ONE_ROUND, **call)
    assert (again.names == first.names).all()
    assert {"${", "${seed}"} <= set(first.names)


def test_the_console_speaks_of_files_only_if_they_are_kept(digits, tmp_path, capsys):
    label(*digits, settings=ONE_ROUND, console=True)
    assert "Labelled 400 of 400" in (printed := capsys.readouterr().out)
    assert "Files in" not in printed
    call = {"console": True, "settings": ONE_ROUND, "query": _Failing()}
    with pytest.raises(TrialError, match="enough"):
        label(*digits, **call)
    assert "labels so far" not in capsys.readouterr().out
    with pytest.raises(TrialError, match="enough"):
        label(*digits, **call, directory=tmp_path / "trial")
    assert "The same call continues from the last finished round." in capsys.readouterr().out


class _Failing:
    needs = frozenset()

    def select(self, scores, labelled, n, generator):
        raise TrialError("enough")


def test_waiting_for_people_speaks_of_the_call(digits, tmp_path):
    call = {"oracle": "files", "class_names": [str(k) for k in range(10)], "directory": tmp_path / "trial"}
    with pytest.raises(AnswersNeeded, match="the same call") as waiting:
        label(digits[0], settings=SETTINGS, **call)
    assert "command" not in str(waiting.value)


def test_label_works_in_an_application_that_uses_hydra(digits):
    with initialize_config_dir(str(conf_directory()), **VERSION_BASE):
        mine = GlobalHydra.instance().hydra
        label(*digits, settings=SETTINGS)
        assert GlobalHydra.instance().hydra is mine
