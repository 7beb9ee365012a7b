"""A distillation in small: two groups, three steps, a teacher that knows nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from enhance.backbones import compact
from enhance.backbones.network import load
from enhance.distill import training
from enhance.distill.__main__ import distill, main
from enhance.distill.crops import _KINDS, VERSIONS, Manner, _degraded, _far, group
from enhance.distill.distances import MEASURES, distance_map
from enhance.distill.led import led
from enhance.distill.losses import Heads
from enhance.distill.muon import Muon
from enhance.distill.photographs import divide
from enhance.distill.recipe import Recipe
from enhance.distill.targets import Targets, Teacher
from enhance.images import save_image
from enhance.metrics import METRICS


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight small pieces of a photograph."""
    folder = tmp_path_factory.mktemp("photographs")
    whole = torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1)[None].float() / 255
    for index in range(8):
        save_image(whole[..., 40 * index : 40 * index + 80, 60 : 60 + 72 + index], folder / f"{index}.png")
    return folder


@pytest.fixture
def recipe(photographs: Path, tmp_path: Path) -> Recipe:
    settings = {"teacher": compact.NAME, "weights": "untrained", "groups": 2, "steps": 3, "led": 2, "led_steps": 2}
    settings |= {"crop": 64, "size": 24}
    return Recipe(str(photographs), folder=str(tmp_path / "student"), judged=1, **settings)  # type: ignore[arg-type]


def test_a_student_and_its_card(recipe: Recipe, photographs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    distill(recipe)
    file = Path(capsys.readouterr().out.strip())
    student = load(compact.NAME, file)
    assert sum(p.numel() for p in student.parameters()) == 1_298_864
    assert file.stat().st_size < 4e6
    assert student.origin.sha256 in (text := file.with_suffix(".md").read_text())
    assert all(word in text for word in ("vgg_compact, untrained", "2 groups", "3 steps", "2 steps", *MEASURES))
    first = load(compact.NAME, file.with_name("first.safetensors"))
    distill(replace(recipe, begin=str(file.with_name("first.safetensors")), folder=str(file.parent.with_name("other"))))
    again = load(compact.NAME, Path(capsys.readouterr().out.strip()))
    assert again.origin.sha256 == student.origin.sha256 != first.origin.sha256
    metric = METRICS["deepjsd"](student)
    assert metric(torch.rand(1, 3, 24, 24), torch.rand(1, 3, 24, 24)).isfinite()


def test_a_killed_run_goes_on_to_the_same_bytes(
    recipe: Recipe, photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned, _ = divide(photographs)
    files = [tmp_path / f"{index}.npz" for index in range(2)]
    teacher = Teacher(load(compact.NAME, "untrained"), learned, recipe.crop, 0)
    for index, file in enumerate(files):
        teacher(group(learned, recipe.crop, 0, index)).save(file)
    whole = training.train(recipe, files, tmp_path / "whole", print)

    class Killed(BaseException):
        pass

    original = training.Student.learn

    def learn(student: training.Student, batch: Targets, rate: float) -> float:
        if student.done == 2:
            raise Killed
        return original(student, batch, rate)

    with monkeypatch.context() as patch:
        patch.setattr(training.Student, "learn", learn)
        with pytest.raises(Killed):
            training.train(recipe, files, tmp_path / "killed", print, every=1)
    again = training.train(recipe, files, tmp_path / "killed", print)
    assert again.done == whole.done == 3
    assert again.weights() == whole.weights()
    with pytest.raises(ValueError, match="other settings"):
        training.train(replace(recipe, seed=1), files, tmp_path / "killed", print)


def test_images_that_a_student_leads_come_closer(photographs: Path) -> None:
    images = led(divide(photographs)[0], load(compact.NAME), 32, 0, 1).float() / 255
    errors = (images[1:] - images[:1]).square().mean((1, 2, 3))
    assert images.shape == (1 + VERSIONS, 3, 32, 32)
    assert errors[-1] < errors[0] / 3


def test_heads_are_fitted_to_what_they_predict(generator: torch.Generator) -> None:
    stages = [torch.rand(4, channels, side, side, generator=generator) for channels, side in ((8, 8), (8, 4), (8, 4))]
    heads = Heads([8, 8, 8])
    wanted = torch.cat(heads([2 * stage + 1 for stage in stages], 64), -1).detach()
    before = (torch.cat(heads(stages, 64), -1) - wanted).square().mean()
    heads.fit(stages, wanted, 64)
    assert (torch.cat(heads(stages, 64), -1) - wanted).square().mean() < 0.01 * before


def test_groups_repeat_by_their_number(photographs: Path) -> None:
    learned, _ = divide(photographs)
    first, again, other = (group(learned, 64, 0, index) for index in (0, 0, 1))
    assert first.shape == (1 + VERSIONS, 3, 64, 64)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert all(not torch.equal(version, first[0]) for version in first[1:])


def test_whatever_is_drawn_is_an_image(images: tuple[Tensor, Tensor]) -> None:
    image, other = images[1][:1], images[0][:1]
    image, other = (side[..., :32, :32].contiguous() for side in (image, other))
    for seed in range(60):
        random = np.random.default_rng(seed)
        for found in (
            _far(image, other, random),
            _degraded(image, str(random.choice(_KINDS)), random.random(), Manner.draw(random), random),
        ):
            assert found.shape == image.shape
            assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize("measure", MEASURES)
def test_maps_average_to_the_metrics_level_distance(measure: str, generator: torch.Generator) -> None:
    image, reference = torch.rand(2, 1, 3, 256, 256, generator=generator)
    backbone = load(compact.NAME)
    metric = METRICS[measure](backbone, prefilter=False, rounding="up")
    deepest = [backbone(side)[-1] for side in (image, reference)]
    found = distance_map(deepest[0], deepest[1][0], measure, 256).mean()
    assert found.item() == pytest.approx(metric.layers(image, reference)[0, -1].item(), rel=1e-4)


def test_one_of_seven_is_held_out(tmp_path: Path) -> None:
    for index in range(15):
        (tmp_path / f"{index:02d}.jpg").touch()
    (tmp_path / "README.md").touch()
    learned, held_out = divide(tmp_path)
    assert [path.stem for path in held_out] == ["03", "10"]
    assert len(learned) == 13
    assert not {*learned} & {*held_out}


def test_muon_makes_the_update_of_filters_nearly_orthogonal(generator: torch.Generator) -> None:
    filters, bias = torch.zeros(8, 3, 3, 3, requires_grad=True), torch.zeros(8, requires_grad=True)
    optimizer = Muon([filters], [bias], 0.1)
    filters.grad, bias.grad = torch.randn(8, 3, 3, 3, generator=generator), torch.ones(8)
    optimizer.step()
    spectrum = np.linalg.svd(filters.detach().flatten(1).numpy(), compute_uv=False)
    assert spectrum.max() / spectrum.min() < 2
    assert torch.allclose(bias.detach(), torch.full((8,), -0.1))


def test_the_learning_rate_rises_stays_and_falls() -> None:
    rates: Tensor = torch.tensor([training.factor(step, 1000) for step in range(1001)])
    assert rates[0] < 0.02
    assert rates[60:250].eq(1).all()
    assert rates[250:].diff().le(1e-6).all()
    assert rates[-1] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "photos=DIR"),
        (["photos=nowhere"], "no such folder"),
        (["photos=."], "at least 7"),
        (["photo=x"], "did you mean 'photos'"),
        (["photos=x", "steps=many"], "takes a whole number"),
        (["photos=x", "learning_rate=fast"], "takes a number"),
        (["photos=x", "learning_rate=-1"], "above 0"),
        (["photos=x", "batch=4"], "multiple of 3"),
        (["photos=x", "crop=100"], "multiple of 32"),
        (["photos=x", "groups=0"], "at least 1"),
        (["photos=x", "begin=embedded"], "needs led=N"),
        (["photos=PHOTOS", "teacher=vgg99"], "did you mean 'vgg1"),
        (["photos=PHOTOS", "weights=none.pth"], "no weights file"),
        (["photos=PHOTOS", "teacher=squeezenet", "weights=untrained"], "five, each a multiple of 64"),
    ],
)
def test_mistakes_end_in_one_sentence(
    arguments: list[str],
    sentence: str,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([argument.replace("PHOTOS", str(photographs)) for argument in arguments])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.err.startswith("error: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1
