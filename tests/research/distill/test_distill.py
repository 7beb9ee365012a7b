"""A distillation in small: two groups, three steps, a teacher that knows nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from skimage import data
from torch import Tensor

from enhance.backbones import compact
from enhance.backbones.network import load
from enhance.images.pictures import load_image
from enhance.images.writing import save_image
from enhance.metrics import METRICS
from research.distill import judge, training
from research.distill.__main__ import distill, main
from research.distill.crops import _KINDS, VERSIONS, Manner, _degraded, _far, group
from research.distill.distances import MEASURES, distance_map
from research.distill.led import led
from research.distill.losses import Heads
from research.distill.muon import Muon
from research.distill.photographs import divide
from research.distill.recipe import Recipe, guarded
from research.distill.targets import Targets, Teacher


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
    assert all(
        word in text
        for word in ("vgg_compact, untrained", "2 groups", "First round: 3 steps", "Second round: 2 steps", *MEASURES)
    )
    first = load(compact.NAME, file.with_name("first.safetensors"))
    distill(replace(recipe, begin=str(file.with_name("first.safetensors")), folder=str(file.parent.with_name("other"))))
    again = load(compact.NAME, other := Path(capsys.readouterr().out.strip()))
    assert f"left out, in its place {file.with_name('first.safetensors')}, SHA-256 {first.origin.sha256}" in (
        text := " ".join(other.with_suffix(".md").read_text().split())
    )
    assert "3 steps" not in text
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
    identity = recipe.identity("photographs", "weights")
    whole = training.train(recipe, identity, files, tmp_path / "whole", print)

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
            training.train(recipe, identity, files, tmp_path / "killed", print, every=1)
    again = training.train(recipe, identity, files, tmp_path / "killed", print)
    assert again.done == whole.done == 3
    assert again.weights() == whole.weights()
    with pytest.raises(ValueError, match=r"other settings \(seed\)"):
        training.train(recipe, identity | {"seed": 1}, files, tmp_path / "killed", print)


def student_of(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> tuple[bytes, str]:
    """Weights and figures of the student that a recipe makes."""
    capsys.readouterr()
    distill(recipe)
    file = Path(capsys.readouterr().out.strip())
    return file.read_bytes(), file.with_suffix(".md").read_text().partition("| measure")[2]


def refused(
    command: Callable[[Sequence[str]], None], arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> str:
    """The one sentence with which a command ends."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        command(arguments)
    sentence = capsys.readouterr().err
    assert ended.value.code == 2
    assert sentence.startswith("error: ")
    assert sentence.count("\n") == 1
    return sentence


def arguments_of(recipe: Recipe) -> list[str]:
    return [f"{key}={value}" for key, value in vars(recipe).items()]


@pytest.mark.slow
def test_what_is_kept_belongs_to_its_photographs(
    recipe: Recipe, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = replace(recipe, led=0)
    student_of(recipe, capsys)
    for name in ("checkpoint.pt", "student.safetensors"):
        (Path(recipe.folder) / name).unlink()
    other = replace(recipe, photos=str(tmp_path / "others"))
    for file in photographs.iterdir():
        save_image(load_image(file).flip(-2), Path(other.photos) / file.name)
    assert student_of(other, capsys) == student_of(replace(other, folder=str(tmp_path / "fresh")), capsys)


def test_a_folder_takes_its_own_settings_alone(
    recipe: Recipe,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy = tmp_path / "photographs"
    shutil.copytree(photographs, copy)
    weights = [tmp_path / f"{seed}.safetensors" for seed in range(2)]
    for seed, file in enumerate(weights):
        save_file(compact.build(seed).state_dict(), file)
    recipe = replace(recipe, photos=str(copy), weights=str(weights[0]))
    made = student_of(recipe, capsys)

    def long(*_: object) -> None:
        raise AssertionError("nothing that takes long")

    monkeypatch.setattr("research.distill.targets.Teacher.__init__", long)
    monkeypatch.chdir(tmp_path)
    assert student_of(replace(recipe, photos="photographs", weights=weights[0].name), capsys) == made
    for change in ({"steps": 9}, {"led_steps": 9}, {"seed": 1, "batch": 6}, {"weights": str(weights[1])}):
        said = refused(main, arguments_of(replace(recipe, **change)), capsys)
        assert f"other settings ({', '.join(key for key in vars(recipe) if key in change)})" in said
    save_image(load_image(copy / "0.png").flip(-2), copy / "added.png")
    assert "other settings (photos)" in refused(main, arguments_of(recipe), capsys)


@pytest.mark.slow
def test_a_damaged_file_is_made_anew_or_named(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, folder = replace(recipe, led=0), Path(recipe.folder)
    made = student_of(recipe, capsys)
    (targets,), (scores,) = folder.glob("targets-*/000001.npz"), folder.glob("scores-*/*.json")
    for file in (targets, scores):
        file.write_bytes(file.read_bytes()[:-30])
    (folder / "checkpoint.pt").unlink()
    assert student_of(recipe, capsys) == made

    whole = targets.read_bytes()
    targets.write_bytes(whole[:2000] + bytes(2000) + whole[4000:])
    (folder / "checkpoint.pt").unlink()
    said = refused(main, arguments_of(recipe), capsys)
    assert f"{targets} is damaged; remove it" in said

    (folder / "checkpoint.pt").write_bytes(b"cut short")
    assert "checkpoint.pt is damaged; remove it" in refused(main, arguments_of(recipe), capsys)


def test_where_nothing_can_be_downloaded_the_settings_are_these_commands_own(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    for command in (main, judge.main):
        said = refused(command, [f"photos={photographs}"], capsys)
        assert "with weights=FILE" in said
        assert "backbone.weights" not in said


def test_ctrl_c_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def pressed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        guarded(pressed)
    assert ended.value.code == 130
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "settings"), [(main, Recipe), (judge.main, judge.Judgement)])
def test_help_names_every_setting_its_default_and_its_meaning(
    command: Callable[[Sequence[str]], None], settings: type, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command(["--help"])
    assert not ended.value.code
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split(maxsplit=1)[0] for line in lines] == [f"{each.name}={each.default}" for each in fields(settings)]
    assert all(len(line.split()) > 3 for line in lines)


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
    ("command", "arguments", "sentence"),
    [
        (main, [], "photos=DIR"),
        (main, ["photos=nowhere"], "no such folder"),
        (main, ["photos=."], "at least 7"),
        (main, ["photo=x"], "did you mean 'photos'"),
        (main, ["photos=x", "steps=many"], "takes a whole number"),
        (main, ["photos=x", "learning_rate=fast"], "takes a number"),
        (main, ["photos=x", "learning_rate=-1"], "above 0"),
        (main, ["photos=x", "batch=4"], "multiple of 3"),
        (main, ["photos=x", "crop=100"], "multiple of 32"),
        (main, ["photos=x", "groups=0"], "at least 1"),
        (main, ["photos=x", "begin=embedded"], "needs led=N"),
        (main, ["photos=PHOTOS", "teacher=vgg99"], "did you mean 'vgg1"),
        (main, ["photos=PHOTOS", "weights=none.pth"], "no weights file"),
        (main, ["photos=PHOTOS", "teacher=squeezenet", "weights=untrained"], "five, each a multiple of 64"),
        (main, ["photos=x", "threads=-1"], "threads=-1 is too small; it must be at least 0"),
        (main, ["photos=x", "seed=-1"], "at least 0"),
        (main, ["photos=x", "size=0"], "at least 16"),
        (judge.main, ["photos=x", "judged=-1"], "judged=-1 is too small"),
        (judge.main, ["photos=x", "guided=-1", "judged=0"], "guided=-1 is too small"),
        (judge.main, ["photos=x", "guided=1", "steps=-3"], "steps=-3 is too small"),
        (judge.main, ["photos=x", "extent=8"], "extent=8 is too small"),
        (judge.main, ["photos=x", "threads=-1"], "threads=-1 is too small"),
        (judge.main, ["photos=x", "judged=0"], "leaves nothing to do"),
        (judge.main, ["photos=PHOTOS", "measures="], "measures=: There is no measure ''"),
        (judge.main, ["photos=PHOTOS", "measures=deepjsd,deepwds"], "did you mean 'deepwsd'"),
    ],
)
def test_settings_that_cannot_be_distilled_with_are_refused(
    command: Callable[[Sequence[str]], None],
    arguments: list[str],
    sentence: str,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [argument.replace("PHOTOS", str(photographs)) for argument in arguments]
    assert sentence in refused(command, given, capsys)
