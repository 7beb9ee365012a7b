"""Denoisers by name: the embedded one and its twin, the ensemble of turned pictures, and networks of others."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

import enhance
from enhance.config.restoration import DenoiserConfig
from enhance.restoration.denoiser import LAST, PERCEPTUAL, Denoiser
from enhance.restoration.denoisers import load_denoiser, turned
from enhance.utils.weights import WeightsError

MODES = {"act_mode": "R", "downsample_mode": "strideconv", "upsample_mode": "convtranspose"}


@pytest.fixture
def given(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.rand(1, 3, 20, 27, generator=generator), torch.full((1, 1, 20, 27), 0.1)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Weights of the embedded denoiser's shape, whose twin's last layers are three times its own."""
    torch.manual_seed(0)
    own = Denoiser().state_dict()
    twin = {f"{PERCEPTUAL}{key}": 3 * value for key, value in own.items() if key.startswith(LAST)}
    save_file(own | twin, tmp_path / "both.safetensors")
    save_file(own, tmp_path / "own.safetensors")
    return tmp_path / "both.safetensors"


def test_perception_lies_between_the_denoiser_and_its_twin(weights: Path, given: tuple[Tensor, Tensor]) -> None:
    network = Denoiser()
    states = load_file(weights)
    for perception in (0.0, 0.5, 1.0):
        network.load_state_dict(
            {
                key: value * (1 + 2 * perception) if key.startswith(LAST) else value
                for key, value in states.items()
                if not key.startswith(PERCEPTUAL)
            }
        )
        found = load_denoiser(DenoiserConfig(weights=str(weights), perception=perception))
        assert found.about["perception"] == perception
        torch.testing.assert_close(found.function(*given), network.eval()(*given).detach())


def test_perception_needs_the_twins_layers(weights: Path) -> None:
    with pytest.raises(WeightsError, match="needs weights with the twin's layers"):
        load_denoiser(DenoiserConfig(weights=str(weights.with_name("own.safetensors")), perception=0.5))


def test_the_ensemble_of_a_denoiser_does_not_care_how_the_picture_lies(given: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    network = turned(Denoiser().double())
    image, noise = (each.double() for each in given)
    with torch.no_grad():
        found = network(image, noise)
        for turn in (lambda x: x.flip(-1), lambda x: x.rot90(1, (-2, -1)), lambda x: x.flip(-2).rot90(3, (-2, -1))):
            torch.testing.assert_close(network(turn(image), turn(noise)), turn(found))


def test_the_ensemble_is_a_setting(weights: Path, given: tuple[Tensor, Tensor]) -> None:
    plain, mean = (load_denoiser(DenoiserConfig(weights=str(weights), ensemble=each)) for each in (False, True))
    assert mean.about["ensemble"]
    torch.testing.assert_close(mean.function(*given), turned(plain.function)(*given))
    config = DenoiserConfig(weights=str(weights), ensemble=True)
    noise = {"name": "gaussian_noise", "sigma": 25.5}
    restored, other = (
        enhance.restore(given[0], degradation=noise, denoiser=each).image for each in (config, mean.function)
    )
    assert torch.equal(restored, other)


class TestOfOthers:
    """Networks of spandrel."""

    @staticmethod
    def saved(folder: Path, name: str, **settings: Any) -> Path:
        pytest.importorskip("spandrel")
        module = import_module(f"spandrel.architectures.{name}")
        torch.manual_seed(0)
        torch.save(getattr(module, name)(**settings).state_dict(), folder / "network.pth")
        return folder / "network.pth"

    def test_one_that_takes_the_noise_level_is_given_it(self, tmp_path: Path, given: tuple[Tensor, Tensor]) -> None:
        file = self.saved(tmp_path, "DRUNet", in_nc=4, out_nc=3, nc=[4, 4, 8, 8], nb=2, **MODES)
        found = load_denoiser(DenoiserConfig("spandrel", str(file)))
        assert found.about["architecture"] == "DRUNet"
        assert found.about["noise level"] == "given"
        image, noise = given
        assert found.function(image, noise).shape == image.shape
        assert not torch.equal(found.function(image, noise), found.function(image, 2 * noise))

    def test_one_of_grey_pictures_restores_each_channel(self, tmp_path: Path, given: tuple[Tensor, Tensor]) -> None:
        file = self.saved(tmp_path, "DnCNN", in_nc=1, out_nc=1, nc=8, nb=17)
        found = load_denoiser(DenoiserConfig("spandrel", str(file)))
        assert found.about["noise level"] == "not given"
        image, noise = given
        restored = found.function(image, noise)
        torch.testing.assert_close(
            restored[:, 1:2], found.function(image[:, 1:2].expand_as(image), noise)[:, :1], rtol=0, atol=1e-6
        )

    def test_one_of_unequal_channels_and_an_unknown_one_are_refused(self, tmp_path: Path) -> None:
        file = self.saved(tmp_path, "DRUNet", in_nc=4, out_nc=1, nc=[4, 4, 8, 8], nb=2, **MODES)
        with pytest.raises(WeightsError, match="one size in 1 or 3 channels"):
            load_denoiser(DenoiserConfig("spandrel", str(file)))
        torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "odd.pth")
        with pytest.raises(WeightsError, match="no network of spandrel"):
            load_denoiser(DenoiserConfig("spandrel", str(tmp_path / "odd.pth")))


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (DenoiserConfig("spandrel"), "needs denoiser.weights=FILE"),
        (DenoiserConfig("spandrel", "x.pth", perception=0.5), "belongs to denoiser_compact"),
    ],
)
def test_settings_that_a_network_of_others_has_not_are_refused(config: DenoiserConfig, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        load_denoiser(config)


def test_without_spandrel_the_refusal_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spandrel", None)
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match=r"enhance\[restore\]"):
        load_denoiser(DenoiserConfig("spandrel", str(tmp_path / "odd.pth")))
