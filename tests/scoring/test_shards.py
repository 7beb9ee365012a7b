"""Shards of a list, by hand and as an array job, merged into the table that one process would have written."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path

import pytest
import torch

from enhance.cli.overrides import tool_settings
from enhance.cli.quoting import quoted
from enhance.images.writing import save_image

SCORE = ("pairs=pairs.csv", "metrics=[psnr,mae]", "threads=1")


def use(*arguments: str) -> int:
    return import_module("enhance.cli.commands.score").run(tool_settings("score", quoted(arguments)))


@pytest.fixture
def listed(tmp_path: Path, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list of seven pairs, two of which share a reference, in the caller's folder."""
    lines = ["reference,image,mos"]
    for number in range(7):
        for kind in ("r", "i"):
            save_image(torch.rand(1, 3, 8, 9 + number // 2, generator=generator), tmp_path / f"{kind}{number}.png")
        lines.append(f"r{number - (number == 3)}.png,i{number}.png,{number}")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_merged_shards_are_the_table_of_one_process(listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use(*SCORE) == 0
    whole = (listed / "scores.csv").read_bytes()
    for number in (3, 1, 2):
        assert use(*SCORE, f"shard={number}/3", "output=out/scores.csv") == 0
    capsys.readouterr()
    assert use("merge=out") == 0
    assert "7 pairs of 3 tables merged: out/scores.csv" in capsys.readouterr().out
    assert (listed / "out" / "scores.csv").read_bytes() == whole
    alone, merged = (json.loads((listed / part / "scores.json").read_text()) for part in (".", "out"))
    assert merged == alone
    assert use("merge=out") == 0  # again
    assert use("merge=[out/scores-1-of-3.csv,out/scores-2-of-3.csv,out/scores-3-of-3.csv]", "output=m.csv") == 0
    assert (listed / "m.csv").read_bytes() == whole


def test_shards_of_a_list_with_several_subjective_scores_of_a_pair_are_merged(
    listed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (listed / "pairs.csv").read_text().splitlines()
    more = [f"{line.rpartition(',')[0]},9" for line in lines[1:4]]
    (listed / "pairs.csv").write_text("\n".join([*lines, *more, lines[1]]) + "\n")
    assert use(*SCORE) == 0
    captured = capsys.readouterr()
    assert "10 pairs scored" in captured.out
    assert "note: 1 line of the list repeats another" in captured.err
    for number in (1, 2):
        assert use(*SCORE, f"shard={number}/2", "output=out/scores.csv") == 0
    assert use("merge=out") == 0
    for name in ("scores.csv", "scores.json"):
        assert (listed / "out" / name).read_bytes() == (listed / name).read_bytes()


def test_failed_pairs_of_shards_are_in_the_merged_document(listed: Path) -> None:
    (listed / "i6.png").write_text("no image")
    (listed / "i5.png").unlink()
    for number, code in ((1, 0), (2, 0), (3, 1)):
        assert use(*SCORE, f"shard={number}/3", "output=out/s.csv") == code
    assert use("merge=out") == 1
    assert [each["image"] for each in json.loads((listed / "out" / "s.json").read_text())["failed"]] == [
        "i5.png",
        "i6.png",
    ]


def test_a_shard_of_which_nothing_could_be_scored_is_done(listed: Path) -> None:
    for number in (4, 5, 6):
        (listed / f"i{number}.png").unlink()
    assert use(*SCORE, "shard=1/2", "output=out/s.csv") == 0
    assert use(*SCORE, "shard=1/3", "output=out/t.csv") == 0
    with pytest.raises(ValueError, match="None of the pairs"):
        use(*SCORE, "shard=3/3", "output=out/t.csv")
    assert use(*SCORE, "shard=2/3", "output=out/t.csv") == 0
    with pytest.raises(ValueError, match=r"several lists \(s-\*-of-2\.csv, t-\*-of-3\.csv\)"):
        use("merge=out")
    for file in (listed / "out").glob("s-*"):
        file.unlink()
    assert use("merge=out") == 1
    assert json.loads((listed / "out" / "t.json").read_text())["left"] == 0


def test_missing_and_unfinished_shards_are_named(listed: Path) -> None:
    for number in (1, 3):
        use(*SCORE, f"shard={number}/4", "output=out/s.csv")
    with pytest.raises(ValueError, match=r"merge=out lacks shards 2, 4 of 4; run the same command with shard=2/4"):
        use("merge=out")
    for number in (2, 4):
        use(*SCORE, f"shard={number}/4", "output=out/s.csv")
    (listed / "out" / "s-3-of-4.json").unlink()  # as a kill leaves it
    with pytest.raises(ValueError, match=r"shard 3 of 4 is not finished; run the same command again with shard=3/4"):
        use("merge=out")


def test_nothing_that_does_not_belong_together_is_merged(listed: Path) -> None:
    for number in (1, 2):
        use(*SCORE, f"shard={number}/2", "output=out/s.csv")
    (listed / "out" / "s.csv").write_text("reference,image,mos,psnr,mae,inputs\nmine,mine,1,1,1,s1-2-3\n")
    with pytest.raises(ValueError, match="holds rows that no merged table has"):
        use("merge=out")
    assert "mine,mine" in (listed / "out" / "s.csv").read_text()
    use("pairs=pairs.csv", "metrics=[psnr,mae]", "background=black", "output=black.csv")
    with pytest.raises(ValueError, match="other metrics, settings or weights"):
        use("merge=[out/s-1-of-2.csv,black.csv]", "output=m.csv")
    use("pairs=pairs.csv", "metrics=[psnr]", "output=psnr.csv")
    with pytest.raises(ValueError, match=r"psnr\.csv has other columns"):
        use("merge=[out/s-1-of-2.csv,psnr.csv]", "output=m.csv")
    save_image(torch.zeros(1, 3, 8, 9), listed / "i0.png")
    use(*SCORE, "output=anew.csv")
    with pytest.raises(ValueError, match=r"anew\.csv has scores of other settings, weights or files .*i0\.png"):
        use("merge=[out/s-1-of-2.csv,anew.csv]", "output=m.csv")
    assert not (listed / "m.csv").exists()


@pytest.mark.parametrize("kept", [2, 0])
def test_a_shard_that_was_copied_in_part_is_named(kept: int, listed: Path) -> None:
    for number in (1, 2):
        use(*SCORE, f"shard={number}/2", "output=out/s.csv")
    table = listed / "out" / "s-2-of-2.csv"
    lines = table.read_text().splitlines(keepends=True)
    if kept:
        table.write_text("".join(lines[: 1 + kept]))
    else:
        table.unlink()
    with pytest.raises(ValueError, match=rf"s-2-of-2\.csv has {kept} rows and its JSON {len(lines) - 1}"):
        use("merge=out")
    assert not (listed / "out" / "s.csv").exists()
    use(*SCORE, "shard=2/2", "output=out/s.csv")
    assert use("merge=out") in (0, 1)


def test_a_table_is_merged_once_and_not_into_itself(listed: Path) -> None:
    for number in (1, 2):
        use(*SCORE, f"shard={number}/2", "output=s.csv")
    table = (listed / "s-1-of-2.csv").read_bytes()
    with pytest.raises(ValueError, match=r"names s-1-of-2\.csv twice"):
        use("merge=[s-1-of-2.csv,s-1-of-2.csv]", "output=m.csv")
    with pytest.raises(ValueError, match=r"output=s-1-of-2\.csv is one of the tables that are merged"):
        use("merge=[s-1-of-2.csv,s-2-of-2.csv]", "output=s-1-of-2.csv")
    assert (listed / "s-1-of-2.csv").read_bytes() == table


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([*SCORE, "shard=9/8"], "NUMBER/OF"),
        ([*SCORE, "shard=two"], "NUMBER/OF"),
        ([*SCORE, "shard=2/8"], "the list has only 7 pairs"),
        (["merge=gone"], "no such table or folder"),
        (["merge=."], "holds no shards"),
        (["merge=pairs.csv"], "has no pairs.json beside it"),
        (["merge=.", "pairs=pairs.csv"], "leave pairs= out"),
        (["merge=.", "metric=ssim", "batch=4"], "leave metric=, batch= out"),
        (["merge=.", "metrics=[psnr]", "mask=m.png"], "leave mask=, metrics= out"),
        (["merge=.", "backbone=vgg19", "map=true"], "leave backbone=, map= out"),
        ([*SCORE, "engine=slurm"], "needs shard=NUMBER"),
        ([*SCORE, "engine=slurm", "shard=2/3"], "needs shard=NUMBER"),
        ([*SCORE, "engine=slurm", "shard=3", "slurm.cluster=debug", "slurm.no_such=1"], "submitit cannot submit"),
        ([*SCORE, "slurm.cluster=debug"], "goes with engine=slurm"),
        ([*SCORE, "engine=spark"], "local or ray or slurm"),
    ],
)
def test_shards_that_cannot_be_are_refused(arguments: list[str], sentence: str, listed: Path) -> None:
    with pytest.raises(ValueError, match=r"\S") as raised:
        use(*arguments)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_slurm_that_is_not_there_is_said(listed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match=r"submitit cannot submit the jobs \(.*slurm cluster"):
        use(*SCORE, "engine=slurm", "shard=2")


def test_an_array_job_is_submitted_and_not_waited_for(
    listed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (listed / "bin").mkdir()
    for name, words in (("srun", ""), ("sbatch", 'cp "$1" submitted.sh; echo Submitted batch job 1234')):
        (listed / "bin" / name).write_text(f"#!/bin/sh\n{words}\n")
        (listed / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{listed / 'bin'}:{os.environ['PATH']}")
    assert use(*SCORE, "engine=slurm", "shard=3", "slurm.slurm_partition=gpu", "output=out/scores.csv") == 0
    assert "array job 1234: 3 shards, logs in out/submitit" in capsys.readouterr().out
    script = (listed / "submitted.sh").read_text()
    assert "--array=0-2" in script
    assert "--partition=gpu" in script


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files that submitit leaves open
@pytest.mark.parametrize("cluster", ["debug", pytest.param("local", marks=pytest.mark.slow)])
def test_an_array_job_scores_a_shard_a_job(cluster: str, listed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use(*SCORE) == 0
    words = ("engine=slurm", "shard=2", f"slurm.cluster={cluster}", "slurm.timeout_min=5", "output=out/scores.csv")
    assert use(*SCORE, *words) == 0
    assert "task=score merge=out" in capsys.readouterr().out
    assert use("merge=out") == 0
    assert (listed / "out" / "scores.csv").read_bytes() == (listed / "scores.csv").read_bytes()
