"""`task=evaluate competition=true`: the pairs that a metric calls equal and people do not."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import golden
import numpy as np
import pytest
import torch

from enhance.evaluation.competition.page import Pictures, page
from enhance.evaluation.competition.pairs import Attack, attack, compete
from enhance.evaluation.competition.table import Scored, reference_of, scored
from enhance.evaluation.subjective_scores import read
from enhance.images.writing import save_image

REFERENCE = golden.SHARED / "reference"


def written(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


def table(file: Path, **more: list[object]) -> Path:
    """Two references with three images each: `even` calls the first two of each equal, people do not."""
    columns: dict[str, list[object]] = {
        "image": [f"{reference}_{kind}.png" for reference in ("I01", "I02") for kind in ("a", "b", "c")],
        "even": [0.3, 0.3005, 0.9, 0.5, 0.5002, 0.1],
        "good": [0.1, 0.8, 0.2, 0.3, 0.6, 0.25],
        "mos": [5, 1, 4.5, 4, 1.5, 4.2],
    }
    columns |= more
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    file.write_text("\n".join([",".join(columns), *rows]) + "\n")
    return file


@pytest.mark.skipif(not (REFERENCE / "competition").is_dir(), reason="the authors' pairs are not here")
@pytest.mark.parametrize("dataset", ["tid2013", pytest.param("kadid10k", marks=pytest.mark.slow)])
def test_every_pair_that_the_authors_list_is_found(dataset: str) -> None:
    with (REFERENCE / "competition" / "pairs.csv").open(newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["dataset"] == dataset]
    images = scored(read(REFERENCE / "published_scores" / f"{dataset}.csv"))
    counts = {("tid2013", "deepjsd"): 13, ("kadid10k", "deepjsd"): 12, ("kadid10k", "deepskld"): 10}
    for defender in {row["defender"] for row in listed}:
        found = compete(images, f"{defender}_vgg19", within=0.001, apart=2)
        names = {frozenset(images.images[row].lower() for row in (one.first, one.second)) for one in found.matches}
        theirs = {
            frozenset((row["image_a"].lower(), row["image_b"].lower())) for row in listed if row["defender"] == defender
        }
        assert theirs
        assert theirs <= names
        assert len(names) == counts[dataset, defender]


def test_pairs_share_a_reference_and_are_sorted_by_people_or_by_the_attacker(
    enhance: Callable[..., Any], tmp_path: Path
) -> None:
    table(tmp_path / "all.csv", shy=[0.1, 0.2, 0.3, 0.1, 0.9, 0.3])
    arguments = ["task=evaluate", "competition=true", "table=all.csv", "opinion=mos", "defender=even"]
    assert enhance(*arguments).code == 0
    folder = tmp_path / "evaluation" / "all"
    rows = written(folder, "competition.csv")
    assert [(row["image_a"], row["image_b"], row["difference"]) for row in rows] == [
        ("I01_a.png", "I01_b.png", "4.0"),
        ("I02_a.png", "I02_b.png", "2.5"),
    ]
    assert "attacker_agrees" not in rows[0]
    ended = enhance(*arguments, "attacker=shy")
    assert ended.code == 0, ended.err
    rows = written(folder, "competition.csv")
    assert [(row["reference"], row["shy_a"], row["shy_b"], row["attacker_agrees"]) for row in rows] == [
        ("i02", "0.1", "0.9", "True"),
        ("i01", "0.1", "0.2", "True"),
    ]
    assert "even calls 2 of 6 pairs equal (within 0.001); 2 of them differ by more than 2 in mos" in ended.out
    assert {"competition.html", "competition.json", "competition-metrics.csv"} <= {f.name for f in folder.iterdir()}


def test_a_pair_at_the_limit_is_not_listed(tmp_path: Path) -> None:
    rows = read(table(tmp_path / "all.csv", mos=[4.3, 2.3, 1, 4, 1.9, 4], even=[0.3, 0.3, 0.9, 0.3, 0.301, 0.9]))
    found = compete(scored(rows), "even", within=0.001, apart=2)  # 4.3 - 2.3 > 2 and 0.301 - 0.3 < 0.001 in floats
    assert not found.matches
    assert found.equal == 1
    assert len(compete(scored(rows), "even", within=0.00101, apart=1.99).matches) == 2


def test_images_without_a_score_take_no_part_in_what_needs_it(tmp_path: Path) -> None:
    rows = read(table(tmp_path / "all.csv", good=["", 0.8, 0.2, 0.3, 0.6, 0.25], mos=[5, 1, 4.5, "", 1.5, 4.2]))
    images = scored(rows)
    assert len(images.images) == 5
    found = compete(images, "even", within=0.001, apart=2, attacker="good")
    assert [(images.images[one.first], one.confirmed) for one in found.matches] == [("I01_a.png", False)]
    assert found.attacks["good", "even"].pairs == 0


def test_the_attacker_takes_the_pair_it_finds_most_different() -> None:
    attacker, defender = np.array([0.1, -3.0, 9.0, -1.0]), np.array([0.0, 0.0, 1.0, 0.0])
    subjective, groups = np.array([2.0, 3.0, 5.0, -2.0]), np.array([0, 0, 0, 1])
    found = attack(attacker, defender, 0.5, subjective, 1.5, groups)
    assert found == Attack(pairs=2, hits=1, difference=(-3.0 + 2.0) / 2)


def test_a_metric_that_sees_what_people_see_attacks_and_resists_best() -> None:
    generator = np.random.default_rng(0)
    mos = generator.uniform(1, 5, 400)
    scores = {f"{noise}": noise * generator.normal(size=400) - mos for noise in (0.1, 1.0, 4.0)}
    names = [f"r{row % 8}_{row}" for row in range(400)]
    found = compete(Scored(names, [reference_of(name) for name in names], scores, mos, "mos", []), "1.0", 0.01, 1)
    assert set(found.directions.values()) == {-1}
    standings = [found.standing(name) for name in ("0.1", "1.0", "4.0")]
    for strengths in ([one.aggressiveness for one in standings], [one.resistance for one in standings]):
        assert strengths == sorted(strengths, reverse=True)
    calls_equal = [
        sum(
            round(abs(values[a] - values[b]), 10) < found.tolerances[name]
            for a in range(400)
            for b in range(a)
            if names[a][:2] == names[b][:2]
        )
        for name, values in scores.items()
    ]
    assert calls_equal == [found.equal] * 3


def test_the_page_shows_the_pictures_that_are_there(tmp_path: Path) -> None:
    images = tmp_path / "images"
    for name in ("I01_a.png", "i01_b.png", "I01.PNG"):
        save_image(torch.rand(1, 3, 16, 24), images / name)
    found = compete(scored(read(table(tmp_path / "all.csv"))), "even", within=0.001, apart=2, attacker="good")
    text = page(found, Pictures([images]))
    assert text.count("data:image/webp") == 3
    assert text.count('class="trio"') == 1
    assert "I02_b.png" in text
    assert "data:image" not in page(found, Pictures([]))


def test_json_alone_is_printed(enhance: Callable[..., Any], tmp_path: Path) -> None:
    table(tmp_path / "all.csv")
    ended = enhance("task=evaluate", "competition=true", "table=all.csv", "defender=even", "format=json")
    document = json.loads(ended.out)
    assert document == json.loads((tmp_path / "evaluation" / "all" / "competition.json").read_text())
    assert [one["difference"] for one in document["pairs"]] == [4.0, 2.5]
    assert document["attacker"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["competition=true"], "needs defender="),
        (["competition=true", "defender=evn"], "did you mean 'even'"),
        (["competition=true", "defender=even", "attacker=godo"], "did you mean 'good'"),
        (["competition=true", "defender=even", "attacker=even"], "the defender itself"),
        (["competition=true", "defender=even", "within=0"], "positive"),
        (["competition=true", "defender=even", "apart=-1"], "at least 0"),
        (["competition=true", "defender=even", "opinion=most"], "did you mean 'mos'"),
        (["competition=true", "defender=even", "opinion=mos", "subjective_column=good"], "two columns"),
        (["competition=true", "defender=even", "reference_column=refs"], "There is no column 'refs'"),
        (["competition=true", "defender=even", "reference_column=image"], "No two images share a reference"),
        (["defender=even"], "goes with competition=true"),
        (["within=0.1"], "goes with competition=true"),
        (["root=."], "goes with dataset=NAME or competition=true"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    arguments: list[str], sentence: str, enhance: Callable[..., Any], tmp_path: Path
) -> None:
    table(tmp_path / "all.csv")
    ended = enhance("task=evaluate", "table=all.csv", *arguments)
    assert ended.code == 2
    assert sentence in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not (tmp_path / "evaluation").exists()
