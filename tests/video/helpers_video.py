"""Small lossless videos of known samples."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from enhance.images.arrays import Array

ffmpeg = pytest.importorskip("imageio_ffmpeg")

COLUMN = "deepjsd-squeezenet1_0"


def write(path: Path, frames: Sequence[Array], pixel_format: str = "gbrp", rate: str = "10", *settings: str) -> Path:
    """A video of planes (P, H, W) as they are; `settings` are of ffmpeg's output.

    Frames may be numbered by `setpts` among the settings, so that their times differ.
    """
    height, width = frames[0].shape[-2:]
    command = [ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", pixel_format]
    command += ["-s", f"{width}x{height}", "-r", rate, "-i", "-", "-c:v", "ffv1", "-fps_mode", "passthrough"]
    data = b"".join(frame.tobytes() for frame in frames)
    done = subprocess.run([*command, *settings, str(path)], input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


def noise(count: int, height: int = 24, width: int = 32, seed: int = 0) -> list[Array]:
    """Frames of 8 bits in the planes G, B, R."""
    generator = np.random.default_rng(seed)
    return [generator.integers(40, 200, (3, height, width), dtype=np.uint8) for _ in range(count)]


def shifted(frames: Sequence[Array], amounts: Sequence[int]) -> list[Array]:
    """The frames, each brighter by its amount."""
    return [frame + np.uint8(amount) for frame, amount in zip(frames, amounts, strict=True)]
