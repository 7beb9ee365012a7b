"""Whatever bytes come in, out comes a value or one of our sentences; `strange_bytes` says how they are made."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from strange_bytes import DOORS, with_checksums

from enhance.images.arrays import ImageError
from enhance.images.reading import from_pillow
from enhance.metrics.loading import load_metric
from enhance.report.run_data import RunData
from enhance.report.sweep.jobs import read_sweep
from enhance.scoring import Pair, PairsError, score_pairs
from enhance.scoring.scorers import Scorer

HERE = Path(__file__).resolve().parent
SECONDS = os.environ.get("STRANGE_SECONDS", "20")


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS)
def test_strange_bytes_come_to_a_value_or_a_sentence(door: str, tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "strange_bytes.py"), door, SECONDS, "1", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(HERE.parent), os.environ.get("PYTHONPATH", "")))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["found"] == {}
    assert found["inputs"] > 10


@pytest.mark.parametrize("kind", ["AVIF", "JPEG", "PNG", "WEBP"])
def test_a_damaged_image_that_pillow_has_opened_is_refused_in_a_sentence(kind: str) -> None:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    try:
        Image.fromarray(noise).save(stream, kind)
        opened = Image.open(io.BytesIO(stream.getvalue()[: len(stream.getvalue()) * 2 // 3]))
    except (KeyError, OSError):
        pytest.skip(f"this Pillow has no {kind}, or sees the damage at once")
    with pytest.raises(ImageError, match="image cannot be read whole"):
        from_pillow(opened)


def test_a_result_of_an_absurd_size_is_left_out_of_the_report(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (12, 12)).save(stream, "PNG")
    data = bytearray(stream.getvalue())
    data[16:24] = b"\0\xff\xff\xff" * 2  # width and height
    (tmp_path / "result.png").write_bytes(with_checksums(bytes(data)))
    found = RunData.read(tmp_path)
    assert found.result is None
    assert any("result.png cannot be read" in line for line in found.missing)


@pytest.mark.parametrize("content", [b"- \xe4\n", b"5\n", b"{a: 1}\n", b"", b"- [\n"])
def test_a_job_whose_overrides_are_damaged_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "0-recover" / "hydra").mkdir(parents=True)
    (tmp_path / "0-recover" / "hydra" / "overrides.yaml").write_bytes(content)
    assert read_sweep(tmp_path).jobs[0].settings == {}


def test_a_table_that_was_written_over_is_left_alone(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.new("RGB", (12, 12), "red").save(tmp_path / name)
    pairs = [Pair(str(tmp_path / "a.png"), str(tmp_path / "b.png"))]
    scorers = [Scorer("mse", load_metric("mse"))]
    table = tmp_path / "t.csv"
    score_pairs(pairs, scorers, table)
    whole = table.read_text()
    for content, sentence in (
        (whole.encode("utf-16"), "no table in UTF-8"),
        (whole.replace(",0,", ",zero,").encode(), "line 2: mse is 'zero', no number"),
        (whole.replace(",", ";").encode(), "other columns"),
    ):
        table.write_bytes(content)
        with pytest.raises(PairsError, match=sentence):
            score_pairs(pairs, scorers, table)
        assert table.read_bytes() == content
