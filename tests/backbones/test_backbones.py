"""Backbones: stages as published, weights from every source, and a sentence where they cannot be had."""

from __future__ import annotations

import pickle
import urllib.error
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from enhance.backbones import ARCHITECTURES
from enhance.backbones.network import load
from enhance.backbones.pooling import L2Pooling
from enhance.utils.weights import WeightsError

SMALL = "squeezenet"


def test_l2_pooling_is_the_published_formula() -> None:
    x = torch.rand(2, 3, 9, 12)
    window = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 16
    blurred = nn.functional.conv2d(x.flatten(0, 1)[:, None] ** 2, window[None, None], stride=2, padding=1)
    assert torch.allclose(L2Pooling()(x).flatten(0, 1), (blurred[:, 0] + 1e-12).sqrt(), atol=1e-6)


@pytest.mark.parametrize("name", ["vgg19", "vgg16"])
def test_vgg_stages_end_before_each_pooling_and_no_max_pooling_is_left(name: str) -> None:
    backbone = load(name, "untrained")
    assert not [module for module in backbone.modules() if isinstance(module, nn.MaxPool2d)]
    sizes = [tuple(level.shape[1:]) for level in backbone(torch.rand(1, 3, 64, 48))]
    assert sizes == [(64, 64, 48), (128, 32, 24), (256, 16, 12), (512, 8, 6), (512, 4, 3)]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_untrained_networks_repeat_by_seed_and_stay_sane(name: str) -> None:
    image = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    first, again, other = (load(name, "untrained", seed=seed)(image) for seed in (0, 0, 1))
    assert len(first) == len(ARCHITECTURES[name].stages)
    for level, same, different in zip(first, again, other, strict=True):
        assert torch.equal(level, same)
        assert not torch.equal(level, different)
        assert 1e-3 < level.std() < 1e3


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_eight_by_eight_pixels_are_enough(name: str) -> None:
    assert all(min(level.shape) > 0 for level in load(name, "untrained")(torch.rand(1, 3, 8, 8)))


def test_stages_are_the_layers_of_torchvision() -> None:
    torch.manual_seed(0)
    network = torchvision.models.resnet50(weights=None).eval()
    image = torch.rand(1, 3, 40, 40)
    levels = load("resnet", network.state_dict())(image)
    x = network.relu(network.bn1(network.conv1(image)))
    assert torch.equal(levels[0], x)
    x = network.layer2(network.layer1(network.maxpool(x)))
    assert torch.equal(levels[2], x)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
@pytest.mark.parametrize("whole", [True, False])
def test_weights_from_a_file(suffix: str, whole: bool, tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = torchvision.models.squeezenet1_1(weights=None).eval()
    state = network.state_dict() if whole else network.features.state_dict()
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    backbone = load(SMALL, path)
    image = torch.rand(1, 3, 32, 32)
    assert torch.equal(backbone(image)[-1], network.features(image))
    assert backbone.origin.name == path.name
    assert len(backbone.origin.sha256) == 64
    assert backbone.origin.pretrained


class Trap:
    def __reduce__(self) -> tuple:
        return (pytest.fail, ("code in a weights file was run",))


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_weights_saved_from_a_wrapped_network_fit(tmp_path: Path, wrapper: str) -> None:
    state = torchvision.models.squeezenet1_1(weights=None).state_dict()
    torch.save(state, tmp_path / "plain.pth")
    torch.save({wrapper + key: value for key, value in state.items()}, tmp_path / "wrapped.pth")
    plain, wrapped = (load(SMALL, tmp_path / f"{name}.pth").state_dict() for name in ("plain", "wrapped"))
    assert all(torch.equal(plain[key], wrapped[key]) for key in plain)


def test_weights_of_a_bad_file_state_dict_or_seed_are_refused(tmp_path: Path) -> None:
    state = {key: value.clone() for key, value in torchvision.models.squeezenet1_1(weights=None).state_dict().items()}
    torch.save(state, tmp_path / "good.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "good.pth").read_bytes()[:5000])
    (tmp_path / "empty.safetensors").touch()
    (tmp_path / "code.pth").write_bytes(pickle.dumps({"features.0.weight": Trap()}))
    torch.save([1, 2, 3], tmp_path / "list.pth")
    torch.save({**state, "features.0.weight": torch.zeros(3)}, tmp_path / "shape.pth")
    (tmp_path / "weights.zip").touch()
    cases = {
        "missing.pth": "no weights file",
        "cut.pth": "cannot be read",
        "empty.safetensors": "cannot be read",
        "code.pth": "holds more than tensors",
        "list.pth": "state dict",
        "shape.pth": r"shape \(3,\) instead of",
        "weights.zip": "must end in",
    }
    for name, sentence in cases.items():
        with pytest.raises(WeightsError, match=sentence) as error:
            load(SMALL, tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(WeightsError, match="did you mean 'pretrained'"):
        load(SMALL, "pretraind")
    with pytest.raises(WeightsError, match="does not fit vgg19"):
        load("vgg19", tmp_path / "good.pth")
    with pytest.raises(WeightsError, match="not finite"):
        load(SMALL, {key: value.double() * 1e300 for key, value in state.items()})  # too large for float32
    with pytest.raises(WeightsError, match="no state dict"):
        load(SMALL, {1: torch.zeros(3)})  # type: ignore[dict-item]
    for seed in (-1, 2**70, "a"):
        with pytest.raises(ValueError, match="whole number"):
            load(SMALL, "untrained", seed=seed)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no backbone 'None'"):
        load(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="before its first layer"):
        load("torchvision", "untrained", model="resnet18", nodes=["x"])


def test_pretrained_weights_that_cannot_be_had_name_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(WeightsError) as error:
        load("vgg19", "pretrained")
    for word in ("vgg19-", str(tmp_path), "backbone.weights=FILE", "backbone=vgg_compact", "no network"):
        assert word in str(error.value)


def test_pretrained_weights_are_taken_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = torchvision.models.get_model_weights("squeezenet1_1")["IMAGENET1K_V1"].url
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(
        torchvision.models.squeezenet1_1(weights=None).state_dict(), tmp_path / "hub" / "checkpoints" / Path(url).name
    )
    assert load(SMALL).origin.weights == "pretrained"


def test_any_torchvision_network_by_its_nodes() -> None:
    backbone = load("torchvision", "untrained", model="mobilenet_v3_small", nodes=["features.1", "features.3.block.0"])
    assert [level.shape[1] for level in backbone(torch.rand(1, 3, 32, 32))] == [16, 88]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "vgg99"}, "did you mean 'vgg1"),
        ({"name": "torchvision"}, "needs model"),
        ({"name": "torchvision", "model": "resnet19", "nodes": ["layer1"]}, "did you mean 'resnet1"),
        ({"name": "torchvision", "model": "resnet18", "nodes": ["layer9"]}, "no node of resnet18 'layer9'"),
        ({"name": "vgg19", "model": "resnet18"}, "go with backbone=torchvision"),
    ],
)
def test_an_unknown_backbone_model_or_node_is_refused(arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        load(arguments.pop("name"), "untrained", **arguments)
