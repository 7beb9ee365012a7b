"""The page of two videos in a real browser: curves, seconds and slider answer, and nothing is asked of the network."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from helpers_video import noise, shifted, write

from enhance.cli.overrides import tool_settings
from enhance.cli.quoting import quoted
from enhance.video.page import _bins


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds, of which the third and the second are the worst, under a name that is an attack."""
    folder = tmp_path_factory.mktemp("video")
    frames = noise(40)
    image = folder / "a <b>video.mkv"
    write(folder / "ref.mkv", frames)
    write(image, shifted(frames, [2] * 10 + [20] * 10 + [30] * 10 + [4] * 10))
    settings = [f"reference={folder}/ref.mkv", f"image={image}", "metrics=[psnr,mae]", f"output={folder}/out.csv"]
    assert import_module("enhance.cli.commands.score").run(tool_settings("score", quoted(settings))) == 0
    return folder / "out.html"


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda asking: asked.append(asking.url))
    page.goto(file.as_uri())
    yield page
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
    context.close()


def test_the_worst_second_is_shown_first_and_others_on_demand(page: Any) -> None:
    seconds = page.locator(".worst")
    assert seconds.count() == 4
    assert [seconds.nth(place).is_visible() for place in range(4)] == [True, False, False, False]
    assert "2 s to 3 s: mean 18.59 dB" in seconds.nth(0).inner_text()
    page.locator("label", has_text="1 s to 2 s").click()
    assert seconds.nth(1).is_visible()
    assert page.locator("rect.second.on").count() == 2  # in both curves
    page.locator("rect.second[data-second='0']").first.click()
    assert seconds.nth(0).is_visible()


def test_the_pointer_reads_every_curve(page: Any) -> None:
    box = page.locator(".chart svg").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20)
    texts = page.locator(".chart output").all_inner_texts()
    assert texts[0].startswith("18.59 dB at 2.")
    assert texts[1].startswith("0.1176 at 2.")


def test_the_slider_moves(page: Any) -> None:
    page.locator(".worst.on .stage").scroll_into_view_if_needed()
    box = page.locator(".worst.on .stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    page.mouse.up()
    assert page.eval_on_selector(".worst.on .stage", "stage => stage.style.getPropertyValue('--at')") == "25%"


@pytest.mark.parametrize("width", [390, 1280])
def test_no_width_scrolls_sideways(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_page_needs_no_script(browser: Any, file: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator(".worst").nth(3).is_visible()
    assert page.locator(".layers img").nth(1).is_visible()
    context.close()


@pytest.mark.parametrize("count", [1, 599, 601, 100_000])
def test_points_of_a_long_curve_are_few_and_lose_no_frame(count: int) -> None:
    bins = _bins(count)
    assert len(bins) == min(count, 600)
    assert [start for start, _ in bins[1:]] == [end for _, end in bins[:-1]]
    assert (bins[0][0], bins[-1][1]) == (0, count)
    assert all(start < end for start, end in bins)
