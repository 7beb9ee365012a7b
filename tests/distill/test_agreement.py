"""The embedded student scores like its teacher. `sample_scores.json` holds the teacher's scores of sample photographs;
`python tests/distill/test_agreement.py VGG16_WEIGHTS` writes it again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from golden import SHARED
from torch import Tensor

from enhance.backbones import compact
from enhance.backbones.network import Backbone, load
from enhance.distill import agreement, guidance
from enhance.distill.agreement import MEASURES, SEVERITIES, Scores, metrics_of, scores, scores_of, versions
from enhance.distill.judge import main
from enhance.distill.photographs import divide
from enhance.images import load_image, save_image

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
    return sample_scores(load(compact.NAME))


@pytest.mark.parametrize("measure", MEASURES)
def test_sample_photographs_are_scored_as_by_the_teacher(measure: str, student: list[Scores]) -> None:
    found = agreement.agreement(student, json.loads(STORED.read_text()), measure)
    assert found.overall > LEAST[measure]
    assert found.ordered > 0.95


def test_an_untrained_network_does_not_pass_for_a_student(student: list[Scores]) -> None:
    random = agreement.agreement(sample_scores(load(compact.NAME, "untrained"), 1), student[:1], "deepwsd")
    assert random.overall < 0.9


def test_a_network_agrees_with_itself(student: list[Scores]) -> None:
    found = agreement.agreement(student, student, "deepjsd")
    assert found.overall == found.ordered == found.lowest[1] == pytest.approx(1)
    assert "| deepjsd | 1.000 |" in agreement.table({"deepjsd": found})


def test_severities_go_away_from_the_reference(images: tuple[Tensor, Tensor]) -> None:
    reference = images[1][:1]
    for number in range(2):
        for name, steps in versions(reference, number).items():
            errors = [(step - reference).square().mean().item() for step in steps]
            assert errors == sorted(errors), name
    assert len(versions(reference, 0)) == len(SEVERITIES)


def test_a_teacher_is_asked_once(tmp_path: Path) -> None:
    save_image(load_image("coffee")[..., :40, :40], tmp_path / "coffee.png")
    network = load(compact.NAME)
    first = scores_of(network, [tmp_path / "coffee.png"], 32, tmp_path / "cache")
    again = scores_of(load(compact.NAME, "untrained"), [tmp_path / "coffee.png"], 32, tmp_path / "cache")
    assert first == again


def test_a_teacher_guides_as_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for index in range(7):
        save_image(load_image("coffee")[..., 20 * index : 20 * index + 40, 100:140], tmp_path / f"{index}.png")
    given = ["teacher=vgg_compact", "judged=0", "guided=1", "extent=32", "steps=3", "measures=deepjsd"]
    main([f"photos={tmp_path}", f"folder={tmp_path / 'kept'}", *given])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(guidance.TASKS)
    assert all("ratio 1.000" in line for line in lines)


@pytest.mark.slow
@pytest.mark.skipif(not TEACHER.is_file(), reason="needs VGG-16's weights in ../shared")
@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="needs the photographs in ../shared")
def test_held_out_photographs_are_scored_as_by_the_teacher() -> None:
    """A fifth of the photographs held out: twelve, one minute on an idle core."""
    torch.set_num_threads(1)
    files = divide(PHOTOGRAPHS)[1][::5]
    found, wanted = (scores_of(network, files, 160) for network in (load(compact.NAME), load("vgg16", TEACHER)))
    for measure, least in {"deepjsd": 0.96, "deepskld": 0.96, "deepwsd": 0.92}.items():
        figures = agreement.agreement(found, wanted, measure)
        assert figures.overall >= least
        assert figures.ordered >= 0.99


if __name__ == "__main__":
    STORED.write_text(json.dumps(sample_scores(load("vgg16", sys.argv[1])), indent=1) + "\n")
