import json
import sys
from pathlib import Path

import hydra
import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig

import alframe.cli.main
from alframe.config.command_line import check_command_line, hydra_arguments, with_overrides
from alframe.config.compose import VERSION_BASE, composed
from alframe.config.validate import conf_directory
from alframe.core.errors import UserError
from tests.support.helpers import alframe as alframe_command


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["--resolve"], "Write --cfg job --resolve."),
        (["query.sharee=1"], "query.sharee: no such key or group. Did you mean query.share?"),
        (["thresold=0.9"], "Did you mean auto_label.threshold?"),
        (["foo=1"], "foo: no such key or group."),
        (["query=margn"], "query=margn: no such option. Did you mean margin? There are: alfamix, badge,"),
        (
            ["query=mine.MyClass"],
            "query=mine.MyClass: no such option. For a class of your own write query._target_=mine.MyClass. ",
        ),
        (["query=MyClass"], "For a class of your own write query._target_=PACKAGE.MyClass. "),
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
        (["query=null"], "query=null: expected the name of an option. Write query=none, or leave it out."),
        (["experiment=null"], "Write experiment=OPTION, or leave it out. There are: certified_half_percent"),
        (["query=3"], "query=3: expected the name of an option. Write query=OPTION"),
        (["query={a:1}"], "expected the name of an option"),
        (["query=[margin,badge]"], "expected one option, got several. For one trial each: -m query=margin,b"),
        (["+query=badge"], "query: expected one option, got two. Write query=OPTION without +."),
        (["+foo=1"], "foo: no such key or group. alframe --cfg job lists all."),
        (["+shard=0/2"], "shard: no such key or group. alframe-embed has it."),
        (["stages=[rank]"], "stages: no such key. alframe-audit has it."),
        (["encoder=efficientnet_lite0", "encoder.sise=64"], "Did you mean encoder.size? "),
        (["encoder.sise=64"], "Did you mean encoder.photographs.size? "),
        (["encoder.leest_side=64"], "Did you mean encoder.least_side? "),
        (["encoder.size=64"], "another choice has. Did you mean encoder.photographs.size?"),
        (["-m", "++sed=1,2"], "sed: no such key or group. Did you mean seed?"),
        (["+certificate.tolerence=0.1"], "certificate: expected the settings tolerance, confidence, reach"),
        (["+cost.our=1"], "cost: expected the settings hand_label, auto_label, hour"),
        (["+data.imbalance.x=1"], "data.imbalance: expected the settings kind, ratio, shuffle_classes, got"),
        (["+learner.augment.blur=1"], "learner.augment: expected the settings rotation, scale, shear"),
        (["+learner.one_cycle.x=1"], "learner.one_cycle: expected the settings pct_start"),
        (["query=none", "+query.spread=2"], "the choice made for query has no such key and no other."),
        (["auto_label=none", "+auto_label.threshold=0.9"], "has no such key; it has keep."),
        (["data=digits", "-m", "x=1"], "x: no such key or group."),
        (["data=digits", "--", "seed=x"], "seed: expected a whole number of at least 0, got 'x'"),
        (["--", "-m"], "-m: expected key=value or group=choice."),
        (["--seed=3"], "--seed=3: expected key=value, group=choice or one of Hydra's flags. Keys have no "),
        (["data=digits", "--seed", "3"], "Keys have no dashes: write seed=3."),
        (["--cfg", "foo"], "--cfg/-c: invalid choice: 'foo' (choose from"),
        (["--config", "x"], "ambiguous option: --config could match --config-path"),
        (["--config-dir", "no/folder", "seed=1,2", "-m"], "--config-dir: expected a folder, got 'no/folder'"),
        (["--package", "query"], "Write --cfg job --package KEY."),
        (["-r", "-m", "seed=1,2"], "--run: expected no other command with it, got --multirun."),
        (["--info", "-m"], "--multirun: expected no other command with it, got --info."),
        (["-h", "query=margn"], "query=margn: no such option. Did you mean margin?"),
        (["query=margn", "--info"], "query=margn: no such option. Did you mean margin?"),
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
            "hydra.sweeper.n_trials: expected a whole number of at least 1, got 'x'",
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
        ["-m", "hydra/sweeper=search", "objective=cost", "auto_label.threshold=interval(0.5,0.9)"],
        ["-m", "+sweep=search", "query.num=int(interval(3,9))"],
        ["-m", "query.num=10", "query.share=null,0.1"],  # in conflict in its own trial alone
        ["-m", "query.num=10", "query.share=0.1,null"],
        ["-m", "query.num=10", "query.share=0.1,null,0.2"],
        ["-m", "seed=0,${oc.env:NO_SUCH_SEED,1}"],
        ["+sweep=thresholds_shares", "seed=1", "auto_label.threshold=0.9", "initial.share=0.01"],
        ["--cfg", "job", "+sweep=search"],
        ["stopping.max_rounds=3"],
        ["+query.extra=1"],
        ["+mine=0.1", "learner.optimizer.lr=${mine}"],
        ["query=none", "query._target_=mine.Query", "+query.step=2", "+query.num=10"],
        ["data=digits", "query=badge", "--help"],
        ["-h", "data=folder"],  # a value is missing
        ["data=digits", "--info", "searchpath"],
        ["--hydra-help"],
        ["data=digits", "-c", "job"],
        ["-cjob", "--package", "query", "data=digits"],
        ["seed=1", "-r"],
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
    others = (
        "help", "hydra_help", "shell_completion", "info", "config_path", "config_name", "cfg", "resolve",
        "package", "run", "experimental_rerun",
    )  # fmt: skip
    assert not any(getattr(flags, name) for name in others)
    assert set(vars(flags)) == {*others, "overrides", "multirun", "config_dir"}
    assert hydra_arguments(["--cfg", "job"]).cfg == "job"
    assert hydra_arguments(["--info"]).info == "all"
    with pytest.raises(SystemExit):
        hydra_arguments(["--version"])


FLAGS = [
    ["-m"],
    ["--multirun", "--config-dir", "mine"],
    ["-cd", "mine", "-m"],
    ["-cd=mine"],
    ["--cfg", "job", "--resolve"],
    ["-c", "job", "--package", "query"],
    ["--info", "searchpath"],
    ["-h"],
    ["-r"],
]


@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: " ".join(flags))
def test_flags_may_stand_anywhere_and_hydra_gets_them_first(flags: list[str]) -> None:
    from hydra._internal.utils import get_args_parser

    overrides = ["data=digits", "seed=1,2", "~stopping.max_rounds", "seed=3"]
    wanted = vars(get_args_parser().parse_args([*flags, *overrides]))
    for at in range(len(overrides) + 1):
        typed = [*overrides[:at], *flags, *overrides[at:]]
        assert vars(hydra_arguments(typed)) == wanted
        line = with_overrides(typed, ["hydra.run.dir=here"])
        found = vars(get_args_parser().parse_args(line))
        assert found.pop("overrides") == [*overrides, "hydra.run.dir=here"]
        assert found == {name: value for name, value in wanted.items() if name != "overrides"}


def test_jobs_are_those_of_a_plain_application_of_hydra(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ["data=digits", "seed=1,2", "-m"]
    found: dict[str, list[tuple[int, list[str]]]] = {"plain": [], "alframe": []}

    def job(name: str) -> None:
        state = HydraConfig.get()
        overrides = [text for text in state.overrides.task if not text.startswith("hydra.")]
        found[name].append((state.job.get("num", 0), overrides))

    @hydra.main(**VERSION_BASE, config_path=str(conf_directory()), config_name="config")
    def plain(node: object) -> None:
        job("plain")

    monkeypatch.setattr(sys, "argv", ["plain", *typed])
    plain()
    monkeypatch.setattr(alframe.cli.main, "run_job", lambda node, launch: job("alframe"))
    alframe_command(*typed, cwd=in_tmp)
    assert found["alframe"] == found["plain"] != []


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
    names = ("joblib", "submitit")
    kept = {file: node for file, node in repo["launcher"].items() if not file.startswith(names)}
    assert len(kept) < len(repo["launcher"])
    monkeypatch.setitem(repo, "launcher", kept)
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
