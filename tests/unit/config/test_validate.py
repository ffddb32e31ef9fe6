import copy
from pathlib import Path

import pytest

import alframe
from alframe.config.command_line import check_command_line, hydra_arguments
from alframe.config.compose import composed
from alframe.config.overrides import parse
from alframe.config.validate import check
from alframe.core.errors import ConfigError, UserError

VIEWS = {"n": 1, "share": 0.15, "strength": 0.5}


@pytest.fixture(scope="module")
def default() -> dict:
    return composed([])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("seed", -1, "seed: expected a whole number of at least 0, got -1"),
        ("seed", 1.5, "seed: expected a whole number of at least 0, got 1.5"),
        ("seed", True, "seed: expected a whole number"),
        ("auto_label.threshold", 95, "strictly between 0 and 1, got 95. Write 0.95."),
        ("auto_label.threshold", 1.0, "strictly between 0 and 1, got 1.0"),
        ("auto_label.threshold", float("nan"), "strictly between 0 and 1, got nan"),
        ("auto_label.threshold", "high", "got 'high'"),
        ("auto_label.keep", "forever", "permanent or rejudge, got 'forever'"),
        ("initial.share", 0, "initial.share: expected a share in (0, 1] or null, got 0"),
        ("initial.share", 5, "Write 0.05."),
        ("initial.num", 0, "initial.num: expected a whole number of at least 1 or null"),
        ("query.share", -0.1, "query.share: expected a share in (0, 1] or null, got -0.1"),
        ("query.share_of", "all", "pool or dataset, got 'all'"),
        ("query.spread", 0.5, "query.spread: expected a number of at least 1, got 0.5"),
        ("stopping.share", 1, "stopping.share: expected a share in [0, 1) or null, got 1"),
        ("stopping.max_rounds", 0, "stopping.max_rounds: expected a whole number of at least 1"),
        ("order", "both", "auto_first or hand_first"),
        ("remainder", "keep", "hand or auto or leave"),
        ("device", "gpu", "device: expected auto, cpu, cuda, cuda:N or mps, got 'gpu'"),
        ("engine", "warp", "engine: expected auto or reference or graph, got 'warp'"),
        ("precision", "float16", "precision: expected"),
        ("threads", 0, "threads: expected"),
        ("data.limit", 1, "data.limit: expected a whole number of at least 2"),
        ("data.download", "yes", "data.download: expected true or false"),
        ("data.imbalance", "long_tail", "data.imbalance: expected settings such as those of the file"),
        ("data.imbalance.kind", "steep", "none or long_tail or step, got 'steep'"),
        ("data.imbalance.ratio", 0.5, "data.imbalance.ratio: expected a number of at least 1, got 0.5"),
        ("data.imbalance.shuffle_classes", 1, "data.imbalance.shuffle_classes: expected true or false"),
        ("oracle.rate", 1, "oracle.rate: expected a share in [0, 1) or null, got 1"),
        ("oracle.rate", 5, "Write 0.05."),
        ("oracle.confusion", 0.2, "oracle.confusion: expected rows such as"),
        ("oracle.reask", "never", "same or fresh, got 'never'"),
        ("initial.components", 0, "initial.components: expected a whole number of at least 1"),
        ("learner.optimizer.lr", 0, "learner.optimizer.lr: expected a number above 0"),
        ("tracker.mode", "cloud", "offline or online"),
        ("tracker.project", "a/b", "at most 128 characters without any of / "),
        ("tracker.entity", "", "tracker.entity: expected a text or null"),
        ("tracker.tags", "nightly", "tracker.tags: expected a list of texts of 1 to 64 characters"),
        ("tracker.tags", ["a" * 65], "tracker.tags: expected a list of texts of 1 to 64 characters"),
        ("trusted_packages", "mine", "a list of package names"),
        ("data_dir", "", "data_dir: expected a text"),
    ],
)
def test_a_value_out_of_range_names_key_range_and_value(default, key, value, said) -> None:
    config = copy.deepcopy(default)
    *path, last = key.split(".")
    node = config
    for part in path:
        node = node[part]
    node[last] = value
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"query": {"share": 0.1, "num": 5}}, "query: expected a share or a number, not both"),
        ({"initial": {"share": 0.1, "num": 5}}, "initial: expected a share or a number, not both"),
        ({"oracle": {"rate": 0.1, "confusion": [[1.0]]}}, "oracle: expected a rate or a confusion matrix"),
        ({"query": {"_target_": None}, "auto_label": {"_target_": None}}, "query=none and auto_label=none"),
        (
            {"learner": {"patience": 3, "validation_share": None}},
            "learner: expected early stopping with both patience and validation_share, or null for both, "
            "got 'patience=3 and validation_share=null'",
        ),
        (
            {"learner": {"patience": None, "validation_share": 0.2}},
            "patience=null and validation_share=0.2",
        ),
        (
            {"learner": {"patience": None, "validation_share": None, "max_epochs": None}},
            "learner.max_epochs: expected a number of epochs without early stopping",
        ),
        (
            {"certificate": {"reach": True}},
            "certificate.tolerance: expected a share, since",
        ),
        ({"query": {"default_share": None}}, "query: expected query.share or query.num. Give one of them"),
        (
            {"auto_label": {"validation_size": 50, "keep": "rejudge"}, "learner": {"auto_labels": "train"}},
            "auto_label.keep: expected permanent, since the learner trains on auto-labels",
        ),
        (
            {"learner": {"final": {"networks": 1, "warm": 2, "steps": None, "views": VIEWS}}},
            "at most learner.final.networks=1, got 2",
        ),
        ({"learner": {"auto_labels": "ignore"}}, "learner.auto_labels: expected consistency or train, got"),
        (
            {"learner": {"_target_": "alframe.learner.SupervisedRecipe", "auto_labels": "consistency"}},
            "learner.auto_labels: expected train or ignore, got 'consistency'",
        ),
    ],
)
def test_settings_in_conflict(default, changes, said) -> None:
    config = copy.deepcopy(default)
    for group, values in changes.items():
        config[group].update(values)
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"final_views": 8}, "learner.final.views.n"),
        ({"final_networks": 1}, "learner.final.networks"),
        ({"committee_passes": 5}, "learner.committee.passes"),
        ({"committee": "last_layer"}, "learner.committee.kind=last_layer"),
    ],
)
def test_an_old_learner_key_is_answered_with_the_new_one(default, old, new) -> None:
    config = copy.deepcopy(default)
    config["learner"] |= old
    with pytest.raises(ConfigError, match=rf"^learner\.{next(iter(old))}: expected .* Write {new}\.$"):
        check(config)


@pytest.mark.parametrize("old", [{"committee": {"kind": "dropout"}}, {"final": {"networks": 0}}])
def test_a_part_of_the_committee_or_final_settings_is_refused(default, old) -> None:
    config = copy.deepcopy(default)
    config["learner"] |= old
    with pytest.raises(ConfigError, match=rf"^learner\.{next(iter(old))}: expected the settings"):
        check(config)


@pytest.mark.parametrize("key", ["query", "tracker", "stopping", "seed"])
def test_a_missing_or_empty_group_or_key_is_named(default, key) -> None:
    for value in ("absent", None):
        config = copy.deepcopy(default)
        if value is None:
            config[key] = None
        else:
            del config[key]
        with pytest.raises(ConfigError, match=f"^{key}: expected"):
            check(config)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
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
def test_a_mistake_on_the_command_line_is_answered_with_what_exists(typed, said) -> None:
    with pytest.raises(UserError) as caught:
        check_command_line(typed)
    assert said in str(caught.value)
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


def test_hydras_parser_of_overrides_has_the_attributes_that_alframe_reads() -> None:
    override = parse("+seed=range(1,4)")
    assert override.get_key_element() == "+seed"
    assert override.is_sweep_override()
    assert list(override.sweep_string_iterator()) == ["1", "2", "3"]
    assert (parse("x=interval(1,2)").value().start, parse("x=[1,2]").value()) == (1.0, [1, 2])


def test_only_two_functions_use_what_hydra_does_not_document() -> None:
    root = Path(alframe.__file__).parent
    for imported, module in (("hydra._internal", "command_line.py"), ("OverridesParser", "overrides.py")):
        users = [path.name for path in root.rglob("*.py") if imported in path.read_text()]
        assert users == [module]
