import json
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore

import alframe
from alframe.config.command_line import check_command_line, hydra_arguments
from alframe.config.compose import composed
from alframe.core.errors import UserError


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["--resolve"], "Write --cfg job --resolve."),
        (["query.sharee=1"], "query.sharee: no such key or group. Did you mean query.share?"),
        (["thresold=0.9"], "Did you mean auto_label.threshold?"),
        (["foo=1"], "foo: no such key or group."),
        (["query=margn"], "query=margn: no such option. Did you mean margin? There are: badge, bald,"),
        (["experiment=publish"], "experiment=publish: no such option. Did you mean published?"),
        (["-m", "+sweep=nope"], "sweep=nope: no such option. There are:"),
        (["quey=margin"], "Did you mean query?"),
        (["seed=1,2"], "expected one value, got several. Add -m"),
        (["seed"], "seed: expected key=value"),
        (["seed=[1"], "expected key=value or group=choice"),
        (["data=arrays"], "data.path: expected a value, got 'none'. Write data.path=VALUE."),
        (["--nonsense"], "Hydra's flags"),
        (["-m", "query=margin,margn"], "query=margn: no such option. Did you mean margin?"),
        (["-m", "query=margin", "nope=1,2"], "nope: no such key or group."),
        (["query=null"], "Config group override must be a string"),
        (["seed=-3"], "seed: expected a whole number of at least 0, got -3"),
        (["-m", "seed=1,two"], "seed: expected a whole number of at least 0, got 'two'"),
        (["-m", "seed="], "seed: expected a whole number of at least 0, got ''"),
        (["-m", "seed=1,2", "objective=foo"], "objective: expected one of hand_labels"),
        (["-m", "auto_label.threshold=0.9,95"], "auto_label.threshold: expected a probability strictly"),
        (["-m", "+sweep=search", "auto_label.threshold=interval(0.5,2)"], "between 0 and 1, got 2.0"),
        (["-m", "+sweep=search", "auto_label.threshold=interval(0,0.9)"], "between 0 and 1, got 0.0"),
        (
            ["-m", "query.num=10", "query.share=0.1", "seed=1,2"],
            "query: expected a share or a number, not both",
        ),
        (["-m", "auto_label.threshold=7,0.9"], "between 0 and 1, got 7"),
        (["-m", "seed=interval(1,3)"], "seed=interval(1,3): expected values such as seed=1,2"),
        (["-m", "seed=range(1,3,0)"], "seed=range(1,3,0): expected a range of numbers with a step other"),
        (["-m", "seed=range(1,3,0.0)"], "seed=range(1,3,0.0): expected a range of numbers with a step other"),
        (["-m", "seed=range(5,1)"], "seed=range(5,1): expected at least one value"),
        (["-m", "hydra.sweeper.max_batch_size=0"], "hydra.sweeper.max_batch_size: expected a whole number"),
        (["-m", "hydra/launcher=cores", "hydra.launcher.n_jobs=0"], "hydra.launcher.n_jobs: expected"),
        (["-m", "hydra/launcher=cores", "hydra.launcher.batch_size=0"], "expected auto or a whole number"),
        (["-m", "+sweep=search", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials: expected a whole"),
        (
            ["-m", "+sweep=search", "hydra.sweeper.n_trials=x"],
            "override hydra.sweeper.n_trials=x: Value 'x' of",
        ),
        (["-m", "+sweep=search", "hydra.sweeper.direction=up"], "expected minimize, maximize or a list"),
        (["+sweep=search", "seed=1"], "Write alframe -m +sweep=search seed=1."),
        (["+sweep=imbalance"], "Write alframe -m +sweep=imbalance."),
        (["-m", "--cfg", "job", "seed=1,2"], "--cfg: expected one trial"),
    ],
)
def test_a_mistake_on_the_command_line_is_answered_with_the_existing_names(typed, message) -> None:
    with pytest.raises(UserError) as caught:
        check_command_line(typed)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "typed",
    [
        [],
        ["data=digits", "seed=3"],
        ["-m", "seed=1,2", "query=random,margin"],
        ["-m", "seed=range(3)"],
        ["-m", "query=glob(*)"],
        ["-m", "hydra/sweeper=optuna", "objective=cost", "auto_label.threshold=interval(0.5,0.9)"],
        ["-m", "+sweep=search", "query.num=int(interval(3,9))"],
        ["-m", "query.num=10", "query.share=null,0.1"],  # in conflict in its own trial alone
        ["-m", "query.num=10", "query.share=0.1,null"],
        ["-m", "query.num=10", "query.share=0.1,null,0.2"],
        ["-m", "seed=0,${oc.env:NO_SUCH_SEED,1}"],
        ["+sweep=thresholds_shares", "seed=1", "auto_label.threshold=0.9", "initial.share=0.01"],
        ["--cfg", "job", "+sweep=search"],
        ["stopping.max_rounds=3"],
        ["+query.extra=1"],
        ["--help"],
        ["--cfg", "job"],
        ["hydra.run.dir=somewhere"],
    ],
)
def test_a_correct_command_line_passes(typed) -> None:
    check_command_line(typed)


def test_hydras_parser_has_the_attributes_that_alframe_reads() -> None:
    flags = hydra_arguments(["-m", "--config-dir", "mine", "seed=1,2", "query=margin"])
    assert flags.overrides == ["seed=1,2", "query=margin"]
    assert (flags.multirun, flags.config_dir) == (True, "mine")
    others = ("help", "hydra_help", "shell_completion", "info", "config_path", "config_name", "cfg")
    assert not any(getattr(flags, name) for name in others)
    assert hydra_arguments(["--cfg", "job"]).cfg == "job"
    assert hydra_arguments(["--info"]).info == "all"
    with pytest.raises(SystemExit):
        hydra_arguments(["--version"])


def test_only_two_modules_use_undocumented_parts_of_hydra() -> None:
    root = Path(alframe.__file__).parent
    for imported, module in (("hydra._internal", "command_line.py"), ("OverridesParser", "overrides.py")):
        users = [path.name for path in root.rglob("*.py") if imported in path.read_text()]
        assert users == [module]


EXTRAS = {
    "hydra/launcher=joblib": "joblib",
    "hydra/launcher=cores": "joblib",
    "hydra/launcher=slurm": "submitit",
    "hydra/launcher=submitit_local": "submitit",
    "+sweep=search": "optuna",
}


def test_the_command_line_has_priority_over_a_sweep_file() -> None:
    typed = ["-m", "+sweep=thresholds_shares", "initial.share=0.01", "auto_label.threshold=0.7,0.8"]
    line = check_command_line([*typed, "seed=1"])
    assert line is not None
    assert (line.n_trials, line.swept) == (2, ["auto_label.threshold=0.7,0.8"])
    line = check_command_line(typed)
    assert line is not None
    assert (line.n_trials, line.swept) == (10, ["auto_label.threshold=0.7,0.8", "seed=1,2,3,4,5"])


@pytest.mark.parametrize(("typed", "extra"), EXTRAS.items())
def test_a_missing_extra_is_answered_with_how_to_install_it(
    typed: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed([])  # by which Hydra's plug-ins are registered
    repo = ConfigStore.instance().repo["hydra"]
    for group, names in {"launcher": ("joblib", "submitit"), "sweeper": ("optuna",)}.items():
        kept = {file: node for file, node in repo[group].items() if not file.startswith(names)}
        assert len(kept) < len(repo[group])
        monkeypatch.setitem(repo, group, kept)
    with pytest.raises(UserError) as caught:
        check_command_line(["-m", typed, "seed=1,2"])
    assert str(caught.value).endswith(f"Write pip install 'alframe[{extra}]'.")


def test_an_unknown_option_is_found_at_any_place_of_a_sweep_and_values_are_not_composed() -> None:
    with pytest.raises(UserError, match=r"query=margn: no such option\. Did you mean margin"):
        check_command_line(["-m", "query=random,entropy,margn"])
    line = check_command_line(["-m", "seed=range(1000)", "data=digits"])
    assert line is not None
    assert (line.n_trials, line.swept) == (1000, ["seed=range(1000)"])
    assert json.dumps(line.overrides) == '["seed=0", "data=digits"]'
