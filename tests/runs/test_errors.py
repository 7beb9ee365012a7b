"""How a run that cannot write, or is stopped at once, ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from enhance.runs.errors import resumable


def test_a_full_disk_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"No space left.*python -m enhance resume=.*goes on"), resumable(tmp_path):
        raise OSError(28, "No space left on device", "result.png")


def test_of_a_folder_that_is_gone_nothing_is_promised(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(OSError, match="was removed or moved") as error, resumable(folder):
        (folder / "result.png").write_bytes(b"")
    assert "resume" not in str(error.value)


def test_a_second_ctrl_c_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), resumable(tmp_path):
        raise KeyboardInterrupt
    assert f"resume={tmp_path} goes on" in capsys.readouterr().err
