"""Every file name comes through the command line; see test_bad_inputs.py for what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose

from enhance.cli.overrides import checked, chosen_tool, tool_settings
from enhance.cli.quoting import quoted
from enhance.config.paths import initialized


@pytest.mark.parametrize(
    "name",
    [
        "plain.png",
        "my photo.png",
        "a=b.png",
        "it's.png",
        'quo"te.png',
        "été (1).png",
        "a,b.png",
        "[x].png",
        "back\\slash.png",
        "$x.png",
        "a~b.png",
        " x.png",
        "x.png ",
        "'x'.png",
        "007",
        "1e5",
        "true",
        "${oc.env:HOME}.png",
    ],
)
def test_any_file_name_reaches_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / name, Path(name)):
        path.touch()
        arguments = quoted([f"reference={path}"])
        checked(arguments)
        with initialized():
            assert compose("config", arguments).reference == str(path)


def test_a_sweep_over_files_stays_a_sweep() -> None:
    assert quoted(["reference=astronaut,coffee", "initial=white,grey"]) == [
        "reference=astronaut,coffee",
        "initial=white,grey",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("task=denoise", "image=a.png", "metric=ssim"),
        ("task=score", "reference=a.png", "image=b.png", "optimizer=adam"),
        ("task=encode", "image=a.png", "degradation=jpeg"),
        ("task=report", "run=a", "metric=ssim"),
    ],
)
def test_a_group_that_a_tool_does_not_have_is_named(arguments: tuple[str, ...]) -> None:
    tool = chosen_tool(arguments)
    assert tool is not None
    with pytest.raises(ValueError, match=f"This task has no setting .*; leave {arguments[-1]} out"):
        tool_settings(tool, arguments)


@pytest.mark.parametrize("arguments", [("optimizer.learning_rate=${a}",), ("size=${a.b}",)])
def test_an_interpolation_that_leads_nowhere_gets_a_sentence(arguments: tuple[str, ...]) -> None:
    key = arguments[0].partition("=")[0]
    said = rf"^{key}: Interpolation key 'a.*' not found; .* the name of a setting\.$"
    with pytest.raises(ValueError, match=said):
        checked(arguments)
