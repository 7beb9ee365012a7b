"""What `make gpu` measures, in small, on every device that is here."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu_checks import CHECKS, Row, Setting, backbone
from enhance.metrics.deep.named import DEEP_METRICS


def rows(name: str, device: torch.device) -> list[Row]:
    return CHECKS[name](Setting(device, size=16, steps=4, rounds=1, backbones=("vgg_compact",)))


def test_values_and_gradients_are_those_of_the_cpu(device: torch.device) -> None:
    found = {"Parity": rows("Parity", device), "The loop": [], "Half precision": []}
    assert [row["measure"] for row in found["Parity"]] == list(DEEP_METRICS)
    assert not list(gpu.wrong(found))


def test_the_loop_lowers_the_loss_and_resumes(device: torch.device) -> None:
    for row in rows("The loop", device):
        assert row["loss at last"] < row["loss at first"]
        limit = 0 if device.type == "cpu" else 1e-3
        assert row["same twice"] <= limit
        assert row["same resumed"] <= limit
        assert row["deterministic: same twice"] == 0
        assert row["its step costs"] > 0


def test_half_precision_has_finite_gradients(device: torch.device) -> None:
    for row in rows("Half precision", device):
        assert row["finite"]
        assert row["loss"] < 0.05


@pytest.mark.slow
def test_the_cost_of_a_step_is_counted(device: torch.device) -> None:
    found = rows("Cost of a step", device)
    precisions = ["float32", "TF32", "bfloat16"] if device.type == "cuda" else ["float32", "bfloat16"]
    assert [(row["images"], row["network in"]) for row in found] == [
        (images, precision) for images in (1, 8) for precision in precisions for _ in DEEP_METRICS
    ]
    for row in found:
        assert row["step / network"] == pytest.approx(row["step ms"] / row["network ms"])
        assert row["operators beyond the network"] > 0
        assert row["waits"] == 0
        assert row["scored images/s"] > 0
        assert math.isnan(row["MiB beyond the network"]) == (device.type != "cuda")


def test_the_network_built_here_is_the_published_one() -> None:
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        theirs = torchvision.models.vgg19(weights=None).features.state_dict()
    ours = [tensor.shape for tensor in backbone("vgg19").state_dict().values()]
    assert ours == [tensor.shape for tensor in theirs.values()]


def test_what_is_outside_its_limits_has_a_sentence(tmp_path: Path) -> None:
    parity = {"measure": "deepjsd", "backbone": "vgg19", "loss": 1e-3, "score": math.nan, "gradient": 1e-6}
    loop = {"measure": "deepwsd", "loss at first": 1.0, "loss at last": 1.0, "deterministic: same twice": 0.5}
    half = {"measure": "deepskld", "network in": "float16", "finite": False}
    sentences = list(gpu.wrong({"Parity": [parity], "The loop": [loop], "Half precision": [half]}))
    assert sentences[0] == "DeepJSD in vgg19: the loss is off by 1.0e-03, limit 1e-04."
    assert [sentence.partition(":")[0] for sentence in sentences] == ["DeepJSD in vgg19"] * 2 + [
        "DeepWSD",
        "DeepWSD",
        "DeepSKLD",
    ]


def test_the_script_writes_a_page_of_the_cpu_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "CHECKS", {name: CHECKS[name] for name in ("Parity", "The loop")})
    monkeypatch.setattr(gpu, "wrong", lambda found: [])
    assert gpu.main(["--device", "cpu", "--small", "--page", str(tmp_path / "try.md")]) == 0
    page = (tmp_path / "try.md").read_text()
    assert page.startswith("# On a CPU")
    assert "| DeepJSD | vgg_compact |" in page
    assert gpu.main(["--device", "cpu"]) == 2
    assert "docs/gpu.md is for GPUs" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="measures where there is a GPU")
def test_without_a_gpu_the_page_stays(capsys: pytest.CaptureFixture[str]) -> None:
    before = gpu.PAGE.read_text()
    assert gpu.main([]) == 2
    assert "torch finds no CUDA device here" in capsys.readouterr().err
    assert gpu.PAGE.read_text() == before


def test_the_page_claims_nothing_that_was_not_measured() -> None:
    page = gpu.PAGE.read_text()
    assert page == gpu.UNMEASURED or "CUDA" in page.partition("## ")[0]
