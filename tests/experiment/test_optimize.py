"""`enhance.optimize`: the command's run from Python, whatever form the images have, and what a notebook shows of it."""

from __future__ import annotations

import io
import math
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers import network, settings
from PIL import Image
from torch import Tensor

import enhance
from enhance.config.groups import degradation_settings, group_settings
from enhance.config.schema import OptimizerConfig, ScheduleConfig, StoppingConfig
from enhance.experiment.run import run
from enhance.experiment.steps import steps
from enhance.images.arrays import to_array
from enhance.metrics import tiles
from enhance.metrics.deep.distance import DeepDistance
from enhance.metrics.deep.named import DEEP_METRICS
from enhance.optim.inputs import read_inputs
from enhance.optim.parametrizations import Pixels
from enhance.optim.schedules import constant
from enhance.optim.step import Step
from enhance.optim.stopping import Plateau
from enhance.runs.history import read


@pytest.fixture(scope="module")
def metric() -> DeepDistance:
    return enhance.DeepJSD(network("squeezenet"), prefilter=False, padding="up")


@pytest.fixture
def reference(images: tuple[Tensor, Tensor]) -> Tensor:
    """Of 8 bits, (1, 3, 24, 27)."""
    return (images[1][:1, :, :24, :27] * 255).round() / 255


@pytest.mark.parametrize("kind", [None, Pixels])
@pytest.mark.parametrize(("task", "name"), [("recover", "deepwsd"), ("denoise", "deepjsd"), ("jpeg", "deepskld")])
def test_it_makes_the_steps_of_the_command(task: str, name: str, kind: type[Pixels] | None, tmp_path: Path) -> None:
    moved = "pixels" if kind else "pyramid"
    config = settings(
        f"task={task}",
        f"metric={name}",
        f"parametrization={moved}",
        "reference=chelsea",
        "size=48",
        "steps=9",
        "device=cpu",
    )
    run(config, tmp_path, "a test")
    inputs = read_inputs("chelsea", config.task.initial, config.degradation, size=48)
    result = enhance.optimize(inputs.reference, inputs.initial, metric=name, steps=9, parametrization=kind or "pyramid")
    expected = read(tmp_path / "history.csv")
    assert [(row.step, row.loss, row.lr, row.psnr, row.ssim) for row in result.history] == [
        (row.step, row.loss, row.lr, row.psnr, row.ssim) for row in expected
    ]


def test_the_best_image_comes_back_with_its_row(metric: DeepDistance, reference: Tensor) -> None:
    losses: list[float] = []

    def until_worse(step: Step) -> str | None:
        losses.append(step.loss)
        return "worse" if step.loss > min(losses) else None

    result = enhance.optimize(
        reference, metric=metric, steps=30, callback=until_worse, learning_rate=0.5, schedule=constant
    )
    assert [row.loss for row in result.history] == losses
    assert result.best.loss == min(losses) < losses[-1]
    assert result.best.step == len(losses) - 2
    assert metric(result.image, reference) == pytest.approx(result.best.loss, rel=1e-4)
    assert math.isfinite(result.best.ssim)
    assert result.stop_reason == "worse"
    assert torch.equal(result.initial, torch.ones_like(reference))
    assert list(result.frames) == sorted(result.frames)
    assert torch.equal(result.frames[0], result.initial)
    assert f"step {result.best.step}" in repr(result)


def test_the_parametrization_is_the_users(metric: DeepDistance, reference: Tensor) -> None:
    result = enhance.optimize(reference, "grey", metric, 3, parametrization=Pixels, learning_rate=0.1)
    assert torch.equal(result.initial, torch.full_like(reference, 0.5))
    assert torch.equal(result.frames[0], result.initial)  # Pixels move on in the same memory
    assert not torch.equal(result.frames[3], result.initial)


@pytest.mark.parametrize("form", ["array", "floats", "pillow", "file", "text"])
def test_an_image_may_have_any_form(form: str, metric: DeepDistance, reference: Tensor, tmp_path: Path) -> None:
    file = tmp_path / "reference.png"
    enhance.save_image(reference, file)
    array = to_array(reference)
    forms: dict[str, Any] = {
        "array": array,
        "floats": array / 255,
        "pillow": Image.fromarray(array),
        "file": file,
        "text": str(file),
    }
    result = enhance.optimize(forms[form], forms[form], metric, 1)
    assert torch.allclose(result.reference, reference)
    assert torch.equal(result.reference, result.initial)
    assert result.best.loss == 0


def test_pillow_modes() -> None:
    from enhance.images.reading import from_pillow

    clear = Image.new("RGBA", (9, 8), (0, 0, 0, 0))
    assert torch.equal(from_pillow(clear).image, torch.ones(1, 3, 8, 9))
    palette = Image.new("RGB", (9, 8), (255, 0, 51)).convert("P")
    assert torch.allclose(from_pillow(palette).image[0, :, 0, 0], torch.tensor([1, 0, 0.2]))
    deep = Image.fromarray(np.full((8, 9), 13107, np.uint16))
    assert torch.allclose(from_pillow(deep).image, torch.full((1, 3, 8, 9), 0.2))
    with pytest.raises(ValueError, match="convert it to RGB"):
        from_pillow(Image.new("F", (9, 8)))


def test_a_callback_sees_every_step_and_a_string_ends_the_run(metric: DeepDistance, reference: Tensor) -> None:
    seen: list[int] = []

    def callback(step: Step) -> object:
        seen.append(step.index)
        return "seen enough" if step.index == 3 else True

    result = enhance.optimize(reference, metric=metric, steps=10, callback=callback)
    assert seen == [row.step for row in result.history] == [0, 1, 2, 3]
    assert result.stop_reason == "seen enough"
    stopped = enhance.optimize(reference, reference, metric, 10, callback=Plateau(2))
    assert stopped.stop_reason.startswith("no better")
    with pytest.raises(ZeroDivisionError):
        enhance.optimize(reference, metric=metric, steps=10, callback=lambda step: 1 // 0)


def test_a_large_image_is_measured_in_tiles(
    metric: DeepDistance, reference: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "_LARGE", 100)
    monkeypatch.setattr(tiles, "TILE", 16)
    by_name = enhance.optimize(reference, metric="deepjsd", steps=1)
    own = enhance.DeepJSD(prefilter=False, padding="up")
    result = enhance.optimize(reference, metric=own, steps=1)
    assert [row.loss for row in result.history] == [row.loss for row in by_name.history]
    whole = enhance.optimize(reference, metric=own, steps=1, tile=0)
    assert whole.history[0].loss != by_name.history[0].loss
    tiled = tiles.Tiled(enhance.DeepJSD(prefilter=False, padding="up").to(by_name.image.device), 16, 4)
    assert enhance.optimize(reference, metric=tiled, steps=1).history[1].loss == by_name.history[1].loss
    assert by_name.history[0].loss == pytest.approx(tiled(by_name.initial, by_name.reference).item())


def test_the_run_is_in_the_metrics_precision(reference: Tensor) -> None:
    metric = enhance.DeepJSD("squeezenet", "untrained").double()
    result = enhance.optimize(reference.half(), metric=metric, steps=1)
    assert result.image.dtype == torch.float64


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"reference": "no_such_file.png"}, "no file no_such_file.png"),
        ({"reference": 7}, "reference must be a file.*got int"),
        ({"reference": torch.rand(3, 24, 27)}, r"Add the batch dimension: reference\[None\]"),
        ({"reference": torch.rand(2, 3, 24, 27)}, "one by one"),
        ({"reference": torch.full((1, 3, 24, 27), 255.0)}, "Divide by 255"),
        ({"initial": torch.rand(1, 3, 24, 24)}, "24 x 24 but reference is 27 x 24"),
        ({"initial": "wite"}, "no file or sample 'wite'"),
        ({"metric": "deepwds"}, "did you mean 'deepwsd'"),
        ({"metric": len}, "must be one of deepwsd"),
        ({"steps": 0}, "at least 1"),
        ({"steps": 2.5}, "whole number"),
        ({"learning_rate": math.nan}, "finite"),
        ({"learning_rate": 0.0}, "positive"),
        ({"optimizer": "adma"}, "did you mean 'adam'"),
        ({"optimizer": OptimizerConfig(betas=[0.9])}, "two numbers"),
        ({"optimizer": OptimizerConfig("sgd", betas=[0.5, 0.5])}, "optimizer=sgd takes no betas"),
        ({"objective": {}}, "objective is empty"),
        ({"objective": {"psnrr": 1}}, "did you mean 'psnr'"),
        ({"objective": {"mae": -1}}, "at least 0"),
        ({"objective": {"mae": 0}}, "weight other than 0"),
        ({"parametrization": lambda image: image}, "as Pixels does, not Tensor"),
        ({"autocast": "bfloat16"}, "a setting of your own metric"),
    ],
)
def test_what_cannot_be_optimised_is_refused(
    given: dict[str, Any], sentence: str, metric: DeepDistance, reference: Tensor
) -> None:
    main: dict[str, Any] = {} if "objective" in given else {"metric": metric}
    with pytest.raises(ValueError, match=sentence):
        enhance.optimize(**({"reference": reference, "steps": 2} | main | given))


@pytest.mark.parametrize("size", [(24, 27), (9, 200), (200, 9)])
def test_a_notebook_shows_images_and_curves(size: tuple[int, int], metric: DeepDistance) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    result = enhance.optimize(torch.rand(1, 3, *size), metric=metric, steps=2)
    shown, about = formatters.DisplayFormatter().format(result)
    assert shown["text/plain"] == repr(result)
    with Image.open(io.BytesIO(shown["image/png"])) as picture:
        assert picture.format == "PNG"
        assert picture.width == 2 * about["image/png"]["width"]
        assert picture.height == pytest.approx(2 * about["image/png"]["height"], abs=2)
        assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 20


def test_a_start_at_the_optimum_shows_too(metric: DeepDistance, reference: Tensor) -> None:
    result = enhance.optimize(reference, reference, metric, 2)
    assert math.isinf(result.best.psnr)
    assert result._repr_png_()[0].startswith(b"\x89PNG")


@pytest.mark.parametrize("name", list(DEEP_METRICS))
def test_it_takes_as_many_steps_as_the_command(name: str, reference: Tensor) -> None:
    one_layer = enhance.as_backbone([torch.nn.Conv2d(3, 64, 3, padding=1)], "one layer")
    metric = DEEP_METRICS[name](one_layer, prefilter=False, padding="up")
    result = enhance.optimize(reference[..., :8, :8], metric=metric)
    assert len(result.history) == steps(settings(f"metric={name}")) + 1


def test_settings_of_a_group_are_taken_whole_and_arguments_come_before_them(reference: Tensor) -> None:
    known = {"metric": "mse", "steps": 4, "initial": "grey", "parametrization": "pixels"}
    by_settings = enhance.optimize(reference, optimizer=OptimizerConfig(learning_rate=0.5, log_loss=False), **known)
    by_arguments = enhance.optimize(reference, learning_rate=0.5, log_loss=False, **known)
    assert by_settings.history[0].lr == 0.5
    assert [row.loss for row in by_settings.history] == [row.loss for row in by_arguments.history]
    both = enhance.optimize(reference, optimizer=OptimizerConfig(learning_rate=0.5), learning_rate=0.1, **known)
    assert both.history[0].lr == 0.1


def test_names_of_conf_bring_the_settings_of_their_yaml(reference: Tensor) -> None:
    known = {"metric": "mse", "steps": 3, "size": 32}
    found = enhance.optimize(reference, initial="degraded", degradation={"name": "gaussian_noise"}, **known)
    noisy = enhance.degrade(found.reference, **degradation_settings("gaussian_noise"), seed=0)
    assert torch.equal(found.initial, noisy)
    plateau = group_settings(StoppingConfig, "stopping", "plateau")
    assert plateau.patience
    assert enhance.optimize(reference, stopping="plateau", **known).stop_reason
    assert group_settings(ScheduleConfig, "schedule", "halving").reset_moments
    with pytest.raises(ValueError, match="did you mean 'halving'"):
        enhance.optimize(reference, schedule="halvin", **known)


@pytest.mark.parametrize(
    ("given", "note"),
    [
        ({"optimizer": "adamw"}, "optimizer=adamw without optimizer.weight_decay is adam"),
        ({"schedule": "halving"}, "schedule=halving with schedule.every=1000 and 2 steps is constant"),
        ({"coarse": True}, "coarse=true changes nothing: a copy of half the size would be too small"),
        ({"smoothing": 0.5}, "optimizer.smoothing=0.5 changes nothing: no metric uses a backbone"),
        ({"tf32": True, "device": "cpu"}, "tf32=true changes nothing on device=cpu: GPUs of NVIDIA have TF32"),
        (
            {"deterministic": True, "device": "cpu"},
            "deterministic=true changes nothing on device=cpu, where runs are the same without it",
        ),
        ({"tile": 64}, "measured as 4 tiles"),
        ({}, ""),
    ],
)
def test_the_notes_of_the_command_are_the_results_too(given: dict[str, Any], note: str) -> None:
    result = enhance.optimize("astronaut", metric="mse", steps=2, size=80, **given)
    assert result.notes == ((note,) if note else ())


def test_the_smoothing_of_a_deep_metric_of_ones_own_is_no_note(metric: DeepDistance, reference: Tensor) -> None:
    assert enhance.optimize(reference, metric=metric, steps=1, smoothing=0.9).notes == ()


def test_a_coloured_mask_is_noted(reference: Tensor) -> None:
    coloured = torch.zeros_like(reference)
    coloured[:, 0] = 1
    noted = [
        enhance.optimize(reference, metric="mse", steps=1, mask=mask).notes
        for mask in (coloured, coloured.mean(1, keepdim=True))
    ]
    assert noted == [("mask has colours: the mean of red, green and blue is the mask",), ()]


def test_a_metric_beside_an_objective_is_refused(reference: Tensor) -> None:
    with pytest.raises(ValueError, match="not both"):
        enhance.optimize(reference, metric="ssim", objective={"mae": 1})


def test_precision_and_order_of_sums_are_settings(reference: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", lambda mode, **_: asked.append(mode))
    full, half = (
        enhance.optimize(reference, metric="deepjsd", steps=2, autocast=precision, deterministic=precision is None)
        for precision in (None, "bfloat16")
    )
    assert full.history[1].loss == pytest.approx(half.history[1].loss, rel=0.1)
    assert full.history[1].loss != half.history[1].loss
    assert asked == [True, False]


def test_ctrl_c_gives_what_there_is(metric: DeepDistance, reference: Tensor, capfd: pytest.CaptureFixture[str]) -> None:
    def stop(step: Step) -> None:
        if step.index == 3:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    result = enhance.optimize(reference, metric=metric, steps=9, callback=stop, progress=True)
    assert (result.stop_reason, [row.step for row in result.history]) == ("interrupted", [0, 1, 2, 3])
    said = capfd.readouterr().err
    assert "Ctrl-C again stops at once" in said
    assert "step 3/9" in said
    assert signal.getsignal(signal.SIGINT) is before


def test_a_notebook_shows_how_far_it_is(
    metric: DeepDistance, reference: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    monkeypatch.setattr("rich.jupyter.display", lambda segments, text: shown.append(text))
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("enhance.runs.progress.find_spec", lambda name: None)  # no ipywidgets
    enhance.optimize(reference, metric=metric, steps=2)
    assert "step 2/2" in "".join(shown)


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    given = {"metric": "mse", "steps": np.int64(2), "size": np.int32(32), "seed": np.int64(3)}
    result = enhance.optimize("astronaut", "noise", **given)
    same = enhance.optimize("astronaut", "noise", metric="mse", steps=2, size=32, seed=3)
    assert (len(result.history), result.image.shape) == (3, (1, 3, 32, 32))
    assert torch.equal(result.image, same.image)


@pytest.mark.parametrize(
    ("key", "value"), [("steps", True), ("steps", 2.0), ("size", True), ("size", "32"), ("size", 0)]
)
def test_what_is_no_whole_number_gets_a_sentence(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{key}={value!r} is not a number of .*; it must be a whole number"):
        enhance.optimize("astronaut", **{"metric": "mse", "steps": 1, "size": 32} | {key: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [True, 1.5, "1", -1])
def test_what_is_no_seed_gets_a_sentence(seed: object) -> None:
    with pytest.raises(ValueError, match=f"seed={seed!r} "):
        enhance.optimize("astronaut", metric="mse", steps=1, size=32, seed=seed)  # type: ignore[arg-type]


def test_a_degradation_is_a_name_or_settings() -> None:
    quick = {"metric": "mse", "steps": 1, "size": 32}
    named = enhance.optimize("astronaut", "degraded", degradation="gaussian_noise", **quick)
    whole = enhance.optimize("astronaut", "degraded", degradation={"name": "gaussian_noise"}, **quick)
    assert torch.equal(named.initial, whole.initial)
    with pytest.raises(ValueError, match="degradation must be a name, or settings like"):
        enhance.optimize("astronaut", "degraded", degradation=["gaussian_noise"], **quick)  # type: ignore[arg-type]


def test_what_was_done_to_the_images_is_in_the_notes() -> None:
    transparent = np.zeros((16, 16, 4), np.uint8)
    result = enhance.optimize(transparent, metric="mse", steps=1)
    assert result.notes == ("the transparent pixels of reference are laid on white",)
    assert torch.equal(result.reference, torch.ones(1, 3, 16, 16))
