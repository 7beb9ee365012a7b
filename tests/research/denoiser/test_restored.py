"""Samples in the midst of a restoration: their degradations, their passes, and where their error counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor
from torch.nn import functional

from enhance.config.restoration import CouplingConfig
from enhance.restoration.blur import Blurred
from enhance.restoration.cells import JpegCells
from enhance.restoration.downscaling import Downscaled
from research.denoiser.__main__ import main
from research.denoiser.degraded import LEAST_SIDE, Draws, random_plan
from research.denoiser.restored import restored_samples
from research.denoiser.samples import Pool


def waves(side: int) -> Tensor:
    """A smooth picture in bytes, (3, side, side), that no turn leaves as it is."""
    along = torch.arange(side) / 9
    plane = 0.5 + 0.2 * torch.sin(along)[:, None] + 0.2 * torch.cos(0.6 * along + 1)
    return (255 * plane).round().to(torch.uint8).expand(3, -1, -1)


def draws(seed: int) -> Draws:
    return Draws(Generator().manual_seed(seed))


def smoothed(image: Tensor, noise: Tensor) -> Tensor:
    return functional.avg_pool2d(image, 5, 1, 2, count_include_pad=False)


def test_crops_meet_what_was_observed_of_them() -> None:
    clean, kinds = waves(96)[None].float() / 255, Counter[type]()
    for seed in range(60):
        observation = random_plan(clean, draws(seed)).observation
        kinds[type(observation)] += 1
        if isinstance(observation, JpegCells):
            assert observation.misfit(clean) < 0.02  # of a step
        else:
            quantisation = 0.29 if observation.noise == 0 else 0.0
            assert observation.misfit(clean) == pytest.approx(255 * observation.noise + quantisation, rel=0.1)
    assert kinds[Blurred] > kinds[Downscaled] > 0
    assert kinds[JpegCells] > 20


def test_the_widest_blur_leaves_enough_of_the_smallest_crop() -> None:
    clean = waves(LEAST_SIDE)[None].float() / 255
    found = [random_plan(clean, draws(seed)).observation for seed in range(100)]
    assert max(each.kernel.shape[0] for each in found if isinstance(each, Blurred)) == 33


# Of 88 pixels the Fourier transform needs a larger estimate.
@pytest.mark.parametrize("side", [pytest.param(88, marks=pytest.mark.slow), 96])
def test_samples_are_what_the_denoiser_was_given_of_their_own_crops(side: int) -> None:
    pool, given = Pool.of([waves(side + 8)], side), list[Tensor]()

    def kept(image: Tensor, noise: Tensor) -> Tensor:
        given.append(image[..., :side, :side])
        return smoothed(image, noise)

    for seed in range(6):
        given.clear()
        made = restored_samples(pool, side, 7, kept, Generator().manual_seed(seed))
        known = torch.cat(given)
        assert made.noisy.shape == made.clean.shape == (7, 3, side, side)
        for clean, noisy, seen in zip(made.clean, made.noisy, made.seen, strict=True):
            assert (known == noisy).flatten(1).all(1).any()
            error = (noisy - clean)[:, seen[0]].square().mean()
            assert error < (noisy.roll(8, 1) - clean)[:, seen[0]].square().mean()
            assert error < 0.3 * clean.var()


def test_the_error_counts_where_the_observation_shows_the_picture() -> None:
    pool, counts = Pool.of([waves(104)], 96), set[int]()
    for seed in range(12):
        made = restored_samples(pool, 96, 3, smoothed, Generator().manual_seed(seed))
        counts.update(made.seen.flatten(1).sum(1).tolist())
        for seen in made.seen[:, 0]:
            rows, columns = seen.any(1), seen.any(0)
            assert seen.sum() == rows.sum() * columns.sum()
            assert torch.equal(rows, rows.flip(0))  # as much is missing above as below
    assert max(counts) == 96**2
    assert (96 - 16) ** 2 > min(counts) >= (96 - 32) ** 2


def test_later_passes_are_taken_more_often() -> None:
    taken = Counter(place for seed in range(200) for place in draws(seed).of_rising_weights(6, 2))
    assert taken[5] > taken[3] > taken[0] > 0


def test_the_denoiser_is_given_the_level_of_the_pass() -> None:
    made = restored_samples(Pool.of([waves(104)], 96), 96, 24, smoothed, Generator().manual_seed(0))
    levels = 255 * made.maps.flatten(1)
    torch.testing.assert_close(levels.amax(1), levels.amin(1))
    assert levels.max() == pytest.approx(CouplingConfig.first)
    assert levels[:, 0].unique().numel() > 8
    assert levels.min() >= CouplingConfig.last - 1e-4


@pytest.mark.parametrize(
    ("settings", "said"), [(("crop=64",), "at least 72"), (("crop=96", "batch=1"), "no sample of batch=1")]
)
def test_settings_that_leave_no_restored_sample_are_refused(
    settings: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([f"photos={tmp_path}", f"folder={tmp_path / 'x'}", "restored=0.4", *settings])
    assert said in capsys.readouterr().err
