"""`task=evaluate` on tables: what is joined, what is left out and said so, and what is written."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.text import Text

from enhance.evaluation.correlations import Evaluation, evaluate
from enhance.evaluation.show import show
from enhance.evaluation.subjective_scores import complete, join, read


def table(file: Path, rows: int = 40, separator: str = ",", **changes: dict[int, str]) -> Path:
    """Scores of two metrics and subjective scores of images in two types; `changes` are cells by column and row."""
    generator = np.random.default_rng(0)
    subjective = generator.uniform(1, 5, rows)
    cells = {
        "image": [f"i{row}.png" for row in range(rows)],
        "good": [f"{5 - value + generator.normal(0, 0.2):.4f}" for value in subjective],
        "[poor]": [f"{value + generator.normal(0, 2):.4f}" for value in subjective],
        "mos": [f"{value:.4f}" for value in subjective],
        "type": ["blur" if row % 2 else "noise" for row in range(rows)],
    }
    for column, values in changes.items():
        for row, value in values.items():
            cells[column][row] = value
    lines = [separator.join(cells), *(separator.join(row) for row in zip(*cells.values(), strict=True))]
    file.write_text("\n".join(lines) + "\n")
    return file


def test_one_table(enhance: Callable[..., Any], tmp_path: Path) -> None:
    table(tmp_path / "all.csv", good={3: "", 5: "nan"})
    ended = enhance("task=evaluate", "table=all.csv", "resamples=100")
    assert ended.code == 0, ended.err
    assert "2 images without a number in every column, left out: i3.png, i5.png" in ended.out
    assert "[poor]" in ended.out
    folder = tmp_path / "evaluation" / "all"
    with open(folder / "correlations.csv", newline="") as file:
        rows = {(row["metric"], row["type"]): row for row in csv.DictReader(file)}
    assert set(rows) == {(metric, kind) for metric in ("good", "[poor]") for kind in ("all", "blur", "noise")}
    assert rows["good", "all"]["direction"] == "falls"
    assert rows["[poor]", "all"]["direction"] == "rises"
    assert float(rows["good", "all"]["srcc"]) > 0.95
    assert rows["good", "all"]["images"] == "38"
    with open(folder / "comparisons.csv", newline="") as file:
        (compared,) = csv.DictReader(file)
    assert compared["significant"] == "True"
    assert {"scatter.png", "scatter.pdf", "evaluation.json"} <= {file.name for file in folder.iterdir()}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Agreements of nine columns."""
    rows, names = read(table(tmp_path_factory.mktemp("many") / "all.csv")), [f"good{n}" for n in range(9)]
    return evaluate(complete([row | dict.fromkeys(names, row["good"]) for row in rows], names), 100, 0)


@pytest.mark.parametrize("narrow", [True, False])
def test_no_terminal_cuts_a_figure(narrow: bool, many: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    said = StringIO()
    monkeypatch.setattr(sys, "stdout", said)
    for name, value in {"FORCE_COLOR": "1" if narrow else "", "COLUMNS": "80", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    show(many)
    one = many.agreements["good8"]["all"]
    for measure in ("srcc", "krcc", "plcc", "rmse"):
        low, high = one.intervals[measure]
        assert f"[{low:.4f}, {high:.4f}]" in said.getvalue()
    assert "\N{HORIZONTAL ELLIPSIS}" not in said.getvalue()
    assert said.getvalue().count("good8") >= 3  # in each table
    if narrow:
        overall = said.getvalue().partition("SRCC by type")[0]
        assert max(len(Text.from_ansi(line)) for line in overall.splitlines()) <= 80


def test_two_tables_give_what_one_gives(enhance: Callable[..., Any], tmp_path: Path) -> None:
    rows = list(csv.DictReader(table(tmp_path / "all.csv").read_text().splitlines()))
    scores = ["reference;image;good", *(f"r.png;/data/{row['image'].upper()};{row['good']}" for row in rows)]
    subjective = ["name\tmos\ttype\tstd", *(f"{row['image']}\t{row['mos']}\t{row['type']}\t1" for row in rows[::-1])]
    (tmp_path / "scores.csv").write_text("\n".join(scores))
    (tmp_path / "mos.tsv").write_text("\n".join([*subjective, "other.png\t3\tblur\t1"]))
    quick = ("resamples=100", "format=json")
    one = json.loads(enhance("task=evaluate", "table=all.csv", "score_columns=good", *quick).out)
    two = json.loads(enhance("task=evaluate", "scores=scores.csv", "subjective=mos.tsv", *quick).out)
    assert list(two["metrics"]) == ["good"]
    assert two["metrics"] == one["metrics"]
    assert two["left_out"] == ["1 image with a subjective score but no scores, left out: other.png"]


def test_names_are_distinguished_by_their_folders() -> None:
    scores = [{"image": f"/live/{kind}/img1.bmp", "a": kind} for kind in ("jpeg", "wn")]
    subjective = [{"image": f"{kind}\\img1.bmp", "mos": f"{place}"} for place, kind in enumerate(("wn", "jpeg"))]
    joined, notes = join(scores, subjective)
    assert [(row["a"], row["mos"]) for row in joined] == [("jpeg", "1"), ("wn", "0")]
    assert not notes
    with pytest.raises(ValueError, match=r"jpeg/img1\.bmp is in a table twice"):
        join(scores[:1] * 2, subjective)


def test_infinite_scores_are_left_out_and_an_empty_metric_too(tmp_path: Path) -> None:
    rows = [row | {"[poor]": ""} for row in read(table(tmp_path / "all.csv", good={0: "inf"}))]
    data = complete(rows, ["good", "[poor]"])
    assert list(data.scores) == ["good"]
    assert len(data.images) == 39
    assert data.notes[0] == "[poor] has no number and is left out."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "needs scores=FILE.csv and subjective=FILE.csv, or table"),
        (["scores=all.csv"], "needs subjective="),
        (["table=all.csv", "dataset=csiq"], "needs scores="),
        (["dataset=csiq"], "needs root="),
        (["dataset=cisq", "root=."], "did you mean 'csiq'"),
        (["table=nothing.csv"], "nothing.csv"),
        (["table=empty.csv"], "no rows"),
        (["table=twice.csv"], "same name"),
        (["table=words.csv"], "subjective_column= must name"),
        (["table=words.csv", "subjective_column=image"], "no column of scores"),
        (["table=all.csv", "score_columns=goood"], "did you mean 'good'"),
        (["table=all.csv", "subjective_column=most"], "did you mean 'mos'"),
        (["table=all.csv", "resamples=3"], "at least 100"),
        (["scores=all.csv", "subjective=words.csv"], "No image is in both tables"),
    ],
)
def test_tables_and_settings_that_cannot_be_evaluated_are_refused(
    arguments: list[str], sentence: str, enhance: Callable[..., Any], tmp_path: Path
) -> None:
    table(tmp_path / "all.csv")
    (tmp_path / "empty.csv").write_text("image,mos,a\n")
    (tmp_path / "twice.csv").write_text("image,mos,mos\na.png,1,2\n")
    (tmp_path / "words.csv").write_text("image,verdict\na.png,good\n")
    ended = enhance("task=evaluate", *arguments)
    assert ended.code == 2
    assert sentence in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not (tmp_path / "evaluation").exists()
