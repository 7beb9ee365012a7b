"""The table: rows are appended, kept while settings and files are the same, put in order; it has one writer."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import enhance
from enhance.config.groups import backbone_settings
from enhance.config.schema import MetricConfig
from enhance.experiment.metrics import Metrics
from enhance.images.writing import save_image
from enhance.scoring import Outcome, Pair, PairsError, Scorer, local_engine, score_pairs
from enhance.scoring.pairs import unique
from enhance.scoring.table import Table, one_writer


@pytest.fixture
def pairs(tmp_path: Path, generator: torch.Generator) -> list[Pair]:
    found = []
    for number in range(6):
        files = [tmp_path / f"{kind}{number}.png" for kind in ("r", "i")]
        for file in files:
            save_image(torch.rand(1, 3, 8 + 8 * (number % 2), 9, generator=generator), file)
        found.append(Pair(str(files[0]), str(files[1]), {"mos": str(number)}))
    return found


@pytest.fixture
def psnr() -> list[Scorer]:
    return [Scorer("psnr", enhance.load_metric("psnr"))]


def images(table: Path) -> list[str]:
    with open(table, newline="", encoding="utf-8") as opened:
        return [Path(row["image"]).name for row in csv.DictReader(opened)]


def test_rows_end_in_the_order_of_the_list(pairs: list[Pair], psnr: list[Scorer], tmp_path: Path) -> None:
    table = tmp_path / "s.csv"
    score_pairs(pairs[3:5], psnr, table)
    score_pairs([*pairs[:3], *pairs[4:]], psnr, table)
    assert images(table) == ["i3.png", "i0.png", "i1.png", "i2.png", "i4.png", "i5.png"]  # the first is not of the list
    score_pairs(pairs, psnr, table)
    whole = table.read_bytes()
    assert images(table) == [f"i{number}.png" for number in range(6)]
    score_pairs(pairs, psnr, tmp_path / "t.csv", engine=local_engine(psnr, batch=1, workers=2))
    assert (tmp_path / "t.csv").read_bytes() == whole


def test_what_the_list_says_of_a_pair_is_kept_up(pairs: list[Pair], psnr: list[Scorer], tmp_path: Path) -> None:
    table = tmp_path / "s.csv"
    score_pairs(pairs, psnr, table)
    changed = [Pair(pair.reference, pair.image, {"mos": "9"}) for pair in pairs[:1]] + pairs[1:]
    assert score_pairs(changed, psnr, table).scored == 1
    assert table.read_text().count(",9,") == 1


def test_each_batch_is_in_the_file_when_it_is_said_to_be_done(
    pairs: list[Pair], psnr: list[Scorer], tmp_path: Path
) -> None:
    table, seen = tmp_path / "s.csv", []

    def done(count: int) -> None:
        if count:
            seen.append((count, len(images(table))))

    score_pairs(pairs, psnr, table, engine=local_engine(psnr, batch=2), done=done)
    assert [there for _, there in seen] == [2, 4, 5, 6]
    assert sum(count for count, _ in seen) == 6


def test_memory_and_the_cost_of_a_row_do_not_grow_with_the_table(
    psnr: list[Scorer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row of the table is read or kept while rows are appended."""
    from enhance.scoring.batches import Result

    pairs = [Pair("r", str(number)) for number in range(3000)]
    outcomes: list[Outcome] = []

    def engine(items: Any) -> Any:
        monkeypatch.setattr(Table, "rows", lambda self: pytest.fail("the table was read"))
        for item in items:
            yield [Result(item.pair, {"psnr": "1"}, ("a", "b"))]
        monkeypatch.undo()

    outcome = score_pairs(pairs, psnr, tmp_path / "s.csv", engine=engine, begun=outcomes.append)
    assert outcome is outcomes[0]
    assert (outcome.scored, outcome.left, outcome.failed) == (3000, 0, [])
    assert len(images(tmp_path / "s.csv")) == 3000


def test_a_second_writer_is_refused(
    pairs: list[Pair], psnr: list[Scorer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhance.scoring.table._PATIENCE", 0.1)
    table = tmp_path / "s.csv"
    with one_writer(table), pytest.raises(PairsError, match=r"Another process writes .*s\.csv; let it end, or name"):
        score_pairs(pairs, psnr, table)
    assert not table.exists()
    with one_writer(tmp_path / "other.csv"):
        score_pairs(pairs, psnr, table)
    assert not list(tmp_path.glob(".*"))


def test_a_kill_loses_no_row_that_was_written(pairs: list[Pair], psnr: list[Scorer], tmp_path: Path) -> None:
    lines = [f"{pair.reference},{pair.image}" for pair in pairs]
    (tmp_path / "pairs.csv").write_text("reference,image\n" + "\n".join(lines) + "\n")
    program = (
        "import sys, time\n"
        "from enhance.scoring import batches\n"
        "score = batches.score\n"
        "batches.score = lambda *given: time.sleep(0.2) or score(*given)\n"
        "from enhance.cli.main import main\n"
        "sys.argv[1:] = ['task=score', 'pairs=pairs.csv', 'metric=psnr', 'batch=1', 'workers=1', 'threads=1']\n"
        "main()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, start_new_session=True)
    table = tmp_path / "scores.csv"
    try:
        deadline = time.monotonic() + 120
        while (
            process.poll() is None and not (table.exists() and len(images(table)) >= 2) and time.monotonic() < deadline
        ):
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    before = images(table)
    assert 2 <= len(before) < 6
    outcome = score_pairs([Pair(pair.reference, pair.image) for pair in pairs], psnr, table)
    assert outcome.scored == 6 - len(before)
    assert images(table) == [f"i{number}.png" for number in range(6)]


def test_a_pair_with_several_subjective_scores_has_a_row_for_each(
    pairs: list[Pair], psnr: list[Scorer], tmp_path: Path
) -> None:
    two = [Pair(pair.reference, pair.image, {"mos": mos}) for pair in pairs[:2] for mos in ("1", "2")]
    whole, cut = tmp_path / "s.csv", tmp_path / "t.csv"
    assert score_pairs(two, psnr, whole).scored == 4
    assert score_pairs(two, psnr, whole).scored == 0
    score_pairs(two[:1], psnr, cut)  # as where a process was killed between the two
    assert score_pairs(two, psnr, cut).scored == 3
    assert cut.read_bytes() == whole.read_bytes()


def test_a_line_that_a_list_repeats_is_scored_once(pairs: list[Pair], psnr: list[Scorer], tmp_path: Path) -> None:
    assert unique([pairs[1], pairs[0], pairs[1]]) == [pairs[1], pairs[0]]
    outcome = score_pairs(unique([pairs[1], pairs[0], pairs[1]]), psnr, tmp_path / "s.csv")
    assert (outcome.scored, images(tmp_path / "s.csv")) == (2, ["i1.png", "i0.png"])


def test_scores_of_another_function_of_the_same_name_are_not_taken_over(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def far(image, reference, weight=1.0):\n    return weight * (image - reference).abs().mean()\n"
    (tmp_path / "mine_a.py").write_text(source)
    (tmp_path / "mine_b.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    table = tmp_path / "s.csv"

    def scored(module: str, **arguments: float) -> int:
        metric = MetricConfig("module", target=f"{module}.far", arguments=arguments)
        made = Metrics(metric, backbone_settings(), scoring=True).named("module")
        return score_pairs(pairs[:1], [Scorer("far", made)], table).scored

    assert (scored("mine_a"), scored("mine_a")) == (1, 0)
    for module, arguments in (("mine_b", {}), ("mine_a", {"weight": 2.0})):
        with pytest.raises(PairsError, match="holds scores of other metrics"):
            scored(module, **arguments)
    (tmp_path / "mine_a.py").write_text(source.replace("abs", "square"))
    with pytest.raises(PairsError, match="holds scores of other metrics"):
        scored("mine_a")
    (tmp_path / "mine_a.py").write_text(source)
    assert scored("mine_a") == 0


def test_scores_of_a_module_with_other_weights_are_not_taken_over(pairs: list[Pair], tmp_path: Path) -> None:
    class Far(torch.nn.Module):
        def __init__(self, weight: float) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.tensor(weight))

        def forward(self, image: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
            return self.weight * (image - reference).abs().mean()

    def scored(weight: float) -> int:
        scorer = Scorer("far", enhance.as_metric(Far(weight), "far"))
        return score_pairs(pairs[:1], [scorer], tmp_path / "s.csv").scored

    assert (scored(1.0), scored(1.0)) == (1, 0)
    with pytest.raises(PairsError, match="holds scores of other metrics"):
        scored(2.0)
