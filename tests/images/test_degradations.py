"""Degradations: in range, seeded, of the strength they claim, and with a sentence for what cannot be."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from enhance.config.paths import choices, home
from enhance.images import degradations
from enhance.images.degradations import DEGRADATIONS, degrade


def photograph(height: int = 40, width: int = 30, batch: int = 1) -> torch.Tensor:
    coarse = torch.rand(batch, 3, 5, 5, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


def examples() -> dict[str, dict[str, Any]]:
    """The settings in conf/degradation/ by the degradation's name."""
    names = (name for name in choices()["degradation"] if name != "none")
    files = {name: DictConfig(OmegaConf.load(home() / "conf" / "degradation" / f"{name}.yaml")) for name in names}
    return {name: {str(key): value for key, value in file.items() if key != "name"} for name, file in files.items()}


EXAMPLES = examples()


def test_every_degradation_has_a_yaml_with_all_of_its_settings() -> None:
    assert set(DEGRADATIONS) == set(EXAMPLES)
    for name, function in DEGRADATIONS.items():
        settings = list(signature(function).parameters.values())[1:]
        assert {each.name for each in settings} - {"seed"} == set(EXAMPLES[name])
        assert all(each.default is each.empty for each in settings), "the YAML alone holds a strength"


@pytest.mark.parametrize("name", DEGRADATIONS)
@given(height=st.integers(8, 40), width=st.integers(8, 40), batch=st.integers(1, 2), seed=st.integers(0, 5))
def test_it_keeps_shape_and_range_and_repeats(name: str, height: int, width: int, batch: int, seed: int) -> None:
    image = photograph(height, width, batch)
    before = image.clone()
    degraded = degrade(image, name, seed=seed, **EXAMPLES[name])
    assert torch.equal(image, before)
    assert degraded.shape == image.shape
    assert degraded.dtype == image.dtype
    assert 0 <= degraded.min() <= degraded.max() <= 1
    assert torch.equal(degraded, degrade(image, name, seed=seed, **EXAMPLES[name]))
    assert not torch.equal(degraded, image)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gaussian_noise", {"sigma": 0}),
        ("salt_and_pepper", {"amount": 0}),
        ("gaussian_blur", {"sigma": 0}),
        ("motion_blur", {"length": 0, "angle": 30}),
        ("disk_blur", {"radius": 0}),
        ("contrast", {"factor": 1}),
        ("colour_cast", {"red": 0, "green": 0, "blue": 0}),
        ("mean_shift", {"amount": 0}),
    ],
)
def test_strength_zero_changes_nothing(name: str, settings: dict[str, Any]) -> None:
    assert torch.equal(degrade(photograph(), name, **settings), photograph())


@pytest.mark.parametrize("name", ["gaussian_noise", "poisson_gaussian_noise", "salt_and_pepper"])
def test_another_seed_is_another_draw(name: str) -> None:
    first, second = (degrade(photograph(), name, seed=seed, **EXAMPLES[name]) for seed in (0, 1))
    assert not torch.equal(first, second)


def test_noise_has_the_deviation_it_claims() -> None:
    grey = torch.full((1, 3, 200, 200), 0.5)
    assert (degrade(grey, "gaussian_noise", sigma=20) - grey).std() * 255 == pytest.approx(20, rel=0.02)
    assert degrade(grey, "poisson_gaussian_noise", peak=50, sigma=0).var() == pytest.approx(0.5 / 50, rel=0.03)
    spots = degrade(grey, "salt_and_pepper", amount=0.2)[:, 0] != 0.5
    assert spots.float().mean() == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("name", ["gaussian_blur", "motion_blur", "disk_blur"])
def test_blur_keeps_a_plain_area_and_the_light_of_a_point(name: str) -> None:
    plain = torch.full((1, 3, 20, 20), 0.3)
    assert torch.allclose(degrade(plain, name, **EXAMPLES[name]), plain, atol=1e-6)
    point = torch.zeros(1, 3, 61, 61)
    point[..., 30, 30] = 1
    assert degrade(point, name, **EXAMPLES[name]).sum() == pytest.approx(3, rel=1e-4)


@given(height=st.integers(1, 9), width=st.integers(1, 9), radius=st.floats(0.5, 30))
def test_kernels_may_be_larger_than_the_image(height: int, width: int, radius: float) -> None:
    plain = torch.full((1, 3, height, width), 0.3)
    assert torch.allclose(degrade(plain, "disk_blur", radius=radius), plain, atol=1e-6)
    assert torch.allclose(degrade(plain, "gaussian_blur", sigma=radius / 4), plain, atol=1e-6)


def test_filters_mirror_the_border_whichever_way_they_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    image, kernel = photograph(12, 15, 2), torch.rand(5, 7, generator=torch.Generator().manual_seed(2))
    padded = torch.nn.functional.pad(image, (3, 3, 2, 2), mode="reflect")
    weight = (kernel / kernel.sum()).expand(3, 1, 5, 7)
    expected = torch.nn.functional.conv2d(padded, weight, groups=3)
    assert torch.allclose(degradations._filtered(image, kernel), expected, atol=1e-6)
    monkeypatch.setattr(degradations, "_LARGE", 1)
    assert torch.allclose(degradations._filtered(image, kernel), expected, atol=1e-6)


def test_threads_do_not_change_the_draw() -> None:
    image, threads = photograph(300, 290), torch.get_num_threads()
    degraded: dict[int, dict[str, torch.Tensor]] = {}
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            assert torch.get_num_threads() == count
            degraded[count] = {name: degrade(image, name, **EXAMPLES[name]) for name in DEGRADATIONS}
    finally:
        torch.set_num_threads(threads)
    for name, one in degraded[1].items():
        assert torch.allclose(one, degraded[3][name], atol=1e-6), name


def test_motion_runs_along_its_angle() -> None:
    point = torch.zeros(1, 3, 41, 41)
    point[..., 20, 20] = 1
    spread = degrade(point, "motion_blur", length=21, angle=45)[0, 0]
    assert spread[14, 26] > 0.01  # up and to the right
    assert spread[26, 26] == 0


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("gausian_noise", {}, "did you mean 'gaussian_noise'"),
        ("gaussian_noise", {"sigm": 3}, "did you mean 'sigma'"),
        ("gaussian_noise", {}, "needs all of its settings: sigma; sigma is missing"),
        ("colour_cast", {"green": 0}, "settings: red, green, blue; red, blue are missing"),
        ("gaussian_noise", {"sigma": -1}, "between 0 and 255"),
        ("gaussian_noise", {"sigma": "much"}, "must be a number"),
        ("gaussian_noise", {"sigma": True}, "must be a number"),
        ("jpeg", {"quality": 0, "subsampling": 2}, "between 1 and 95"),
        ("jpeg", {"quality": 10.5, "subsampling": 2}, "whole number"),
        ("motion_blur", {"length": 5, "angle": float("inf")}, "between -360 and 360"),
        ("salt_and_pepper", {"amount": float("nan")}, "between 0 and 1"),
    ],
)
def test_an_unknown_name_setting_or_value_is_refused(name: str, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        degrade(photograph(), name, **settings)


@pytest.mark.parametrize("value", [-1, float("nan"), 1e30, "many"])
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("gaussian_noise", "sigma"),
        ("poisson_gaussian_noise", "peak"),
        ("salt_and_pepper", "amount"),
        ("gaussian_blur", "sigma"),
        ("motion_blur", "length"),
        ("disk_blur", "radius"),
        ("jpeg", "quality"),
    ],
)
def test_an_absurd_strength_is_refused_by_its_name(name: str, key: str, value: object) -> None:
    with pytest.raises(ValueError, match=key):
        degrade(photograph(), name, **{key: value})  # type: ignore[arg-type]


def test_a_seed_must_fit() -> None:
    with pytest.raises(ValueError, match="64 bits"):
        degrade(photograph(), "gaussian_noise", sigma=5, seed=2**64)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (photograph()[0], "must be RGB"),
        (photograph() * 255, "must lie in"),
        (photograph() * torch.nan, "must lie in"),
        ((photograph() * 255).byte(), "divide by 255"),
    ],
)
def test_what_is_no_image_is_refused(image: torch.Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        degrade(image, "jpeg", quality=10, subsampling=2)
