"""The blur of a photograph that was blurred by a known kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from torch import Tensor
from torch.nn import functional

import enhance
from enhance.config.restoration import CouplingConfig
from enhance.images.arrays import from_array
from enhance.restoration.blur_estimation import OTHER, SHARP, Blur, estimate_blurs, window_side
from enhance.restoration.blur_kinds import KINDS

NOISE = 1 / 255
QUICK: dict[str, Any] = {"denoiser": lambda image, noise: image, "coupling": CouplingConfig(passes=1)}
BLURS = [
    ("gaussian_blur", (1.3,)),
    ("gaussian_blur", (2.0,)),
    ("gaussian_blur", (3.0,)),
    ("disk_blur", (2.2,)),
    ("disk_blur", (4.0,)),
    ("motion_blur", (6.0, 20.0)),
    ("motion_blur", (10.0, 110.0)),
]


def photograph() -> Tensor:
    return from_array(np.ascontiguousarray(astronaut()[:256, 100:356]))


def filtered(kernel: Tensor) -> Tensor:
    """The valid part of the convolution, with noise, as 8 bits hold it."""
    image = photograph()
    weight = (kernel / kernel.sum()).to(image).expand(3, 1, *kernel.shape)
    blurred = functional.conv2d(image, weight, groups=3)
    noise = torch.randn(blurred.shape, generator=torch.Generator().manual_seed(0))
    return ((blurred + NOISE * noise).clamp(0, 1) * 255).round() / 255


def estimated(kernel: Tensor) -> list[Blur]:
    return estimate_blurs(filtered(kernel), NOISE / 3**0.5)


@pytest.mark.parametrize(("name", "values"), BLURS)
def test_the_kind_and_the_size_are_found(name: str, values: tuple[float, ...]) -> None:
    first = estimated(KINDS[name].make(*values))[0]
    assert first.name == name
    assert first.within
    assert first.values[0] == pytest.approx(values[0], rel=0.1)
    assert abs(first.values[0] - values[0]) < 4 * first.error
    assert first.values[1:] == pytest.approx(values[1:], abs=3)


def test_the_probabilities_are_of_all_that_is_possible() -> None:
    blurs = estimated(KINDS["disk_blur"].make(2.2))
    assert {blur.name for blur in blurs} == {*KINDS, SHARP, OTHER}
    assert sum(blur.probability for blur in blurs) == pytest.approx(1)
    assert blurs == sorted(blurs, key=lambda blur: -blur.probability)


def test_a_sharp_photograph_is_not_blurred() -> None:
    blurs = estimated(torch.ones(1, 1))
    assert not [blur for blur in blurs if blur.name in KINDS and blur.within and blur.probability > 0.05]


def test_a_square_is_another_blur() -> None:
    assert estimated(torch.ones(7, 7))[0].name == OTHER


def test_a_picture_of_noise_alone_has_no_blur() -> None:
    noise = torch.rand(1, 3, 80, 80, generator=torch.Generator().manual_seed(0))
    assert estimate_blurs(noise, noise=0.29 / 3**0.5)[0].name == SHARP


def test_a_flat_picture_has_no_blur() -> None:
    assert estimate_blurs(torch.full((1, 3, 80, 80), 0.5), noise=0.001)[0].name == SHARP


def test_larger_pictures_are_seen_in_larger_windows() -> None:
    assert [window_side(torch.zeros(1, 3, side, 400)) for side in (80, 160, 320)] == [32, 64, 128]


@pytest.mark.parametrize(
    ("name", "values", "given"),
    [
        ("gaussian_blur", (2.0,), None),
        ("disk_blur", (4.0,), None),
        ("disk_blur", (4.0,), "disk_blur"),
        ("motion_blur", (10.0, 110.0), "motion_blur"),
    ],
)
def test_deblur_estimates_what_is_not_given(name: str, values: tuple[float, ...], given: str | None) -> None:
    picture = filtered(KINDS[name].make(*values))
    restored = enhance.restore(picture, "deblur", degradation=given, **QUICK)
    assert restored.assumed["degradation"] == name
    for key, value in zip(KINDS[name].keys, values, strict=True):
        assert restored.estimated[f"blur_{key}"] == pytest.approx(value, rel=0.1)
    assert restored.estimated["blur_probability"] > 0.95
    assert restored.estimated["noise"] == pytest.approx(1, abs=0.5)
    assert (given is None) == any(f"the blur is taken for {name}" in note for note in restored.notes)


def test_a_kind_that_is_named_overrides_the_estimate() -> None:
    picture = filtered(KINDS["disk_blur"].make(4.0))
    restored = enhance.restore(picture, "deblur", degradation="gaussian_blur", **QUICK)
    assert restored.assumed["degradation"] == "gaussian_blur"
    assert restored.estimated["blur_probability"] < 0.05


@pytest.mark.parametrize(
    ("kernel", "named", "said"),
    [
        (torch.ones(1, 1), None, "No blur of those that are looked for is seen in the picture"),
        (torch.ones(1, 1), "motion_blur", "No motion_blur with a length of 3 to 13 pixels is seen"),
        (torch.ones(7, 7), None, "is not certain .another blur: .*give degradation=gaussian_blur"),
    ],
)
def test_what_is_not_certain_is_asked_for(kernel: Tensor, named: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        enhance.restore(filtered(kernel), "deblur", degradation=named, **QUICK)


def test_too_small_a_picture_is_asked_about() -> None:
    with pytest.raises(ValueError, match="A blur is estimated from 80 pixels a side on; give degradation="):
        enhance.restore(photograph()[..., :79], "deblur", **QUICK)
