"""Every file under conf/ composes, passes the checks and names things that exist."""

import functools
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from alframe.config.command_line import check_command_line
from alframe.config.compose import VERSION_BASE
from alframe.config.ranges import RANGES
from alframe.config.validate import _look_up, check, conf_directory
from alframe.trial.instantiate import instantiate

CONF = conf_directory()
NEED_A_VALUE = (  # a key that has no default
    *("data=arrays", "data=folder", "data=huggingface", "data=table", "data=torchvision"),
    *("encoder=checkpoint", "encoder=vectors"),
)
CHOICES = sorted(
    f"{path.parent.name}={path.stem}"
    for path in CONF.glob("*/*.yaml")
    if path.parent.name not in ("experiment", "sweep")
    and f"{path.parent.name}={path.stem}" not in NEED_A_VALUE
)
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
SWEEPS = sorted(path.stem for path in (CONF / "sweep").glob("*.yaml"))


POLICIES = sorted(path.stem for path in (CONF / "sweep" / "policy").glob("*.yaml"))


def swept(experiment: str) -> dict[str, str]:
    """Return what an experiment sweeps over."""
    return yaml.safe_load((CONF / "experiment" / f"{experiment}.yaml").read_text())["hydra"]["sweeper"][
        "params"
    ]


@functools.cache  # no test changes what it gets
def composed(*overrides: str, resolve: bool = True) -> dict:
    with initialize_config_dir(str(CONF), **VERSION_BASE):
        config = OmegaConf.to_container(compose("config", overrides=list(overrides)), resolve=resolve)
    assert isinstance(config, dict)
    return config


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_composes_passes_and_its_target_exists(choice: str) -> None:
    # Spot checks are a part of questions, so that the default policy does not fit query=none. The network
    # that contains an encoder scales images by itself.
    fitting = {
        "query=none": ["auto_label=threshold"],
        "network=encoder": ["learner=consistency_rgb", "learner.inputs=unit"],
    }
    config = composed(choice, *fitting.get(choice, []))
    check(config)
    group = choice.partition("=")[0]
    if config[group]["_target_"] is not None:
        assert callable(instantiate(group, {"_target_": config[group]["_target_"]}, [], call=False))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_composes_and_its_header_has_the_command(name: str) -> None:
    check(composed(f"experiment={name}"))
    text = (CONF / "experiment" / f"{name}.yaml").read_text()
    sweeps = "sweeper:" in text
    assert f"alframe {'-m ' if sweeps else ''}experiment={name}" in text  # test_claims.py checks the command


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_of_the_comparison_passes_its_checks_and_is_compared(name: str) -> None:
    config = composed("experiment=compare_policies", f"+sweep/policy={name}")
    check(config)
    if config["auto_label"]["_target_"] is not None:
        instantiate(
            "auto_label", {key: value for key, value in config["auto_label"].items() if key != "keep"}, []
        )
    assert name in swept("compare_policies")["+sweep/policy"].split(",")


@pytest.mark.parametrize("experiment", ["compare_strategies", "compare_strategies_embeddings"])
def test_every_strategy_is_compared_once(experiment: str) -> None:
    aliases = {path.stem for path in (CONF / "query").glob("*.yaml") if "_target_" not in path.read_text()}
    strategies = {path.stem for path in (CONF / "query").glob("*.yaml")} - aliases - {"none"}
    compared = swept(experiment)["query"].split(",")
    assert sorted(compared) == sorted(strategies)


@pytest.mark.parametrize("name", ["compare_strategies", "compare_strategies_embeddings", "compare_policies"])
def test_a_comparison_varies_only_its_factor_and_the_seed(name: str) -> None:
    params = swept(name)
    key = next(key for key in params if key != "seed")
    trials = [composed(f"experiment={name}", f"{key}={choice}") for choice in params[key].split(",")]
    varied = {"query"} if key == "query" else {"auto_label", "query"}
    for trial in trials[1:]:
        assert {k for k in trial if trial[k] != trials[0][k]} <= varied
    if key != "query":
        asking = [trial["query"] for trial in trials if trial["query"]["_target_"] is not None]
        assert all(query == asking[0] for query in asking)


@pytest.mark.parametrize("name", SWEEPS)
def test_a_sweep_composes_and_its_header_has_the_command(name: str) -> None:
    line = ["-m", f"+sweep={name}"]
    if name in EXPERIMENTS:  # it has the choices of this experiment, which test_claims.py checks: two will do
        line += [
            f"{key}={','.join(value.split(',')[:2])}" for key, value in swept(name).items() if key != "seed"
        ]
    check_command_line(line)
    assert f"alframe -m +sweep={name}" in (CONF / "sweep" / f"{name}.yaml").read_text()


def test_the_published_experiment_sets_every_point_of_the_script() -> None:
    config = composed("experiment=published")
    assert (config["initial"]["_target_"], config["initial"]["share"]) == (
        "alframe.query.FirstSeedSet",
        0.01,
    )
    assert (config["query"]["share"], config["query"]["share_of"], config["query"]["spread"]) == (
        0.01,
        "dataset",
        1,
    )
    assert config["query"]["_target_"].endswith("LeastConfidence")
    assert (config["auto_label"]["threshold"], config["auto_label"]["keep"]) == (0.9999, "permanent")
    assert (config["order"], config["remainder"], config["seed"]) == ("hand_first", "auto", 8)
    assert config["stopping"]["share"] == 0.01
    assert config["network"]["_target_"] == "alframe.learner.PublishedCNN"
    learner = config["learner"]
    assert (learner["batch_size"], learner["patience"], learner["validation_share"]) == (32, 10, 0.2)
    assert (learner["max_epochs"], learner["warm_start"], learner["ensemble"]) == (None, False, 1)
    optimizer = learner["optimizer"]
    assert optimizer == {
        "_target_": "torch.optim.Adadelta", "_partial_": True, "lr": 1.0, "rho": 0.95, "eps": 1e-7,
    }  # fmt: skip


def test_csv_alone_has_two_names() -> None:
    assert composed("tracker=csv")["tracker"] == composed("tracker=none")["tracker"] == {"_target_": None}


def test_every_default_lives_in_yaml_alone() -> None:
    # A knob that the code would fill in by itself could differ from what config.yaml records.
    text = (Path(CONF) / "config.yaml").read_text()
    for key in ("seed", "device", "precision", "engine", "order", "remainder"):
        assert f"\n{key}: " in text


def test_every_rule_is_for_a_key_that_some_choice_has() -> None:
    nodes = [composed(choice) for choice in (*CHOICES, "+hydra/command=embed", "+hydra/command=audit")]
    nodes += [composed(choice, resolve=False) for choice in NEED_A_VALUE]
    unknown = [key for key in RANGES if not any(_look_up(node, key)[0] for node in nodes)]
    assert unknown == []
