"""How feature maps become 64-vectors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from enhance.metrics.deep.layouts import LAYOUTS, pad, spatial, strided, whole_windows


@pytest.mark.parametrize(
    ("size", "nearest", "up"), [(1, 8, 8), (4, 8, 8), (8, 8, 8), (12, 16, 16), (20, 16, 24), (28, 32, 32), (33, 32, 40)]
)
def test_sides_become_multiples_of_eight(size: int, nearest: int, up: int) -> None:
    assert (whole_windows(size, "nearest"), whole_windows(size, "up")) == (nearest, up)


def test_padding_is_on_the_left_and_at_the_bottom() -> None:
    padded = pad(torch.ones(1, 1, 5, 6), "up")[0, 0]
    assert padded.shape == (8, 8)
    assert padded[:5, 2:].min() == 1
    assert padded.sum() == 30


def test_cropping_takes_the_left_columns_and_the_bottom_rows() -> None:
    image = torch.arange(400.0).reshape(1, 1, 20, 20)
    assert torch.equal(pad(image, "nearest"), image[..., :16, 4:])


def test_a_strided_column_is_one_pixel_across_channels() -> None:
    maps = torch.rand(2, 128, 8, 8)
    columns = strided(maps)
    assert columns.shape == (2, 64, 128)
    assert torch.equal(columns[1, :, 8 * 3 + 5], maps[1, 0::2, 3, 5])
    assert torch.equal(columns[1, :, 64 + 8 * 3 + 5], maps[1, 1::2, 3, 5])


def test_a_spatial_column_is_a_window() -> None:
    maps = torch.rand(2, 3, 16, 24)
    columns = spatial(maps)
    assert columns.shape == (2, 64, 3 * 2 * 3)
    assert torch.equal(columns[1, :, 1 * 6 + 1 * 3 + 2].reshape(8, 8), maps[1, 1, 8:16, 16:24])


@given(
    channels=st.integers(1, 9),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    padding=st.sampled_from(["up", "nearest"]),
)
def test_every_entry_is_used_once(channels: int, height: int, width: int, padding: str) -> None:
    padded = pad(torch.rand(2, channels, height, width), padding)
    for layout in LAYOUTS.values():
        columns = layout(padded)
        assert columns.shape == (2, 64, channels * padded.shape[-2] * padded.shape[-1] // 64)
        assert torch.equal(columns.flatten(1).sort().values, padded.flatten(1).sort().values)
