"""The processor is called by its model's name where the system reports it."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from enhance.utils import machine


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("processor\t: 0\nmodel name\t: A Processor @ 2 GHz\nmodel name\t: another\n", "A Processor @ 2 GHz"),
        ("processor\t: 0\n", "arm"),
        (None, "arm"),
    ],
)
def test_the_processor_has_a_name(
    content: str | None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpuinfo"
    if content:
        file.write_text(content)
    monkeypatch.setattr(machine, "_CPUS", file)
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    assert machine.processor() == name
