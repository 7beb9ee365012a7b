"""A picture with a wide RGB profile is restored in its own values: its file keeps them, all else sees sRGB."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from profiles import ADOBE_RGB, P3, PROPHOTO, SRGB, cube, parametric, power, profile, table
from safetensors.torch import save_file
from skimage.data import astronaut
from torch import Tensor

import enhance
from enhance.cli.commands import RESTORE
from enhance.cli.commands.restore import run
from enhance.cli.overrides import tool_settings
from enhance.images import png
from enhance.images.arrays import ImageError, to_array
from enhance.images.reading import read
from enhance.restoration.denoiser import Denoiser
from enhance.utils.profiles import srgb_profile

WIDE = {
    "Display P3": profile(P3, parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045), "Display P3"),
    "Adobe RGB": profile(ADOBE_RGB, power(2.19921875), "Adobe RGB"),
    "ProPhoto": profile(PROPHOTO, power(1.8), "ProPhoto"),
    "by a table": profile(P3, table(2.2), "by a table"),
}
TASKS: dict[str, dict[str, Any]] = {
    "denoise": {"degradation": {"name": "gaussian_noise", "sigma": 4}},
    "deblur": {"degradation": {"name": "gaussian_blur", "sigma": 1, "noise": 1}},
    "upscale": {"factor": 2},
    "jpeg": {},
}
CLEAN: dict[str, Any] = {"degradation": {"name": "gaussian_noise", "sigma": 0}}
INSIDE = np.s_[12:20, 12:20]  # a red square, where a lossy picture has no edge
KEPT = "is restored in its own colour profile"


def vivid() -> np.ndarray:
    """A photograph in 16 bits, with colours at the end of its space: red, green and blue beyond those of sRGB."""
    values = astronaut()[:64, 180:260].astype(np.uint16) * 257
    for place in range(3):
        values[8:24, 8 + 16 * place : 24 + 16 * place] = 2000
        values[8:24, 8 + 16 * place : 24 + 16 * place, place] = 64000
    return values


def written(folder: Path, given: bytes | None, bits: int = 8, suffix: str = ".png", **settings: Any) -> Path:
    file = folder / f"photo{suffix}"
    if bits == 16 and suffix == ".png":
        file.write_bytes(png.encode(vivid(), given or srgb_profile()))
    elif bits == 16:
        tifffile.imwrite(file, vivid(), photometric="rgb", iccprofile=given)
    else:
        Image.fromarray((vivid() >> 8).astype(np.uint8)).save(file, icc_profile=given, **settings)
    return file


def stored(file: Path) -> np.ndarray:
    """The samples of a file, whatever its profile."""
    if read(file, own=True).bits == 8:
        return np.asarray(Image.open(file).convert("RGB")).astype(int)
    return (read(file, own=True).image[0].permute(1, 2, 0).numpy() * 65535).round().astype(int)


def embedded(file: Path) -> bytes:
    with Image.open(file) as opened:
        return opened.info["icc_profile"]


def same(image: Tensor, noise: Tensor) -> Tensor:
    return image


def smooth(image: Tensor, noise: Tensor) -> Tensor:
    padded = torch.nn.functional.pad(image, [1] * 4, mode="replicate")
    return torch.nn.functional.avg_pool2d(padded, 3, 1)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("space", WIDE)
def test_colours_beyond_srgb_come_back(tmp_path: Path, space: str, bits: int) -> None:
    file = written(tmp_path, WIDE[space], bits)
    seen = enhance.load_image(file)
    assert seen.min() == 0  # what sRGB does not reach is clipped
    restored = enhance.restore(file, **CLEAN, denoiser=same)
    restored.save(tmp_path / "result.png")
    assert np.abs(stored(tmp_path / "result.png") - stored(file)).max() <= 1
    assert embedded(tmp_path / "result.png") == restored.profile == WIDE[space]
    assert (restored.image - seen).abs().max() < 1.1 / 255
    assert any(f"photo.png {KEPT} ({space})" in note for note in restored.notes)
    assert not any("converted" in note for note in restored.notes)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("task", TASKS)
def test_the_file_of_each_task_shows_the_result(tmp_path: Path, task: str, bits: int) -> None:
    file = written(tmp_path, WIDE["Adobe RGB"], 8 if task == "jpeg" else bits, ".jpg" if task == "jpeg" else ".png")
    restored = enhance.restore(file, task, **TASKS[task], denoiser=smooth)
    restored.save(tmp_path / "result.png", bits=bits)
    found = read(tmp_path / "result.png")
    assert found.bits == bits
    assert embedded(tmp_path / "result.png") == WIDE["Adobe RGB"]
    assert restored.own is not None
    assert np.array_equal(stored(tmp_path / "result.png"), to_array(restored.own, bits))
    rounding = (found.image - restored.image).abs()  # some levels where sRGB ends, whose shadows are steep
    assert rounding.mean() < 0.5 / (255 if bits == 8 else 65535)
    assert rounding.max() < 8 / (255 if bits == 8 else 65535)
    assert (restored.own - restored.image).abs().max() > 0.05
    assert restored.bits == (8 if task == "jpeg" else bits)


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".jpg"])
def test_other_formats_keep_the_profile(tmp_path: Path, suffix: str) -> None:
    file = written(tmp_path, WIDE["Display P3"], 16 if suffix == ".tif" else 8, suffix)
    restored = enhance.restore(file, **CLEAN, denoiser=same)
    restored.save(tmp_path / f"result{suffix}")
    assert np.abs(stored(tmp_path / f"result{suffix}") - stored(file)).mean() <= (2 if suffix == ".jpg" else 0)
    assert embedded(tmp_path / f"result{suffix}") == WIDE["Display P3"]


def test_a_format_without_profiles_is_refused(tmp_path: Path) -> None:
    restored = enhance.restore(written(tmp_path, WIDE["Display P3"]), **CLEAN, denoiser=same)
    with pytest.raises(ImageError, match=r"BMP holds no colour profile; end the name in \.png"):
        restored.save(tmp_path / "result.bmp")
    assert not (tmp_path / "result.bmp").exists()


def test_the_noise_is_that_of_the_files_own_values(tmp_path: Path) -> None:
    """In ProPhoto the same noise is nearly twice as strong once it is converted to sRGB."""
    values = 0.2 + 0.6 * vivid() / 65535
    noisy = values + 12 / 255 * np.random.default_rng(0).standard_normal(values.shape)
    Image.fromarray((255 * noisy).round().astype(np.uint8)).save(tmp_path / "x.png", icc_profile=WIDE["ProPhoto"])
    levels: list[float] = []
    restored = enhance.restore(
        tmp_path / "x.png", denoiser=lambda image, noise: levels.append(255 * noise.mean().item()) or image
    )
    assert levels[0] == pytest.approx(12, rel=0.1)
    assert restored.estimated["sigma"] == pytest.approx(12, rel=0.1)


def test_a_reference_is_compared_in_srgb(tmp_path: Path) -> None:
    file = written(tmp_path, WIDE["Display P3"], 16)
    plain = tmp_path / "plain.png"
    enhance.save_image(enhance.load_image(file), plain, bits=16)
    for reference in (file, plain):
        restored = enhance.restore(file, **TASKS["denoise"], denoiser=smooth, reference=reference)
        error = (restored.image - enhance.load_image(file)).square().mean().item()
        assert restored.figures["psnr"] == pytest.approx(-10 * np.log10(error), abs=0.01)
        assert restored.figures["initial_psnr"] > 100  # the same picture


def test_a_grey_picture_in_a_wide_space_stays_grey(tmp_path: Path) -> None:
    grey = np.asarray(Image.fromarray((vivid() >> 8).astype(np.uint8)).convert("L"))
    Image.fromarray(grey).save(tmp_path / "x.png", icc_profile=WIDE["ProPhoto"])
    told: list[float] = []
    restored = enhance.restore(
        tmp_path / "x.png",
        **TASKS["denoise"],
        denoiser=lambda image, noise: told.append(255 * noise.mean().item()) or image,
    )
    assert told == pytest.approx([4 * 3**0.5])
    restored.save(tmp_path / "result.png")
    assert np.array_equal(stored(tmp_path / "result.png"), grey[..., None].repeat(3, -1))


def test_the_orientation_holds(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    file = written(tmp_path, WIDE["Display P3"], suffix=".jpg", exif=exif, quality=95, subsampling=0)
    restored = enhance.restore(file, "jpeg", denoiser=same)
    restored.save(tmp_path / "result.png")
    with Image.open(file) as opened:
        upright = np.asarray(opened.transpose(Image.Transpose.ROTATE_270)).astype(int)
    assert np.abs(stored(tmp_path / "result.png") - upright).max() <= 4
    assert (restored.image - enhance.load_image(file)).abs().mean() < 1 / 255


def test_an_image_of_pillow_keeps_its_profile(tmp_path: Path) -> None:
    with Image.open(written(tmp_path, WIDE["Adobe RGB"])) as opened:
        opened.load()
        restored = enhance.restore(opened, **CLEAN, denoiser=same)
    assert restored.profile == WIDE["Adobe RGB"]


def _transparent(file: Path) -> None:
    values = (vivid() >> 8).astype(np.uint8)
    clear = np.full((*values.shape[:2], 1), 128, np.uint8)
    Image.fromarray(np.concatenate([values, clear], -1)).save(file, icc_profile=WIDE["Display P3"])


NOT_KEPT = {
    "none": None,
    "sRGB": srgb_profile(),
    "linear": profile(P3, power(1.0)),
    "nearly linear": profile(P3, power(1.3)),
    "tables": profile(P3, power(2.2), extra={b"A2B0": cube()}),
    "cut short": WIDE["Display P3"][:200],
    "no profile": b"not a profile at all, but long enough to be looked at" * 4,
    "grey": profile(None, power(2.2)),
    "larger than a PNG can hold": profile(P3, power(2.2), extra={b"data": b"data" + bytes(2**21)}),
    "of other colours than its tags say": profile(P3, power(2.2), extra={b"A2B0": b"text" + bytes(60)}),
    "of a raised black, which littlecms maps otherwise": profile(P3, parametric(2, 2.0, 0.9, 0.1, 0.05)),
    "of a falling curve": profile(SRGB, parametric(3, 2.2, -1.0, 1.0, 0.0, 0.0)),
}


@pytest.mark.parametrize("kind", NOT_KEPT)
@pytest.mark.parametrize("bits", [8, 16])
def test_other_profiles_are_converted_as_everywhere(tmp_path: Path, kind: str, bits: int) -> None:
    file = written(tmp_path, NOT_KEPT[kind], bits, ".tif" if "larger" in kind else ".png")
    restored = enhance.restore(file, **CLEAN, denoiser=same)
    assert (restored.own, restored.profile) == (None, b"")
    assert restored.notes == read(file).notes
    assert torch.allclose(restored.image, read(file).image, atol=1e-6)  # the mean of three equal channels rounds
    restored.save(tmp_path / "result.png")
    enhance.save_image(restored.image, tmp_path / "expected.png", bits=bits)
    assert (tmp_path / "result.png").read_bytes() == (tmp_path / "expected.png").read_bytes()
    assert embedded(tmp_path / "result.png") == srgb_profile()


def test_transparent_pixels_are_laid_on_a_colour_of_srgb(tmp_path: Path) -> None:
    _transparent(tmp_path / "x.png")
    restored = enhance.restore(tmp_path / "x.png", **CLEAN, denoiser=same, background="navy")
    assert restored.own is None
    assert torch.equal(restored.image, enhance.load_image(tmp_path / "x.png", background="navy"))


def test_high_dynamic_range_is_refused_as_everywhere(tmp_path: Path) -> None:
    file = written(tmp_path, profile(P3, power(2.2), "Rec2020 PQ"))
    with pytest.raises(ImageError, match=r"high dynamic range \(PQ\)"):
        enhance.restore(file, **CLEAN, denoiser=same)


@pytest.mark.parametrize("bits", [8, 16])
def test_what_a_run_shows_is_in_srgb(tmp_path: Path, bits: int, capsys: pytest.CaptureFixture[str]) -> None:
    file, folder = written(tmp_path, WIDE["Display P3"], bits), tmp_path / "run"
    torch.manual_seed(0)
    weights = tmp_path / "weights.safetensors"
    save_file({name: 0.1 * value for name, value in Denoiser().state_dict().items()}, weights)
    given = ["task=denoise", f"image={file}", f"reference={file}", "degradation.sigma=4"]
    run(tool_settings(RESTORE, [*given, f"output={folder}", f"denoiser.weights={weights}"]))
    assert f"note: photo.png {KEPT} (Display P3), which the file of the result keeps" in capsys.readouterr().err
    result = read(folder / "result.png")
    assert (embedded(folder / "result.png"), result.bits) == (WIDE["Display P3"], bits)
    shown = [folder / "initial.png", folder / "reference.png", *(folder / "frames").glob("*.png")]
    assert {embedded(each) for each in shown} == {srgb_profile()}
    last = max((folder / "frames").glob("*.png"))
    assert (read(last).image - result.image).abs().max() < 2.1 / 255
    assert (read(folder / "initial.png").image - enhance.load_image(file)).abs().max() < 1.6 / 255
    pictures = re.findall(r"data:image/webp;base64,([\w+/=]+)", (folder / "report.html").read_text())
    before, after = (_pixels(base64.b64decode(each)) for each in pictures[:2])
    assert np.abs(before - _bytes(enhance.load_image(file)))[INSIDE].max() <= 2
    assert np.abs(after - _bytes(result.image))[INSIDE].max() <= 2
    assert np.abs(after - _bytes(read(folder / "result.png", own=True).image))[INSIDE].mean() > 3  # as if it were sRGB


def _pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as opened:
        return np.asarray(opened.convert("RGB")).astype(float)


def _bytes(image: Tensor) -> np.ndarray:
    return 255 * image[0].permute(1, 2, 0).numpy()


def test_a_large_picture_is_converted_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = read(written(tmp_path, WIDE["Adobe RGB"], 16), own=True)
    assert found.wide is not None
    whole = found.wide.in_srgb(found.image)
    monkeypatch.setattr("enhance.images.wide._PIXELS", 500)
    assert torch.equal(found.wide.in_srgb(found.image), whole)
    assert torch.allclose(whole, enhance.load_image(tmp_path / "photo.png"), atol=1e-4)
