"""`enhance.restore` with an ideal denoiser: what it assumes, estimates, reports and refuses."""

from __future__ import annotations

import math
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from profiles import ADOBE_RGB, power, profile
from skimage.data import astronaut, coffee
from torch import Tensor

import enhance
from enhance.config.restoration import CouplingConfig, DenoiserConfig
from enhance.images.arrays import from_array, to_array
from enhance.images.degradations import degrade
from enhance.images.kernels import gaussian_kernel
from enhance.restoration.blur import Blurred
from enhance.restoration.denoiser import Denoiser
from enhance.restoration.denoisers import load_denoiser, tiled
from enhance.restoration.denoising import _lost
from enhance.restoration.downscaling import Downscaled
from enhance.runs.restoration import Moment

SLIGHT = {"name": "gaussian_noise", "sigma": 2}


def clean() -> Tensor:
    return 0.1 + 0.8 * from_array(np.ascontiguousarray(astronaut()[:64, 180:260]))


def psnr(image: Tensor, other: Tensor) -> float:
    return -10 * math.log10((image - other).square().mean().item())


def smooth(image: Tensor, noise: Tensor) -> Tensor:
    """Some denoiser: the more noise, the more of a local mean."""
    share = noise / (noise + 0.1)
    padded = torch.nn.functional.pad(image, [1] * 4, mode="replicate")
    return (1 - share) * image + share * torch.nn.functional.avg_pool2d(padded, 3, 1)


def test_the_denoiser_is_given_the_level_that_was_estimated() -> None:
    noisy = clean() + 20 / 255 * torch.randn(clean().shape, generator=torch.Generator().manual_seed(0))
    levels: list[Tensor] = []
    restored = enhance.restore(noisy.clamp(0, 1), denoiser=lambda image, noise: levels.append(noise) or clean())
    assert 255 * levels[0].mean().item() == pytest.approx(20, rel=0.1)
    assert restored.estimated["sigma"] == pytest.approx(20, rel=0.1)
    assert 0 < restored.estimated["standard_error"] < 3
    assert psnr(restored.image, clean()) > 40
    assert restored.fit["residual"] == pytest.approx(20, rel=0.1)
    assert abs(restored.fit["correlation"]) < 0.05


def test_clipped_noise_is_not_taken_for_brightness() -> None:
    """A denoiser finds the mean of what it is given, which clipping has moved."""
    level, dark = 50 / 255, torch.full((1, 3, 64, 64), 0.02)
    noisy = degrade(dark, "gaussian_noise", sigma=50)
    given = {"name": "gaussian_noise", "sigma": 50}
    levels: list[Tensor] = []
    restored = enhance.restore(
        noisy,
        degradation=given,
        denoiser=lambda image, noise: levels.append(noise) or torch.full_like(image, image.mean().item()),
    )
    assert noisy.mean() > 0.08
    assert restored.image.mean().item() == pytest.approx(0.02, abs=0.005)
    assert levels[1].mean().item() == pytest.approx(noisy.std().item(), rel=0.05)
    assert levels[1].mean() < 0.7 * level


@pytest.mark.parametrize("subsampling", [0, 2])
def test_noise_that_a_jpeg_averaged_in_its_colours_is_estimated(subsampling: int, tmp_path: Path) -> None:
    noisy = degrade(
        0.3 + 0.4 * from_array(np.ascontiguousarray(astronaut()[:128, 180:340])), "gaussian_noise", sigma=20
    )
    Image.fromarray(to_array(noisy)).save(tmp_path / "noisy.jpg", quality=95, subsampling=subsampling)
    restored = enhance.restore(tmp_path / "noisy.jpg", denoiser=smooth)
    assert restored.estimated["sigma"] == pytest.approx(20, rel=0.12)


def test_a_level_that_is_given_is_not_estimated() -> None:
    levels: list[Tensor] = []
    given = {"name": "gaussian_noise", "sigma": 30}
    restored = enhance.restore(clean(), degradation=given, denoiser=lambda image, noise: levels.append(noise) or image)
    assert 255 * levels[0].mean().item() == pytest.approx(30)
    assert len(levels) == 2  # strong noise: the second pass is given where it was clipped
    assert restored.estimated == {}
    assert restored.assumed == {"degradation": "gaussian_noise", "noise": 30.0}


def test_noise_that_grows_with_brightness_gives_a_map() -> None:
    noisy = degrade(clean(), "poisson_gaussian_noise", peak=60, sigma=3)
    levels: list[Tensor] = []
    restored = enhance.restore(
        noisy, degradation="poisson_gaussian_noise", denoiser=lambda _, noise: levels.append(noise) or clean()
    )
    assert len(levels) == 2
    assert restored.assumed["degradation"] == "poisson_gaussian_noise"
    expected = (clean().mean(1, keepdim=True) / 60 + (3 / 255) ** 2).sqrt()
    assert torch.corrcoef(torch.stack([levels[1].flatten(), expected.flatten()]))[0, 1] > 0.95


def test_salt_and_pepper_is_found_and_the_other_pixels_stay() -> None:
    spotted = degrade(clean(), "salt_and_pepper", amount=0.1, seed=1)
    restored = enhance.restore(spotted, degradation="salt_and_pepper", denoiser=smooth)
    lost = (spotted != clean()).any(1, keepdim=True)
    assert restored.estimated["lost"] == pytest.approx(lost.float().mean().item(), abs=0.01)
    assert psnr(restored.image, clean()) > psnr(spotted, clean()) + 8


@pytest.mark.parametrize("degradation", [{"name": "gaussian_blur", "sigma": 1.5}, None])
def test_a_blur_is_undone_by_name_or_by_kernel(degradation: Any) -> None:
    scene = from_array(np.ascontiguousarray(astronaut()[:80, 180:276]))
    kernel = gaussian_kernel(1.5)
    reach = kernel.shape[0] // 2
    view = (..., slice(reach, 80 - reach), slice(reach, 96 - reach))
    blurred = Blurred(torch.zeros_like(scene[view]), kernel)
    padded = torch.nn.functional.pad(scene, (0, blurred.start().shape[-1] - 96, 0, blurred.start().shape[-2] - 80))
    observed = blurred.operator(padded).clamp(0, 1)
    given: dict[str, Any] = (
        {"degradation": degradation} if degradation else {"kernel": (kernel / kernel.max()).float().numpy()}
    )
    restored = enhance.restore(observed, "deblur", denoiser=smooth, reference=scene[view], **given)
    assert restored.figures["psnr"] > restored.figures["initial_psnr"] + 2
    assert restored.image.shape == observed.shape


def test_a_kernel_is_a_matrix_or_an_image() -> None:
    kernel = gaussian_kernel(1.0).float()
    made = [
        enhance.restore(clean(), "deblur", kernel=given, denoiser=smooth).image
        for given in (kernel.numpy(), kernel, kernel.expand(1, 3, -1, -1))
    ]
    assert torch.equal(made[0], made[1])
    assert torch.equal(made[0], made[2])
    with pytest.raises(ValueError, match="kernel must be RGB"):
        enhance.restore(clean(), "deblur", kernel=kernel[None], denoiser=smooth)


def test_a_kernel_of_another_sum_and_of_even_sides_is_noted() -> None:
    restored = enhance.restore(clean(), "deblur", kernel=np.full((2, 3), 0.5, np.float32), denoiser=smooth)
    assert "the kernel, whose sum is 3, is divided by it" in restored.notes
    assert any("even side" in note for note in restored.notes)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_reduced_picture_is_enlarged(factor: int) -> None:
    whole = from_array(np.ascontiguousarray(astronaut()[:72, 180:270]))
    observed = Downscaled(torch.zeros(1, 3, 72 // factor, 90 // factor), factor).operator(whole).clamp(0, 1)
    restored = enhance.restore(observed, "upscale", factor=factor, denoiser=smooth, reference=whole)
    assert restored.image.shape == whole.shape
    assert restored.figures["psnr"] > restored.figures["initial_psnr"]


@pytest.mark.parametrize("white", [0.1, 1.0])
def test_lost_pixels_are_those_far_from_their_median(white: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """In parts and at once, and also where whole surroundings are white."""
    image = torch.where(
        torch.rand(1, 1, 40, 50, generator=torch.Generator().manual_seed(0)) < white, 1.0, clean()[..., :40, :50]
    )
    grey = image.mean(1, keepdim=True)
    padded = torch.nn.functional.pad(grey, [2] * 4, mode="reflect")
    median = torch.nn.functional.unfold(padded, 5).median(1).values.reshape(grey.shape)
    expected = (image >= 1).all(1, keepdim=True) & ((grey - median).abs() > 0.1)
    for at_once in (7, 10_000):
        monkeypatch.setattr("enhance.restoration.denoising._AT_ONCE", at_once)
        assert torch.equal(_lost(image), expected.float())


def _jpeg(folder: Path, **settings: Any) -> Path:
    file = folder / "blocky.jpg"
    Image.fromarray(to_array(clean())).save(file, quality=20, **settings)
    return file


def test_a_jpeg_is_repaired_within_its_cells(tmp_path: Path) -> None:
    restored = enhance.restore(_jpeg(tmp_path), "jpeg", denoiser=smooth, reference=clean())
    assert restored.fit == {"blocks_in_cells": 1.0}
    assert restored.figures["psnr"] > restored.figures["initial_psnr"]
    assert restored.assumed["sampling"] == "4:2:0"


@pytest.mark.parametrize("quality", [20, 75, 95])
def test_a_jpeg_that_was_saved_as_png_is_known_by_its_blocks(tmp_path: Path, quality: int) -> None:
    photo = Image.fromarray(np.ascontiguousarray(coffee()[:192, 100:356]))
    photo.resize((192, 144), Image.Resampling.LANCZOS).save(tmp_path / "photo.jpg", quality=quality)
    Image.open(tmp_path / "photo.jpg").save(tmp_path / "photo.png")
    with pytest.raises(ValueError, match=r"photo\.png is no JPEG but shows the blocks of one"):
        enhance.restore(tmp_path / "photo.png", "jpeg", denoiser=smooth)
    (note,) = enhance.restore(tmp_path / "photo.png", degradation=SLIGHT, denoiser=smooth).notes
    assert "shows the blocks of a JPEG that it was" in note
    (note,) = enhance.restore(tmp_path / "photo.jpg", degradation=SLIGHT, denoiser=smooth).notes
    assert "task=jpeg repairs them" in note
    assert not enhance.restore(tmp_path / "photo.jpg", "jpeg", denoiser=smooth).notes


def test_a_png_without_blocks_is_no_jpeg(tmp_path: Path) -> None:
    photo = Image.fromarray(np.ascontiguousarray(coffee()[:192, 100:356]))
    photo.resize((192, 144), Image.Resampling.LANCZOS).save(tmp_path / "photo.png")
    with pytest.raises(ValueError, match=r"photo\.png is no JPEG, whose"):
        enhance.restore(tmp_path / "photo.png", "jpeg", denoiser=smooth)
    assert enhance.restore(tmp_path / "photo.png", degradation=SLIGHT, denoiser=smooth).notes == ()


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("deblur", {"name": "gaussian_blur", "sigma": 1.5}),
        ("deblur", {"name": "motion_blur", "length": 5.0, "angle": 30.0}),
        ("denoise", {"name": "poisson_gaussian_noise", "peak": 80.0, "sigma": 2.0}),
    ],
)
def test_what_was_given_of_the_degradation_is_said_to_be_assumed(task: str, settings: dict[str, Any]) -> None:
    assumed = enhance.restore(clean(), task, degradation=settings, denoiser=smooth).assumed
    assert assumed["degradation"] == settings["name"]
    assert all(assumed[key] == value for key, value in settings.items() if key != "name")


def test_the_orientation_of_a_jpeg_holds(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    file = _jpeg(tmp_path, exif=exif, subsampling=0)
    restored = enhance.restore(file, "jpeg", denoiser=lambda image, noise: image)
    assert restored.image.shape == (1, 3, 80, 64)
    assert psnr(restored.image, enhance.load_image(file)) > 45


@pytest.mark.parametrize("grey", [False, True])
def test_the_profile_of_a_jpeg_holds(grey: bool, tmp_path: Path) -> None:
    colours = profile(None if grey else ADOBE_RGB, power(1.2))
    plain, file = _jpeg(tmp_path, subsampling=0), tmp_path / "profile.jpg"
    with Image.open(plain) as opened:
        (opened.convert("L") if grey else opened).save(file, quality=50, subsampling=0, icc_profile=colours)
    shown = enhance.load_image(file)
    with Image.open(file) as opened:
        assert psnr(shown, from_array(np.asarray(opened.convert("RGB")))) < 25  # the profile says other colours
    restored = enhance.restore(file, "jpeg", denoiser=lambda image, noise: image)
    assert psnr(restored.image, shown) > 45
    assert psnr(restored.initial, shown) > 45


def test_the_embedded_weights_remove_noise() -> None:
    clean = from_array(np.ascontiguousarray(astronaut()[:64, 180:244]))
    noisy = degrade(clean, "gaussian_noise", sigma=25)
    restored = enhance.restore(noisy, degradation={"name": "gaussian_noise", "sigma": 25})
    assert psnr(restored.image, clean) > psnr(noisy, clean) + 6


@pytest.mark.parametrize("compared", [False, True])
def test_a_notebook_shows_the_images_what_was_assumed_and_the_notes(compared: bool) -> None:
    noisy, reference = degrade(clean(), "gaussian_noise", sigma=20, seed=0), clean() if compared else None
    restored = enhance.restore(noisy, degradation=SLIGHT, denoiser=smooth, reference=reference)
    page = restored._repr_html_()
    assert page.count("<img src=") == 2
    assert "<p>Assumed: gaussian noise, noise 2 of 255</p>" in page
    assert ("restored: PSNR" in page) == compared
    assert repr(restored).startswith(
        "Restored(gaussian noise, noise 2 of 255; 1 pass" + (", PSNR" if compared else ")")
    )


def test_notes_in_a_notebook_are_text_and_estimates_have_units() -> None:
    restored = enhance.restore(clean(), "deblur", kernel=np.full((2, 3), 0.5, np.float32), denoiser=smooth)
    page = replace(restored, notes=("a<b",))._repr_html_()
    assert "<p>a&lt;b</p>" in page
    assert re.search(r"<p>Estimated: noise [\d.]+ of 255, standard error [\d.]+ of 255</p>", page)
    assert "kernel 3 x 2 pixels" in page


def test_the_reference_is_only_compared() -> None:
    with_it = enhance.restore(clean(), denoiser=smooth, reference=clean().flip(-1))
    without = enhance.restore(clean(), denoiser=smooth)
    assert torch.equal(with_it.image, without.image)
    assert without.figures == {}
    assert set(with_it.figures) == {"psnr", "ssim", "initial_psnr", "initial_ssim"}


def test_noise_below_one_of_255_is_published_as_it_is() -> None:
    settings = {"name": "gaussian_noise", "sigma": 0.4}
    restored = enhance.restore(clean(), degradation=settings, denoiser=lambda image, _: image)
    assert restored.assumed["noise"] == 0.4
    assert restored.fit["expected"] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("task", "settings", "given"),
    [
        ("denoise", {}, {"sigma": 0}),
        ("denoise", {"name": "poisson_gaussian_noise"}, {"peak": 1e6, "sigma": 0}),
        ("deblur", {"name": "gaussian_blur", "sigma": 2}, {"noise": 0}),
    ],
)
def test_that_no_noise_was_found_is_noted(task: str, settings: dict[str, Any], given: dict[str, Any]) -> None:
    flat = torch.full((1, 3, 64, 64), 0.4)
    found = enhance.restore(flat, task, degradation=settings, denoiser=lambda image, _: image)
    named = enhance.restore(flat, task, degradation=settings | given, denoiser=lambda image, _: image)
    assert any("no noise was found" in note for note in found.notes)
    assert not any("no noise was found" in note for note in named.notes)


def test_what_a_jpegs_denoiser_is_given_is_called_so(tmp_path: Path) -> None:
    levels: list[float] = []
    restored = enhance.restore(
        _jpeg(tmp_path), "jpeg", denoiser=lambda image, noise: levels.append(255 * noise.mean().item()) or image
    )
    assert restored.estimated == {"level_given_to_the_denoiser": pytest.approx(levels[0], abs=0.01)}


def test_a_module_as_denoiser_leaves_no_graph() -> None:
    module = torch.nn.Conv2d(3, 3, 3, padding=1)
    for task in ("denoise", "upscale"):
        assert not enhance.restore(clean(), task, denoiser=lambda image, _: module(image)).image.requires_grad
    assert torch.is_grad_enabled()


def test_the_seconds_are_those_of_the_passes() -> None:
    settings = CouplingConfig(passes=3)
    restored = enhance.restore(
        clean(), "upscale", coupling=settings, denoiser=lambda image, _: image, callback=lambda _: time.sleep(0.3)
    )
    seconds = [row["seconds"] for row in restored.history]
    assert seconds == sorted(seconds)
    assert 0 < seconds[-1] < 0.3


def test_nothing_is_computed_after_the_last_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enhance.restoration.denoising.clipped_spread", None)
    given = {"name": "gaussian_noise", "sigma": 5}
    assert len(enhance.restore(clean(), degradation=given, denoiser=smooth).history) == 2


def test_every_pass_is_seen() -> None:
    seen: list[Moment] = []
    enhance.restore(
        clean(), "upscale", denoiser=smooth, coupling=CouplingConfig(passes=3, last=10), callback=seen.append
    )
    assert [moment.step for moment in seen] == [0, 1, 2, 3]
    assert [round(moment.level, 1) for moment in seen[1:]] == [49.0, 22.1, 10.0]


def test_a_last_level_below_the_noise_is_raised_and_noted() -> None:
    levels: list[float] = []
    restored = enhance.restore(
        clean(),
        "upscale",
        degradation={"noise": 10},
        coupling=CouplingConfig(passes=2, last=4),
        denoiser=lambda image, noise: levels.append(255 * noise.mean().item()) or image,
    )
    assert levels[-1] == pytest.approx(10)
    assert "coupling.last=4 is raised to 10 of 255, the noise of the picture" in restored.notes


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"task": "deblurr"}, "did you mean 'deblur'"),
        ({"task": "deblur", "image": torch.full((1, 3, 80, 80), 0.5)}, "No blur of those that are looked for"),
        ({"task": "deblur", "degradation": {"length": 9}}, "needs degradation.length= and degradation.angle="),
        ({"task": "deblur", "degradation": {"name": "gaussian_blur", "sigma": 0}}, "above 0"),
        ({"task": "deblur", "degradation": "gaussian_noise"}, "degradation of task=deblur"),
        ({"task": "deblur", "kernel": np.ones((100, 3), np.float32)}, "larger than the picture"),
        (
            {"task": "deblur", "degradation": {"name": "gaussian_blur", "sigma": 90}},
            "larger than the picture, .*; give a smaller gaussian_blur",
        ),
        ({"degradation": {"name": "gaussian_noise", "radius": 3}}, "does not belong"),
        ({"degradation": {"name": "gaussian_noise", "sigm": 3}}, "did you mean 'sigma'"),
        ({"degradation": {"name": "poisson_gaussian_noise", "peak": 3}}, "both"),
        ({"degradation": "jpeg"}, "degradation of this task"),
        ({"coupling": CouplingConfig(passes=3)}, "coupling.passes=3 changes nothing with degradation=gaussian_noise"),
        ({"degradation": "poisson_gaussian_noise", "coupling": CouplingConfig(trust=1)}, "coupling.trust=1 changes"),
        ({"task": "jpeg", "coupling": CouplingConfig(first=9)}, "coupling.first=9 changes nothing with task=jpeg"),
        ({"task": "upscale", "coupling": CouplingConfig(passes=1, last=9)}, "coupling.last=9 changes nothing"),
        ({"task": "upscale", "factor": 7}, "2, 3, 4"),
        ({"task": "upscale", "factor": 2.0}, "factor=2.0 must be one of 2, 3, 4"),
        ({"task": "upscale", "degradation": {"factor": 3}}, "give factor=3 beside it"),
        ({"task": None}, "no task 'None'"),
        ({"degradation": {"name": "gaussian_noise", "sigma": "20"}}, r"degradation\.sigma='20' must be a number"),
        ({"degradation": {"name": 5}}, r"degradation\.name=5 must be text"),
        ({"degradation": 5}, "degradation must be a name, or settings like .* got int"),
        ({"coupling": 5}, "coupling must be a CouplingConfig .* got int"),
        ({"task": "upscale", "coupling": CouplingConfig(passes=2.5)}, r"coupling\.passes=2\.5 must be a whole number"),  # type: ignore[arg-type]
        ({"task": "upscale", "coupling": CouplingConfig(passes=True)}, r"coupling\.passes=True must be a whole number"),
        ({"denoiser": 5}, r"denoiser\.name=5 must be text"),
        ({"weights": "file.safetensors"}, "weights=file.safetensors goes with a denoiser.s name"),
        ({"device": torch.device("cuda")}, "device=cuda goes with a denoiser.s name"),
        ({"factor": 2}, "task=upscale"),
        ({"kernel": np.ones((3, 3), np.float32)}, "task=deblur"),
        ({"task": "jpeg"}, "file itself"),
        ({"reference": torch.zeros(1, 3, 9, 9)}, "reference is 9 x 9"),
        ({"denoiser": "compact"}, "denoiser_compact"),
        ({"image": torch.zeros(1, 3, 7, 9)}, "at least 8 x 8"),
        ({"degradation": {"name": "gaussian_noise", "sigma": 300}}, "at most 255"),
    ],
)
def test_what_cannot_be_gets_a_sentence(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        enhance.restore(**({"image": clean(), "denoiser": smooth} | settings))
    assert "\n" not in str(error.value)


def test_tiles_of_a_denoiser_join() -> None:
    torch.manual_seed(0)
    network = Denoiser().double().eval()
    image, noise = torch.rand(1, 3, 200, 264).double(), torch.full((1, 1, 200, 264), 0.1).double()
    with torch.no_grad():
        whole, parts = network(image, noise), tiled(network, 96, margin=96)(image, noise)
    torch.testing.assert_close(parts, whole, atol=1e-6, rtol=0)


def test_weights_of_a_file_are_loaded(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, file = Denoiser().eval(), tmp_path / "weights.safetensors"
    from safetensors.torch import save_file

    save_file({name: value.half() for name, value in network.state_dict().items()}, file)
    loaded = load_denoiser(DenoiserConfig(weights=str(file), tile=0))
    image, noise = torch.rand(1, 3, 16, 16), torch.full((1, 1, 16, 16), 0.1)
    with torch.no_grad():
        torch.testing.assert_close(loaded.function(image, noise), network(image, noise), atol=1e-2, rtol=0)
    assert len(loaded.about["sha256"]) == 64


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no weights file"):
        load_denoiser(DenoiserConfig(weights=str(tmp_path / "none.safetensors")))
    with pytest.raises(ValueError, match="multiple of 8"):
        load_denoiser(DenoiserConfig(weights=str(tmp_path / "none.safetensors"), tile=100))


@pytest.mark.parametrize(
    ("denoiser", "said"),
    [
        (
            lambda image, noise: image[..., 1:],
            r"must return a tensor \(1, 3, 64, 80\), as it was given, got \(1, 3, 64",
        ),
        (lambda image, noise: image.numpy(), "got ndarray"),
        (lambda image, noise: image * float("nan"), "returned values that are not finite"),
    ],
)
def test_a_denoiser_that_returns_no_image_gets_a_sentence(denoiser: Any, said: str) -> None:
    for picture in (clean(), clean()[:, :1].expand(-1, 3, -1, -1)):
        with pytest.raises(ValueError, match=said):
            enhance.restore(picture, denoiser=denoiser, degradation={"name": "gaussian_noise", "sigma": 25})


def test_a_strength_on_the_scale_of_one_is_asked_about() -> None:
    def noted(sigma: float) -> tuple[str, ...]:
        given = {"name": "gaussian_noise", "sigma": sigma}
        return enhance.restore(clean(), denoiser=lambda image, noise: image, degradation=given).notes

    assert noted(0.1) == ("sigma=0.1 is on the scale of 255; 25.5 on that of [0, 1]",)
    assert noted(25) == noted(1) == ()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="device=cuda is not available here"):
        enhance.restore(clean(), device="cuda")
