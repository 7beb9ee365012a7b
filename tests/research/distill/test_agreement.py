"""The embedded student scores like its teacher. `sample_scores.json` holds the teacher's scores of sample photographs;
`python tests/research/distill/test_agreement.py VGG16_WEIGHTS` writes it again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from golden import SHARED
from torch import Tensor

from enhance.backbones import compact
from enhance.backbones.network import Backbone, load
from enhance.images.pictures import load_image
from enhance.images.writing import save_image
from enhance.metrics.registry import METRICS
from research.distill import agreement, transfer
from research.distill.agreement import SEVERITIES, Scores, metrics_of, scores, scores_of, versions
from research.distill.evaluate import main
from research.distill.photographs import centre, divide
from research.distill.settings import MEASURES

STORED = Path(__file__).with_name("sample_scores.json")
SAMPLES = {"astronaut": (30, 170), "chelsea": (80, 150), "coffee": (120, 250)}
SIDE = 96
LEAST = {"deepjsd": 0.95, "deepskld": 0.95, "deepwsd": 0.92}  # DeepWSD's grid, the channel order, is hard to carry over
PHOTOGRAPHS, TEACHER = SHARED / "photos", SHARED / "weights" / "vgg16_features.safetensors"


def sample_scores(backbone: Backbone, count: int = len(SAMPLES)) -> list[Scores]:
    metrics = metrics_of(backbone)
    crops = (
        load_image(name)[..., top : top + SIDE, left : left + SIDE].contiguous()
        for name, (top, left) in list(SAMPLES.items())[:count]
    )
    return [scores(metrics, crop, number) for number, crop in enumerate(crops)]


@pytest.fixture(scope="module")
def student() -> list[Scores]:
    return sample_scores(load(compact.NAME), 2)


@pytest.mark.parametrize("measure", MEASURES)
def test_sample_photographs_are_scored_as_by_the_teacher(measure: str, student: list[Scores]) -> None:
    found = agreement.agreement(student, json.loads(STORED.read_text())[: len(student)], measure)
    assert found.overall > LEAST[measure]
    assert found.ordered > 0.95


def test_an_untrained_network_does_not_pass_for_a_student(student: list[Scores]) -> None:
    random = agreement.agreement(sample_scores(load(compact.NAME, "untrained"), 1), student[:1], "deepwsd")
    assert random.overall < 0.9


def test_a_network_agrees_with_itself(student: list[Scores]) -> None:
    found = agreement.agreement(student, student, "deepjsd")
    assert [found.overall, found.ordered, found.lowest[1]] == pytest.approx([1, 1, 1])
    assert "| deepjsd | 1.000 |" in agreement.table({"deepjsd": found})


def test_severities_go_away_from_the_reference(images: tuple[Tensor, Tensor]) -> None:
    reference = images[1][:1]
    for number in range(2):
        for name, steps in versions(reference, number).items():
            errors = [(step - reference).square().mean().item() for step in steps]
            assert errors == sorted(errors), name
    assert len(versions(reference, 0)) == len(SEVERITIES)


def test_a_teachers_scores_are_computed_once(tmp_path: Path) -> None:
    save_image(load_image("coffee")[..., :40, :40], tmp_path / "coffee.png")
    network = load(compact.NAME)
    first = scores_of(network, [tmp_path / "coffee.png"], 32, tmp_path / "cache")
    again = scores_of(load(compact.NAME, "untrained"), [tmp_path / "coffee.png"], 32, tmp_path / "cache")
    assert first == again


def test_a_teacher_transfers_to_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(7):
        save_image(load_image("coffee")[..., 20 * index : 20 * index + 40, 100:140], tmp_path / f"{index}.png")
    given = ["teacher=vgg_compact", "scored=0", "optimized=1", "optimized_size=32", "steps=3", "measures=deepjsd"]
    main([f"photos={tmp_path}", f"folder={tmp_path / 'cache'}", *given])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(transfer.INITIAL)
    assert all("ratio 1.000" in line for line in lines)


with_the_teacher = pytest.mark.skipif(
    not (TEACHER.is_file() and PHOTOGRAPHS.is_dir()), reason="needs VGG-16's weights and the photographs in ../shared"
)


@pytest.mark.slow
@with_the_teacher
def test_held_out_photographs_are_scored_as_by_the_teacher() -> None:
    """All sixty held out; minutes on an idle core."""
    files = divide(PHOTOGRAPHS)[1]
    assert len(files) == 60
    found, expected = (scores_of(network, files, 160) for network in (load(compact.NAME), load("vgg16", TEACHER)))
    for measure, (overall, within) in {
        "deepjsd": (0.96, 0.93),
        "deepskld": (0.96, 0.93),
        "deepwsd": (0.92, 0.88),
    }.items():
        figures = agreement.agreement(found, expected, measure)
        assert figures.overall >= overall
        assert figures.lowest[1] >= within
        assert figures.ordered >= 0.99


@pytest.mark.slow
@with_the_teacher
@pytest.mark.parametrize("measure", MEASURES)
def test_a_photograph_is_reached_as_with_the_teacher(measure: str) -> None:
    """The first held out, from white, in as many steps as a run takes; minutes each on an idle core."""
    reference, steps = centre(divide(PHOTOGRAPHS)[1][0], SIDE), METRICS[measure].steps
    teacher, student = (transfer.metric_of(each, measure) for each in (load("vgg16", TEACHER), load(compact.NAME)))
    own, other = (transfer.losses(teacher, metric, reference, "white", steps) for metric in (teacher, student))
    assert transfer.Transfer(own["initial"], own["final"], other["final"]).ratio >= 0.90


if __name__ == "__main__":
    STORED.write_text(json.dumps(sample_scores(load("vgg16", sys.argv[1])), indent=1) + "\n")
