"""Trials on the vectors of an encoder: choice by the data, resume, files, test set, given vectors."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alframe import label
from alframe.core.errors import ConfigError, TrialNotice, UserError
from alframe.core.optional_package import MissingPackage
from alframe.embedding import given_vectors
from alframe.trial import run
from alframe.trial.encoding import encoder_identity
from alframe.trial.run import run_trial
from tests.support import encoders
from tests.support.helpers import alframe, config_of

TINY = [
    "encoder._target_=tests.support.encoders.tiny_encoder",
    "trusted_packages=[tests]",
    "learner=head",
    "learner.steps=20",
    "initial.num=12",
    "query.num=6",
    "stopping.min_rounds=1",
    "stopping.max_rounds=2",
    "tracker=none",
]


def write_pictures(folder: Path, n: int = 20) -> Path:
    """Write pictures of two classes, reddish and bluish, of several sizes, and a test set."""
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        for name, channel in (("red", 0), ("blue", 2)):
            (folder / split / name).mkdir(parents=True)
            for k in range(n):
                image = generator.integers(0, 120, (20 + 3 * (k % 4), 30, 3), dtype=np.uint8)
                image[..., channel] += 110
                Image.fromarray(image).save(folder / split / name / f"{k:03}.png")
    return folder


def test_a_folder_is_labelled_by_its_vectors_and_tested(tmp_path, monkeypatch):
    pictures = write_pictures(tmp_path / "pictures")
    paths = [f"data.path={pictures}/train", f"data.test_path={pictures}/test", "data.size=[20,30]"]
    done = alframe("data=folder", *paths, *TINY, "hydra.run.dir=trial", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "trial" / "summary.json").read_text())
    assert summary["n_samples"] == 40
    assert summary["test_accuracy"] > 0.9
    assert summary["precision"] == "float32"
    assert list((tmp_path / "embeddings").glob("tiny-*"))
    assert not list((tmp_path / "trial").glob("state/*.pixels"))


def test_a_second_trial_encodes_nothing(tmp_path, monkeypatch):
    pictures = write_pictures(tmp_path / "pictures", 8)
    command = ["data=folder", f"data.path={pictures}/train", "data.size=[20,30]", *TINY]
    assert alframe(*command, "hydra.run.dir=one", cwd=tmp_path).returncode == 0

    def fails(*arguments: object) -> None:
        raise AssertionError("an image was encoded again")

    monkeypatch.setattr(encoders.Tiny, "forward", fails)
    done = alframe(*command, "seed=1", "hydra.run.dir=two", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_damaged_photographs_leave_a_simulated_trial_before_its_first_label(tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 12) / "train"
    cut = pictures / "red" / "003.png"
    cut.write_bytes(cut.read_bytes()[:900])
    (pictures / "red" / "004.png").write_bytes(b"no image")
    command = ["data=folder", f"data.path={pictures}", "data.size=[20,30]", *TINY, "hydra.run.dir=trial"]
    with encoders.notices() as told:
        done = alframe(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "trial" / "summary.json").read_text())["n_samples"] == 22
    lines = [
        str(each.message).partition(" image")[0] for each in told if "cannot be read" in str(each.message)
    ]
    assert lines == ["data.path: 1 of 24", "data: 1 of 23"]


def test_a_folder_without_a_whole_photograph_is_refused_and_nothing_stays(tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 8) / "train"
    for file in pictures.glob("*/*.png"):
        file.write_bytes(file.read_bytes()[:900])
    command = ["data=folder", f"data.path={pictures}", "data.size=[20,30]", *TINY, "hydra.run.dir=trial"]
    done = alframe(*command, cwd=tmp_path)
    assert (done.returncode, "16 of 16 image files cannot be read" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "trial").exists()


CLIPART = Path("/usr/share/openclipart/png")  # where Debian's openclipart-png puts its pictures


@pytest.mark.skipif(not CLIPART.is_dir(), reason="Debian's openclipart-png is not installed")
def test_debians_clip_art_of_every_size_is_labelled(tmp_path):
    """Pictures with alpha, some of them copies, and one that is too large to decode."""
    (tmp_path / "clipart").mkdir()
    for name in ("animals/bugs", "transportation/roadsigns"):
        (tmp_path / "clipart" / Path(name).name).symlink_to(CLIPART / name)
    command = ["data=folder", "data.path=clipart", *TINY, "remainder=leave", "check.num=0"]
    with encoders.notices() as told:
        done = alframe(*command, "hydra.run.dir=trial", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [str(each.message) for each in told]
    for said in ("1 of 122 image files cannot be read", "too large: 29,700 x 20,990", "are exact copies"):
        assert any(said in line for line in lines), (said, lines)
    assert json.loads((tmp_path / "trial" / "summary.json").read_text())["n_samples"] == 121


@pytest.mark.filterwarnings("ignore:encoder. the images are grey")
def test_a_resumed_trial_equals_an_uninterrupted_one(tmp_path):
    config = config_of("data=digits", "data.limit=80", *TINY, "seed=3") | {
        "embeddings_dir": str(tmp_path / "embeddings")
    }
    run_trial(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_trial(config, tmp_path / "parts", stop_wanted=lambda: True)
    run_trial(config, tmp_path / "parts")
    one, other = ((tmp_path / name / "labels.csv").read_text() for name in ("whole", "parts"))
    assert one == other


def test_vectors_of_the_user_s_own(tmp_path):
    from sklearn.datasets import load_digits

    vectors = load_digits().data.astype(np.float32)
    np.save(tmp_path / "emb.npy", vectors)
    command = ["data=digits", "encoder=vectors", "encoder.path=emb.npy", *TINY[2:]]
    done = alframe(*command, "initial.num=100", "hydra.run.dir=trial", "remainder=auto", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "trial" / "summary.json").read_text())["mislabelled_share"] < 0.25
    np.save(tmp_path / "emb.npy", vectors[:100])
    done = alframe(*command, "hydra.run.dir=other", cwd=tmp_path)
    assert done.returncode == 2
    assert "1,797 vectors, one for each image, got '100'" in done.stderr
    np.save(tmp_path / "emb.npy", vectors)
    done = alframe(*command, "encoder.test_path=emb.npy", "hydra.run.dir=other", cwd=tmp_path)
    assert done.returncode == 2
    assert "encoder.test_path: expected null, since the data set has no test set, got '1,797" in done.stderr


@pytest.fixture
def begun(tmp_path):
    """Return the config and the given vectors of a trial that was stopped after its first round."""
    vectors = np.random.default_rng(0).normal(size=(1797, 5)).astype(np.float32)
    np.save(tmp_path / "emb.npy", vectors)
    config = config_of("data=digits", "encoder=vectors", f"encoder.path={tmp_path}/emb.npy", *TINY[2:])
    seed_set_and_round = iter((False, True))
    with pytest.raises(KeyboardInterrupt):
        run_trial(config, tmp_path / "trial", stop_wanted=lambda: next(seed_set_and_round))
    return config, vectors


def test_a_trial_does_not_go_on_with_the_vectors_of_another_data_set(tmp_path, begun):
    config, vectors = begun
    before = (tmp_path / "trial" / "labels.csv").read_text()
    for others in (vectors[::-1], vectors[:, :4]):
        np.save(tmp_path / "emb.npy", others)
        with pytest.raises(UserError, match=r"encoder: expected the vectors, .* started with, got others"):
            run_trial(config, tmp_path / "trial")
    assert (tmp_path / "trial" / "labels.csv").read_text() == before
    np.save(tmp_path / "emb.npy", vectors)
    assert run_trial(config, tmp_path / "trial").rounds == 2


def test_vectors_may_grow_with_the_images_of_people(tmp_path):
    made = [given(tmp_path / f"{n}.npy", n, n_features) for n, n_features in ((6, 3), (7, 3), (7, 4))]
    one, grown, other = (encoder_identity(each, may_grow=True) for each in made)
    assert one == grown == "3 features"
    assert other != one
    assert encoder_identity(made[0], may_grow=False) != encoder_identity(made[1], may_grow=False)
    assert encoder_identity(None, may_grow=True) is None
    other_weights = [encoders.tiny_encoder(weights_digest=digest) for digest in "01"]
    assert len({encoder_identity(each, may_grow=True) for each in other_weights}) == 2


def given(file, n, n_features):
    np.save(file, np.ones((n, n_features), np.float32))
    return given_vectors(path=str(file), test_path=None, names=None)


def test_a_head_without_an_encoder_and_an_encoder_without_a_head_are_refused(tmp_path):
    done = alframe("data=digits", "learner=head", cwd=tmp_path)
    assert done.returncode == 2
    assert "got 'auto, which takes none for small grey images'. Write encoder=efficientnet" in done.stderr
    done = alframe("data=digits", *TINY[:2], "learner=supervised", cwd=tmp_path)
    assert (done.returncode, "learner=head" in done.stderr) == (2, True)
    assert not (tmp_path / "outputs").exists()


def chosen(*overrides: str, n_channels: int = 3, side: int = 32) -> run.Any:
    from alframe.data import ImageDataset
    from alframe.trial.learner_choice import choose_learner

    images_N = torch.randint(0, 256, (4, n_channels, side, side), dtype=torch.uint8)
    dataset = ImageDataset.from_arrays("made", images_N.numpy(), [0, 1, 0, 1])
    return choose_learner(config_of(*overrides), dataset)


@pytest.mark.parametrize(("n_channels", "side", "encoded"), [(3, 32, True), (1, 28, False), (1, 65, True)])
def test_photographs_get_an_encoder_by_default(n_channels, side, encoded):
    choice = chosen("data=folder", "data.path=pictures", n_channels=n_channels, side=side)
    assert (choice.encoder is not None) == encoded
    assert ("network" in choice.learner) == encoded


def test_a_head_gets_an_encoder_by_default():
    choice = chosen("learner=head", "learner.steps=7")
    assert choice.encoder["_target_"] == "alframe.embedding.efficientnet_lite0"
    assert choice.learner["steps"] == 7


def test_an_encoder_alone_brings_the_head():
    assert "network" in chosen("encoder=efficientnet_lite0", n_channels=1).learner


def test_a_learner_of_one_s_own_choice_learns_from_pixels():
    for overrides in (["learner=supervised"], ["learner.steps=9"], ["network=lenet5"], ["encoder=none"]):
        assert chosen(*overrides).encoder is None


def test_a_network_beside_a_head_is_refused():
    with pytest.raises(
        ConfigError, match=r"network: expected none, since a head .*got 'alframe.learner.LeNet5'"
    ):
        chosen("encoder=efficientnet_lite0", "learner=head", "network=lenet5")


def test_without_an_encoder_photographs_are_learned_from_pixels_and_a_line_says_so(monkeypatch):
    def missing(*arguments: object, **settings: object) -> None:
        raise MissingPackage("encoder", "a package")

    monkeypatch.setattr("alframe.trial.learner_choice.instantiate", missing)
    with pytest.warns(TrialNotice, match=r"encoder-small"):
        assert chosen().encoder is None


def test_an_encoder_that_is_installed_and_broken_is_not_taken_for_a_missing_one(monkeypatch):
    with pytest.raises(ConfigError, match=r"encoder.size: expected a multiple of 32, got 100"):
        chosen("encoder.photographs.size=100")


def test_the_encoder_can_be_the_network_and_is_trained_from_pixels(tmp_path):
    config = config_of(
        "data=digits", "data.limit=80", *TINY[:2], *TINY[4:], "seed=3", "engine=reference", "device=cpu",
        "learner=consistency_rgb", "learner.inputs=unit", "learner.steps=2", "learner.batch_size=4",
        "learner.pool_batch_size=4", "network=encoder", "network.unfrozen=0", "query=coreset",
    )  # fmt: skip
    run_trial(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_trial(config, tmp_path / "parts", stop_wanted=lambda: True)
    run_trial(config, tmp_path / "parts")
    one, other = ((tmp_path / name / "labels.csv").read_text() for name in ("whole", "parts"))
    assert one == other
    assert not (tmp_path / "embeddings").exists()
    with pytest.raises(ConfigError, match=r"network: expected settings that it takes .* blocks"):
        run_trial({**config, "network": {**config["network"], "unfrozen": 99}}, tmp_path / "refused")


FINE_TUNED = [
    *TINY,
    "learner.fine_tuning.unfrozen=null",
    "learner.fine_tuning.steps=2",
    "remainder=auto",
    "auto_label=none",
]


@pytest.mark.filterwarnings("ignore:encoder. the images are grey", "ignore:Do not use predictions")
def test_the_last_fit_can_train_the_encoder_from_the_images(tmp_path):
    config = config_of("data=digits", "data.limit=80", *FINE_TUNED, "seed=3", "device=cpu") | {
        "embeddings_dir": str(tmp_path / "embeddings")
    }
    rounds = iter((False, False, False, True))  # the seed set, two rounds, and the last fit
    with pytest.raises(KeyboardInterrupt):
        run_trial(config, tmp_path / "parts", stop_wanted=lambda: next(rounds))
    for directory in ("parts", "whole"):
        run_trial(config, tmp_path / directory)
    one, other = ((tmp_path / name / "labels.csv").read_text() for name in ("whole", "parts"))
    assert one == other
    rows = (tmp_path / "whole" / "rounds.csv").read_text().splitlines()
    steps = [row.split(",")[rows[0].split(",").index("train_steps")] for row in rows[1:]]
    assert steps == ["", "20", "20", "2", ""]


def test_photographs_are_read_again_for_the_last_fit(tmp_path):
    pictures = write_pictures(tmp_path / "pictures", 12)
    paths = [f"data.path={pictures}/train", f"data.test_path={pictures}/test", "data.size=[20,30]"]
    done = alframe("data=folder", *paths, *FINE_TUNED, "check.num=0", "hydra.run.dir=trial", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "trial" / "summary.json").read_text())["test_accuracy"] > 0.9


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("encoder=vectors", "a network, since learner.fine_tuning.unfrozen=null trains it, got 'vectors'"),
        ("learner.fine_tuning.unfrozen=3", "tiny that can be trained: it has 0 blocks, of which 3 cannot be"),
        ("learner.final.networks=1", "expected 0, since learner.fine_tuning.unfrozen=null is the last fit"),
        ("learner.committee.kind=ensemble", "expected last_layer, since the fine-tuned network is alone"),
    ],
)  # fmt: skip
def test_an_encoder_that_cannot_be_trained_is_refused(tmp_path, override, line):
    given = ["encoder.path=emb.npy"] if override == "encoder=vectors" else []
    own = FINE_TUNED[2:] if given else FINE_TUNED
    done = alframe("data=digits", *own, override, *given, "hydra.run.dir=trial", cwd=tmp_path)
    assert (done.returncode, line in done.stderr, done.stderr.count("\n")) == (2, True, 1), done.stderr
    assert not (tmp_path / "trial").exists()


@pytest.mark.filterwarnings("ignore:Do not use predictions")
def test_a_call_without_a_directory_keeps_no_vectors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ALFRAME_EMBEDDINGS_DIR", raising=False)
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    images[:20, ..., 0] //= 4
    settings = dict(setting.split("=") for setting in TINY[3:-1])
    result = label(
        images,
        np.arange(40) // 20,
        encoder="none",
        learner="head",
        auto_label="none",
        settings={
            **{key: int(value) for key, value in settings.items()},
            "encoder._target_": TINY[0].partition("=")[2],
            "trusted_packages": ["tests"],
        },
    )
    assert len(result.labels) == 40
    assert list(tmp_path.iterdir()) == []
