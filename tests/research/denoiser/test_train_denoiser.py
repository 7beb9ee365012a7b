"""The training of the denoiser, in small: it learns, and a run that was cut off ends as one that was not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from enhance.images.writing import save_image
from enhance.restoration.denoiser import LAST, PERCEPTUAL
from research.denoiser import training
from research.denoiser.__main__ import main
from research.denoiser.samples import Pool, Samples, generator_of, noisy_samples


@pytest.fixture
def photos(tmp_path: Path, generator: torch.Generator) -> Path:
    for number in range(7):
        save_image(torch.rand(1, 3, 74, 80, generator=generator), tmp_path / "photos" / f"{number}.png")
    return tmp_path / "photos"


def arguments(photos: Path, folder: Path, *more: str) -> list[str]:
    return [f"photos={photos}", f"folder={folder}", "steps=3", "batch=2", "crop=16", "threads=1", "checkpoint=0", *more]


@pytest.mark.parametrize(
    "settings",
    [
        ("muon=true",),
        pytest.param(("muon=false",), marks=pytest.mark.slow),
        ("restored=0.5", "crop=72"),
        pytest.param(("restored=1", "crop=72"), marks=pytest.mark.slow),
    ],
)
def test_a_run_that_was_cut_off_ends_as_one_that_was_not(
    settings: tuple[str, ...], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(arguments(photos, tmp_path / "whole", *settings))
    update, calls = training.DenoiserTraining.update, list[int]()

    def cut_off(self: training.DenoiserTraining, samples: Samples, factor: float) -> float:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return update(self, samples, factor)

    monkeypatch.setattr(training.DenoiserTraining, "update", cut_off)
    for code in (130, None):
        if code:
            with pytest.raises(SystemExit, match=str(code)):
                main(arguments(photos, tmp_path / "cut", *settings))
        else:
            main(arguments(photos, tmp_path / "cut", *settings))
    files = [tmp_path / name / "denoiser.safetensors" for name in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert all(value.isfinite().all() for value in load_file(files[0]).values())


def test_noise_has_the_deviation_of_its_map() -> None:
    pool = Pool.of([torch.full((3, 40, 40), 128, dtype=torch.uint8)], 32)
    made = noisy_samples(pool, 32, 16, generator_of(torch.device("cpu"), seed=1, step=0))
    measured = ((made.noisy - made.clean) / made.maps.clamp_min(1e-6)).flatten(1).std(1)
    assert torch.allclose(measured, torch.ones(16), atol=0.06)
    assert made.maps.flatten(1).amax(1).unique().numel() > 10


def test_crops_are_squares_of_the_photographs_turned_and_mirrored(generator: torch.Generator) -> None:
    images = [torch.randint(256, (3, side, side + 2), generator=generator, dtype=torch.uint8) for side in (9, 12)]
    pool = Pool.of(images, 8)
    assert pool.native == 2
    assert len(pool.sizes) == 5  # one copy of the smaller and two of the larger hold a crop
    copies = [
        pool.data[start : start + 3 * height * width].reshape(3, height, width)
        for start, (height, width) in zip(pool.starts.tolist(), pool.sizes.tolist(), strict=True)
    ]
    squares = {
        turned.flip(-1).numpy().tobytes() if mirrored else turned.contiguous().numpy().tobytes()
        for copy in copies
        for rows in copy.unfold(1, 8, 1).unfold(2, 8, 1).permute(1, 2, 0, 3, 4)
        for square in rows
        for turned in (square.rot90(k, (1, 2)) for k in range(4))
        for mirrored in (False, True)
    }
    found = pool.crops(8, 200, generator)
    drawn = {(crop * 255).round().to(torch.uint8).contiguous().numpy().tobytes() for crop in found}
    assert drawn <= squares
    assert len(drawn) > 100


def test_photographs_smaller_than_a_crop_are_left_out_and_one_must_stay() -> None:
    small, large = (torch.zeros((3, side, side), dtype=torch.uint8) for side in (10, 20))
    assert Pool.of([small, large], 16).sizes[0].tolist() == [20, 20]
    with pytest.raises(ValueError, match="smaller crop="):
        Pool.of([small], 16)


def test_a_crop_that_the_network_cannot_fold_is_refused(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments(photos, tmp_path / "x", "crop=20"))
    assert "multiple of 8" in capsys.readouterr().err


def test_the_twin_has_last_layers_of_its_own(photos: Path, tmp_path: Path) -> None:
    main(arguments(photos, tmp_path / "own"))
    start = tmp_path / "own" / "denoiser.safetensors"
    main(arguments(photos, tmp_path / "twin", f"start={start}", "perceptual=1"))
    own, both = load_file(start), load_file(tmp_path / "twin" / "denoiser.safetensors")
    assert all(torch.equal(both[key], value) for key, value in own.items())
    twin = {key.removeprefix(PERCEPTUAL): value for key, value in both.items() if key not in own}
    assert set(twin) == {key for key in own if key.startswith(LAST)}
    assert all(not torch.equal(value, own[key]) for key, value in twin.items())


def test_weights_are_trained_on(photos: Path, tmp_path: Path) -> None:
    main(arguments(photos, tmp_path / "own"))
    start = tmp_path / "own" / "denoiser.safetensors"
    main(arguments(photos, tmp_path / "on", f"start={start}", "learning_rate=1e-9"))
    own, on = load_file(start), load_file(tmp_path / "on" / "denoiser.safetensors")
    for key, value in own.items():
        torch.testing.assert_close(on[key], value)


def test_a_share_of_the_weights_before_is_kept(photos: Path, tmp_path: Path) -> None:
    main(arguments(photos, tmp_path / "own"))
    start = tmp_path / "own" / "denoiser.safetensors"
    for keep in (0, 0.25):
        main(arguments(photos, tmp_path / str(keep), f"start={start}", f"keep={keep}"))
    own, new, mixed = (load_file(tmp_path / name / "denoiser.safetensors") for name in ("own", "0", "0.25"))
    for key, value in mixed.items():
        torch.testing.assert_close(
            value, (0.75 * new[key].float() + 0.25 * own[key].float()).half(), rtol=2e-3, atol=1e-5
        )


def test_uneven_noise_does_not_show_the_crop_that_it_lies_on(generator: torch.Generator) -> None:
    steps = torch.linspace(0, 1, 64)[:, None].expand(64, 64)
    pool = Pool.of([(255 * steps).to(torch.uint8).expand(3, -1, -1)], 64)
    alike, uneven = 0, 0
    for step in range(8):
        made = noisy_samples(pool, 64, 16, generator_of(torch.device("cpu"), seed=2, step=step))
        for crop, noise in zip(made.clean.mean(1).flatten(1), made.maps.flatten(1), strict=True):
            if noise.std() > 1e-6 * noise.mean():
                uneven += 1
                alike += torch.corrcoef(torch.stack([crop, noise]))[0, 1].item() > 0.9
    assert uneven > 12
    assert alike < 0.8 * uneven


def test_a_twin_without_weights_to_start_from_is_refused(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments(photos, tmp_path / "x", "perceptual=1"))
    assert "needs start=FILE" in capsys.readouterr().err
