"""Images and lists by URL; what cannot be read is a sentence."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import fsspec
import pytest
import torch
from PIL import Image

from enhance.cli.overrides import tool_settings
from enhance.cli.quoting import quoted
from enhance.images.reading import ImageError
from enhance.images.writing import save_image
from enhance.scoring import PairsError, read_pairs
from enhance.scoring.sources import digest, open_source


def use(*arguments: str) -> int:
    return import_module("enhance.cli.commands.score").run(tool_settings("score", quoted(arguments)))


@pytest.fixture
def store(tmp_path: Path, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """memory://lab with two pairs and a list, and the same files in the caller's folder."""
    memory = fsspec.filesystem("memory")
    for name in ("r0", "r1", "i0", "i1"):
        save_image(torch.rand(1, 3, 8, 9, generator=generator), tmp_path / f"{name}.png")
        memory.pipe(f"/lab/{name}.png", (tmp_path / f"{name}.png").read_bytes())
    text = "reference,image\nr0.png,i0.png\nmemory://lab/r1.png,i1.png\n"
    memory.pipe("/lab/pairs.csv", text.encode())
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    memory.rm("/lab", recursive=True)


def rows(table: Path) -> list[dict[str, str]]:
    with open(table, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_a_list_and_its_images_may_lie_in_any_store(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store / "local.csv").write_text("reference,image\nr0.png,i0.png\nr1.png,i1.png\n")
    assert use("pairs=memory://lab/pairs.csv", "metric=psnr", "output=far.csv") == 0
    assert use("pairs=local.csv", "metric=psnr", "output=local-scores.csv") == 0
    assert [row["image"] for row in rows(store / "far.csv")] == ["memory://lab/i0.png", "memory://lab/i1.png"]
    assert [row["psnr"] for row in rows(store / "far.csv")] == [row["psnr"] for row in rows(store / "local-scores.csv")]
    fsspec.filesystem("memory").pipe("/lab/i1.png", (store / "i0.png").read_bytes())
    capsys.readouterr()
    assert use("pairs=memory://lab/pairs.csv", "metric=psnr", "output=far.csv") == 0
    assert "1 pair scored, 1 were there already" in capsys.readouterr().out  # what changed is scored anew


def test_two_urls_are_a_pair(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=memory://lab/r0.png", "image=memory://lab/i0.png", "metric=psnr", "format=json") == 0
    far = json.loads(capsys.readouterr().out)["scores"][0]["score"]
    assert use("reference=r0.png", "image=i0.png", "metric=psnr", "format=json") == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["score"] == far


def test_a_url_that_cannot_be_read_costs_its_pair_only(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["r0.png,memory://lab/gone.png", "r0.png,nowhere://lab/a.png", "r0.png,i0.png"]
    (store / "local.csv").write_text("\n".join(["reference,image", *lines]) + "\n")
    assert use("pairs=local.csv", "metric=psnr") == 1
    said = capsys.readouterr().err
    assert "skipped memory://lab/gone.png: memory://lab/gone.png cannot be read (" in said
    assert "skipped nowhere://lab/a.png: nowhere://lab/a.png cannot be read (Protocol not known: nowhere)" in said
    assert len(rows(store / "scores.csv")) == 1


def test_notes_and_messages_name_the_url_and_no_temporary_file(store: Path, tmp_path: Path) -> None:
    Image.new("RGBA", (16, 16), (9, 9, 9, 128)).save(tmp_path / "clear.png")
    memory = fsspec.filesystem("memory")
    memory.pipe("/lab/clear.png", (tmp_path / "clear.png").read_bytes())
    memory.pipe("/lab/bad.png", b"no image")
    picture = open_source("memory://lab/clear.png")
    assert picture.notes == ("the transparent pixels of clear.png are laid on white",)
    assert picture.source == "memory://lab/clear.png"
    with pytest.raises(ImageError, match=r"^memory://lab/bad\.png is a text file"):
        open_source("memory://lab/bad.png")


def test_a_store_without_versions_is_identified_by_its_bytes(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = type(fsspec.filesystem("memory"))
    info = memory.info
    monkeypatch.setattr(memory, "info", lambda *given: {key: info(*given)[key] for key in ("name", "size", "type")})
    before = digest("memory://lab/i0.png")
    data = (store / "i0.png").read_bytes()
    fsspec.filesystem("memory").pipe("/lab/i0.png", data[:-1] + b"x")
    assert before != digest("memory://lab/i0.png") != ""
    fsspec.filesystem("memory").pipe("/lab/i0.png", data)
    assert digest("memory://lab/i0.png") == before
    assert digest("memory://lab/gone.png") == ""


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("memory://lab/gone.csv", None, "gone.csv cannot be read"),
        ("nowhere://lab/pairs.csv", None, "Protocol not known"),
        ("memory://lab/empty.csv", "", "empty.csv is empty"),
        ("memory://lab/none.csv", "reference,image\n", "has no rows"),
        ("memory://lab/other.csv", "reference,picture\na,b\n", "no column 'image'"),
        ("gone.parquet", None, "pairs=gone.parquet: there is no such file."),
    ],
)
def test_a_list_that_cannot_be_read_is_a_sentence(name: str, text: str | None, sentence: str, store: Path) -> None:
    if text is not None:
        fsspec.filesystem("memory").pipe(name.removeprefix("memory:/"), text.encode())
    with pytest.raises(PairsError, match=r"\S") as raised:
        read_pairs(name)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted as Linux lists them")
def test_parquet_is_read_without_threads_that_abort_a_process_which_ends_soon(store: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"reference": ["r0.png"], "image": ["i0.png"]}), store / "pairs.parquet")
    script = (
        "import os, pyarrow.parquet\n"
        "from enhance.scoring import read_pairs\n"
        "before = len(os.listdir('/proc/self/task'))\n"
        "read_pairs('pairs.parquet')\n"
        "print(len(os.listdir('/proc/self/task')) - before)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_what_parquet_and_ray_need_is_said(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (store / "pairs.parquet").write_bytes(b"PAR1")
    (store / "local.csv").write_text("reference,image\nr0.png,i0.png\n")
    for module in ("pyarrow", "pyarrow.parquet", "ray", "ray.data"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(PairsError, match=r"Parquet is read after pip install 'enhance\[ray\]'"):
        read_pairs("pairs.parquet")
    with pytest.raises(ValueError, match=r"engine=ray needs pip install 'enhance\[ray\]'"):
        use("pairs=local.csv", "metric=psnr", "engine=ray")
    assert not (store / "scores.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["address=auto"], "address= goes with engine=ray"),
        (["cores=2"], "cores= goes with engine=ray"),
        (["engine=ray", "workers=2"], "workers= goes with engine=local"),
        (["output=s3://bucket/scores.csv"], "must be a file of this machine"),
        (["engine=ray", "cores=0"], "at least 1"),
        (["workers=-1"], "at least 0"),
    ],
)
def test_settings_of_engines_that_change_nothing_are_refused(arguments: list[str], sentence: str, store: Path) -> None:
    (store / "local.csv").write_text("reference,image\nr0.png,i0.png\n")
    with pytest.raises(ValueError, match=r"\S") as raised:
        use("pairs=local.csv", "metric=psnr", *arguments)
    assert sentence in str(raised.value)
