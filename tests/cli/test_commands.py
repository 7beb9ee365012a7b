"""`task=` names a tool: settings as everywhere, mistakes in one line, no folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from helpers import QUICK, settings
from hydra import compose

from enhance.cli import main as cli
from enhance.cli.commands import TOOLS
from enhance.cli.overrides import tool_settings
from enhance.config.hydra_versions import store
from enhance.config.paths import initialized
from enhance.experiment.run import run
from enhance.runs.sweep import record_command


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_composes(tool: str) -> None:
    store(f"{tool}_schema", import_module(f"enhance.cli.commands.{tool}").Settings)
    with initialized():
        assert compose(tool).task == tool


def test_a_report_is_drawn_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(settings("metric=deepjsd", *QUICK), tmp_path, "a test")
    written = {file.name for file in tmp_path.iterdir()}
    (tmp_path / "curves.png").unlink()
    assert import_module("enhance.cli.commands.report").run(tool_settings("report", [f"run={tmp_path}"])) == 0
    assert {file.name for file in tmp_path.iterdir()} == written
    assert str(tmp_path) in capsys.readouterr().out
    assert json.loads((tmp_path / "metrics.json").read_text())["status"] == "finished"


def test_a_report_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(settings("metric=deepjsd", *QUICK), tmp_path, "a test")
    (tmp_path / "metrics.json").unlink()
    (tmp_path / "reference.png").write_bytes(b"no picture")
    assert import_module("enhance.cli.commands.report").run(tool_settings("report", [f"run={tmp_path}"])) == 0
    said = capsys.readouterr().out
    assert "metrics.json is missing" in said
    assert "reference.png cannot be read" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["task=report", "run=swept"], "task=summary sweep=swept draws its page again"),
        (["resume=swept"], "goes on by its own command with sweep.resume=true"),
    ],
)
def test_the_folder_of_a_sweep_is_no_run(
    enhance: Callable[..., Any], tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "swept").mkdir()
    record_command(tmp_path / "swept", ["metric=mse,ssim"])
    ended = enhance(*arguments)
    assert ended.code == 2
    assert sentence in ended.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["task=report"], "needs run="),
        (["task=report", "run=nowhere"], "no folder of a run"),
        (["task=report", "run=."], "holds no run"),
        (["task=report", "rum=here"], "'run'"),
        (["task=report", "run=a,b"], "one value"),
        (["-m", "task=report", "run=a"], "not -m"),
        (["-m", "task=report,recover"], "sweep"),
        (["task=reprot"], "report"),
    ],
)
def test_a_tool_without_a_run_an_unknown_key_or_a_sweep_is_refused(
    arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["enhance", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err.strip()
    assert sentence in said
    assert len(said.splitlines()) == 1
