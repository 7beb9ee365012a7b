"""A distillation in small: two groups, a few steps, a teacher without training."""

from __future__ import annotations

import shutil
import signal
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
from enhance.metrics.deep.named import deep_metric
from enhance.optim.step import best_of
from research.distill import agreement, evaluate, on_policy, targets, training, transfer
from research.distill.__main__ import distill, main
from research.distill.crops import _KINDS, VERSIONS, Parameters, _degraded, _far, group
from research.distill.distances import distance_map
from research.distill.losses import Heads
from research.distill.on_policy import on_policy_group
from research.distill.photographs import divide
from research.distill.settings import MEASURES, DistillSettings, EvaluationSettings, read
from research.distill.targets import Targets, Teacher
from research.muon import Muon

Command = Callable[[Sequence[str]], None]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight small pieces of a photograph."""
    folder = tmp_path_factory.mktemp("photographs")
    whole = torch.from_numpy(data.astronaut().copy()).permute(2, 0, 1)[None].float() / 255
    for index in range(8):
        save_image(whole[..., 40 * index : 40 * index + 80, 60 : 60 + 72 + index], folder / f"{index}.png")
    return folder


@pytest.fixture
def settings(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DistillSettings:
    """Two short rounds; fewer severities, crops and steps on the way than in earnest."""
    monkeypatch.setattr(agreement, "SEVERITIES", {name: each[::4] for name, each in agreement.SEVERITIES.items()})
    monkeypatch.setattr(targets, "_BASIS", targets._BASIS[:16])
    monkeypatch.setattr(on_policy, "_STEPS", (1, 2, 3, 4, 5, 6))
    return DistillSettings(
        str(photographs),
        teacher=compact.NAME,
        weights="untrained",
        folder=str(tmp_path / "student"),
        scored=1,
        size=16,
        groups=2,
        steps=3,
        on_policy=2,
        on_policy_steps=2,
        crop=32,
    )


def arguments_of(settings: DistillSettings) -> list[str]:
    return [f"{key}={'null' if value is None else value}" for key, value in vars(settings).items()]


def student_of(settings: DistillSettings, capsys: pytest.CaptureFixture[str]) -> tuple[bytes, str]:
    """Weights and figures of the student that the settings make."""
    capsys.readouterr()
    distill(settings)
    file = Path(capsys.readouterr().out.strip())
    return file.read_bytes(), file.with_suffix(".md").read_text().partition("| measure")[2]


def refused(command: Command, arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence with which a command ends."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        command(arguments)
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert error.startswith("enhance: ")
    assert error.count("\n") == 1
    return error


def test_a_student_and_its_card(settings: DistillSettings, capsys: pytest.CaptureFixture[str]) -> None:
    distill(settings)
    file = Path(capsys.readouterr().out.strip())
    student = load(compact.NAME, file)
    assert sum(p.numel() for p in student.parameters()) == 1_298_864
    assert file.stat().st_size < 4e6
    assert student.origin.sha256 in (text := file.with_suffix(".md").read_text())
    assert all(
        word in text
        for word in ("vgg_compact, untrained", "2 groups", "First round: 3 steps", "Second round: 2 steps", *MEASURES)
    )
    assert deep_metric("deepjsd")(student)(torch.rand(1, 3, 24, 24), torch.rand(1, 3, 24, 24)).isfinite()

    first = file.with_name("first.safetensors")
    distill(replace(settings, student=str(first), folder=str(file.parent.with_name("other"))))
    other = Path(capsys.readouterr().out.strip())
    sha256 = load(compact.NAME, first).origin.sha256
    text = " ".join(other.with_suffix(".md").read_text().split())
    assert f"left out, in its place {first}, SHA-256 {sha256}" in text
    assert "3 steps" not in text
    assert load(compact.NAME, other).origin.sha256 == student.origin.sha256 != sha256


@pytest.mark.slow
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    settings: DistillSettings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = replace(settings, on_policy=0)
    whole = student_of(settings, capsys)
    original = training.Student.update

    def update(student: training.Student, batch: Targets, rate: float) -> float:
        if student.done == 1:
            signal.raise_signal(signal.SIGINT)
        return original(student, batch, rate)

    settings = replace(settings, folder=f"{settings.folder}-interrupted")
    with monkeypatch.context() as patch:
        patch.setattr(training.Student, "update", update)
        with pytest.raises(SystemExit) as ended:
            main(arguments_of(settings))
    assert ended.value.code == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not Path(settings.folder, "student.safetensors").exists()
    main(arguments_of(settings))
    assert "going on after step 2" in capsys.readouterr().err
    assert student_of(settings, capsys) == whole


@pytest.mark.slow
def test_a_folder_takes_its_own_settings_alone(
    settings: DistillSettings,
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
    settings = replace(settings, photos=str(copy), weights=str(weights[0]))
    made = student_of(settings, capsys)

    def slow(*_: object) -> None:
        raise AssertionError("nothing that takes long")

    monkeypatch.setattr(Teacher, "__init__", slow)
    monkeypatch.chdir(tmp_path)
    assert student_of(replace(settings, photos="photographs", weights=weights[0].name), capsys) == made
    for change in ({"steps": 9}, {"on_policy_steps": 9}, {"seed": 1, "batch": 6}, {"weights": str(weights[1])}):
        error = refused(main, arguments_of(replace(settings, **change)), capsys)
        first = next(key for key in vars(settings) if key in change)
        assert f"is of another run: {first} is" in error
        assert "folder=DIR" in error
    save_image(load_image(copy / "0.png").flip(-2), copy / "added.png")
    assert "another run: photos is" in refused(main, arguments_of(settings), capsys)


@pytest.mark.slow
def test_a_damaged_file_is_computed_anew_or_named(
    settings: DistillSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, folder = replace(settings, on_policy=0, steps=1), Path(settings.folder)
    made, checkpoint = student_of(settings, capsys), folder / "first" / "checkpoint.pt"
    (file,), (scores,) = folder.glob("targets-*/000001.npz"), folder.glob("scores-*/*.json")
    for each in (file, scores):
        each.write_bytes(each.read_bytes()[:-30])
    checkpoint.unlink()
    assert student_of(settings, capsys) == made

    whole = file.read_bytes()
    file.write_bytes(whole[:2000] + bytes(2000) + whole[4000:])
    checkpoint.unlink()
    assert f"{file} is damaged; remove it" in refused(main, arguments_of(settings), capsys)

    checkpoint.write_bytes(b"cut short")
    assert "delete checkpoint.pt" in refused(main, arguments_of(settings), capsys)


def test_where_nothing_can_be_downloaded_the_settings_are_these_commands_own(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    for command in (main, evaluate.main):
        error = refused(command, [f"photos={photographs}"], capsys)
        assert "with weights=FILE" in error
        assert "backbone.weights" not in error


@pytest.mark.parametrize(("command", "kind"), [(main, DistillSettings), (evaluate.main, EvaluationSettings)])
def test_help_names_every_setting_its_default_and_its_meaning(
    command: Command, kind: type, capsys: pytest.CaptureFixture[str]
) -> None:
    command(["--help"])
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split("=")[0].strip() for line in lines] == [each.name for each in fields(kind)]
    assert all(len(line.split()) > 3 for line in lines)
    assert "threads=null" in "".join(lines)


def test_settings_are_typed() -> None:
    found = read(EvaluationSettings, ["photos=a: [b]", "student=1", "steps=5", "threads=null", "measures=deepwsd"])
    assert found == EvaluationSettings("a: [b]", student="1", steps=5, threads=None, measures=["deepwsd"])
    assert read(EvaluationSettings, ["photos=x", "measures=[deepwsd,deepjsd]"]).measures == ["deepwsd", "deepjsd"]
    assert read(DistillSettings, ["photos=x", "learning_rate=1e-3"]).learning_rate == 1e-3


def test_on_policy_samples_come_closer(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_policy, "_STEPS", (1, 5, 10, 15, 20, 30))
    images = on_policy_group(divide(photographs)[0], load(compact.NAME), 32, 0, 1).float() / 255
    errors = (images[1:] - images[:1]).square().mean((1, 2, 3))
    assert images.shape == (1 + VERSIONS, 3, 32, 32)
    assert errors[-1] < errors[0] / 3


@pytest.mark.parametrize(("initial", "rate", "parameters"), [("white", 0.02, 6), ("blur", 0.005, 7)])
def test_optimisations_take_the_packages_settings(
    initial: str, rate: float, parameters: int, photographs: Path
) -> None:
    reference = load_image(photographs / "0.png")[..., :32, :32]
    metric = transfer.metric_of(load(compact.NAME), "deepjsd")
    steps = list(transfer.optimization(metric, reference, initial, 2).steps())
    assert steps[0].learning_rate == rate
    assert len(steps[0].state()["parameters"]) == parameters
    assert best_of(steps).loss == min(step.loss for step in steps)


def test_heads_are_fitted_to_what_they_predict(generator: torch.Generator) -> None:
    stages = [torch.rand(4, channels, side, side, generator=generator) for channels, side in ((8, 8), (8, 4), (8, 4))]
    heads = Heads([8, 8, 8])
    expected = torch.cat(heads([2 * stage + 1 for stage in stages], 64), -1).detach()
    before = (torch.cat(heads(stages, 64), -1) - expected).square().mean()
    heads.fit(stages, expected, 64)
    assert (torch.cat(heads(stages, 64), -1) - expected).square().mean() < 0.01 * before


def test_groups_repeat_by_their_number(photographs: Path) -> None:
    training_files, _ = divide(photographs)
    first, again, other = (group(training_files, 64, 0, index) for index in (0, 0, 1))
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
            _degraded(image, str(random.choice(_KINDS)), random.random(), Parameters.draw(random), random),
        ):
            assert found.shape == image.shape
            assert 0 <= found.min() <= found.max() <= 1


@pytest.mark.parametrize("measure", MEASURES)
def test_maps_average_to_the_metrics_level_distance(measure: str, generator: torch.Generator) -> None:
    image, reference = torch.rand(2, 1, 3, 256, 256, generator=generator)
    backbone = load(compact.NAME)
    metric = transfer.metric_of(backbone, measure)
    deepest = [backbone(side)[-1] for side in (image, reference)]
    found = distance_map(deepest[0], deepest[1][0], measure, 256).mean()
    assert found.item() == pytest.approx(metric.layers(image, reference)[0, -1].item(), rel=1e-4)


def test_one_of_seven_is_held_out(tmp_path: Path) -> None:
    for index in range(15):
        (tmp_path / f"{index:02d}.jpg").touch()
    (tmp_path / "README.md").touch()
    training_files, held_out = divide(tmp_path)
    assert [path.stem for path in held_out] == ["03", "10"]
    assert len(training_files) == 13
    assert not {*training_files} & {*held_out}


def test_muon_makes_the_update_of_filters_nearly_orthogonal(generator: torch.Generator) -> None:
    filters = torch.zeros(8, 3, 3, 3, requires_grad=True)
    optimizer = Muon([filters], 0.1)
    filters.grad = torch.randn(8, 3, 3, 3, generator=generator)
    optimizer.step()
    spectrum = np.linalg.svd(filters.detach().flatten(1).numpy(), compute_uv=False)
    assert spectrum.max() / spectrum.min() < 2


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch has no Muon before 2.9")
@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (32, 2, 3, 3)])
def test_muon_is_torchs_but_for_its_precision(shape: tuple[int, ...], generator: torch.Generator) -> None:
    filters = torch.zeros(shape, requires_grad=True)
    matrix = torch.zeros_like(filters.detach().flatten(1)).requires_grad_()
    ours = Muon([filters], 0.1)
    theirs = torch.optim.Muon([matrix], 0.1, weight_decay=0, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        filters.grad = torch.randn(shape, generator=generator)
        matrix.grad = filters.grad.flatten(1)
        ours.step()
        theirs.step()
    assert (filters.flatten(1) - matrix).norm() < 0.03 * matrix.norm()


def test_the_learning_rate_rises_stays_and_falls() -> None:
    rates = torch.tensor([training.schedule(step, 1000) for step in range(1001)])
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
        (main, ["photos"], "has no value"),
        (main, ["photos=x", "steps=many"], "steps=many: Value 'many' of type 'str' could not be converted to Integer"),
        (main, ["photos=x", "learning_rate=-1"], "must be a positive number"),
        (main, ["photos=x", "batch=4"], "multiple of 3"),
        (main, ["photos=x", "crop=100"], "multiple of 32"),
        (main, ["photos=x", "groups=0"], "groups=0 is too small; it must be at least 1"),
        (main, ["photos=x", "student=embedded"], "needs on_policy=N"),
        (main, ["photos=PHOTOS", "teacher=vgg99"], "did you mean 'vgg1"),
        (main, ["photos=PHOTOS", "weights=none.pth"], "no weights file"),
        (main, ["photos=PHOTOS", "teacher=squeezenet", "weights=untrained"], "five, each a multiple of 64"),
        (main, ["photos=x", "threads=0"], "threads=0 is too small"),
        (evaluate.main, ["photos=x", "optimized=-1", "scored=0"], "optimized=-1 is too small"),
        (evaluate.main, ["photos=x", "scored=0"], "leaves nothing to do"),
        (evaluate.main, ["photos=x", "measures=[deepjsd,deepwds]"], "did you mean 'deepwsd'"),
        (evaluate.main, ["photos=x", "measures=[deepjsd"], "measures=[deepjsd: "),
    ],
)
def test_mistakes_end_in_one_sentence(
    command: Command,
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
