import copy

import pytest

from alframe.config.compose import composed
from alframe.config.validate import check
from alframe.core.errors import ConfigError

VIEWS = {"n": 1, "share": 0.15, "strength": 0.5}


@pytest.fixture(scope="module")
def default() -> dict:
    return composed([])


@pytest.mark.parametrize(
    ("key", "value", "message"),
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
        ("query.share_of", "all", "pool or dataset or labelled, got 'all'"),
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
        ("data.imbalance", "long_tail", "Write data.imbalance.kind=long_tail."),
        ("data.imbalance.kind", "steep", "none or long_tail or step, got 'steep'"),
        ("data.imbalance.ratio", 0.5, "data.imbalance.ratio: expected a number of at least 1, got 0.5"),
        ("data.imbalance.shuffle_classes", 1, "data.imbalance.shuffle_classes: expected true or false"),
        ("oracle.rate", 1, "oracle.rate: expected a share in [0, 1) or null, got 1"),
        ("oracle.rate", 5, "Write 0.05."),
        ("oracle.confusion", 0.2, "oracle.confusion: expected rows such as"),
        ("initial.components", 0, "initial.components: expected a whole number of at least 1"),
        ("learner.optimizer.lr", 0, "learner.optimizer.lr: expected a number above 0"),
        ("tracker.mode", "cloud", "tracker.mode: expected offline or online or disabled"),
        ("tracker.project", "a/b", "at most 128 characters without any of / "),
        ("tracker.entity", "", "tracker.entity: expected a text or null"),
        ("tracker.tags", 3, "tracker.tags: expected a list of texts of 1 to 64 characters"),
        ("tracker.tags", ["a" * 65], "tracker.tags: expected a list of texts of 1 to 64 characters"),
        ("trusted_packages", "mine", "a list of package names"),
        ("data_dir", "", "data_dir: expected a text"),
    ],
)
def test_a_value_out_of_range_names_key_range_and_value(default, key, value, message) -> None:
    config = copy.deepcopy(default)
    *path, last = key.split(".")
    node = config
    for part in path:
        node = node[part]
    node[last] = value
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query": {"share": 0.1, "num": 5}}, "query: expected a share or a number, not both"),
        ({"initial": {"share": 0.1, "num": 5}}, "initial: expected a share or a number, not both"),
        ({"oracle": {"rate": 0.1, "confusion": [[1.0]]}}, "oracle: expected a rate or a confusion matrix"),
        ({"query": {"_target_": None}, "auto_label": {"_target_": None}}, "query=none and auto_label=none"),
        (
            {"query": {"_target_": None}},
            "auto_label: expected a policy without spot checks, since query=none asks no question and they "
            "are part of one, got 'auto_label=checked'. Write auto_label=threshold, or choose a query.",
        ),
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
            {"certificate": {"tolerance": 0.01}, "check": {"num": 50}},
            "check.num: expected 0 or null, since certificate.tolerance is given: the certificate's audit "
            "takes its place, got 50.",
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
        (
            {"learner": {"auto_labels": "ignore"}},
            "learner.auto_labels: expected consistency or train or agree, got",
        ),
        (
            {"learner": {"_target_": "alframe.learner.SupervisedRecipe", "auto_labels": "consistency"}},
            "learner.auto_labels: expected train or ignore, got 'consistency'",
        ),
    ],
)
def test_settings_in_conflict(default, changes, message) -> None:
    config = copy.deepcopy(default)
    for group, values in changes.items():
        config[group].update(values)
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert message in str(caught.value)


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


def test_a_removed_key_is_answered_with_the_reason(default) -> None:
    config = copy.deepcopy(default)
    config["oracle"]["reask"] = "same"
    with pytest.raises(ConfigError, match=r"^oracle.reask: expected no such key, .* Leave it out\.$"):
        check(config)
    with pytest.raises(ConfigError, match=r"^oracle.reask: .* Leave it out\.$"):
        composed(["oracle=noisy", "oracle.reask=fresh"])


def test_the_committee_cannot_be_null(default) -> None:
    config = copy.deepcopy(default)
    config["learner"]["committee"] = None
    with pytest.raises(ConfigError, match=r"the settings kind, passes, dropout, got 'null'\.$"):
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
    ("choices", "message"),
    [
        (["encoder=none"], "encoder: expected an encoder with a network.*got 'none'"),
        (["encoder=vectors", "encoder.path=a.npy"], "encoder: expected an encoder with a network.*'vectors'"),
        (["encoder=timm"], "learner.inputs: expected unit.*got 'none'"),
        (["learner=head"], "learner.inputs: expected unit.*got 'none'"),
        (["learner=consistency_rgb"], "learner.inputs: expected unit.*got 'standard'.*learner.inputs=unit"),
    ],
)
def test_a_network_that_contains_the_encoder_needs_one_and_plain_pixels(choices, message):
    with pytest.raises(ConfigError, match=message):
        check(composed(["network=encoder", *choices]))
