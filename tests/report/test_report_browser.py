"""report.html in a real browser: it moves, it scrubs, it is silent, and it asks the network for nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import EVIL, run

from enhance.report.render import render

pytestmark = pytest.mark.draws("report")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose every name is an attack."""
    folder = tmp_path_factory.mktemp("browser") / "a run's <b>folder #1 ü"
    results = run(folder, 64, 96, 20, drawn=False)
    for name in ("initial", "best"):
        results[name]["levels"] = {"image": results[name]["loss"], EVIL: 0.5 * results[name]["loss"]}
    metadata = {"reference": EVIL, "start": EVIL, "command": f"python -m enhance reference='{EVIL}'", "notes": [EVIL]}
    (folder / "metrics.json").write_text(json.dumps(results | metadata))
    render(folder)
    return folder


@pytest.fixture
def page(browser: Any, folder: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The page, opened from disk; in the end nothing may have been said, asked for or popped up."""
    settings = {"viewport": {"width": 1280, "height": 900}} | getattr(request, "param", {})
    context = browser.new_context(**settings)
    context.set_default_timeout(20_000)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda asking: asked.append(asking.url))
    address = (folder / "report.html").as_uri()
    page.goto(address)
    yield page
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [address]
    context.close()


def at(page: Any) -> float:
    """Where the slider stands, in percent, as the picture on the left shows it."""
    clipped = page.eval_on_selector(".layers .left", "figure => getComputedStyle(figure).clipPath")
    assert clipped.startswith("inset(0px")
    return float(page.eval_on_selector("#stage", "stage => parseFloat(stage.style.getPropertyValue('--at'))"))


CANVAS = "document.querySelector('#animation canvas')"


def test_the_slider_follows_the_mouse(page: Any) -> None:
    box = page.locator("#stage").bounding_box()
    across = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, across)
    page.mouse.down()
    for share in (0.3, 0.8):
        page.mouse.move(box["x"] + box["width"] * share, across)
        assert at(page) == pytest.approx(100 * share, abs=1)
    page.mouse.move(box["x"] - 50, across)
    assert at(page) == 0
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] * 0.5, across)
    assert at(page) == 0


def test_the_slider_follows_the_keyboard_and_tells_where_it_is(page: Any) -> None:
    slide = page.get_by_role("slider", name="Before and after")
    slide.focus()
    assert at(page) == 50
    for key, place in (("ArrowRight", 51), ("ArrowLeft", 50), ("PageUp", 60), ("Home", 0), ("End", 100)):
        page.keyboard.press(key)
        assert at(page) == place, key
    assert slide.get_attribute("aria-valuetext") == "100 % initial, 0 % result"
    page.get_by_label("result | reference").check()
    assert slide.get_attribute("aria-valuetext") == "100 % result, 0 % reference"
    shown = page.eval_on_selector_all(
        "[data-view=whole] figure", "all => all.filter(one => getComputedStyle(one).visibility === 'visible').length"
    )
    assert shown == 2
    page.get_by_label("detail").check()
    assert page.locator("[data-view=detail] .left img").is_visible()
    assert not page.locator("[data-view=whole] .left img").is_visible()


@pytest.mark.parametrize("page", [{"viewport": {"width": 390, "height": 800}, "has_touch": True}], indirect=True)
def test_the_slider_follows_a_finger(page: Any) -> None:
    box = page.locator("#stage").bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.25, box["y"] + 20)
    assert at(page) == pytest.approx(25, abs=1)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_the_animation_scrubs(page: Any) -> None:
    scrub = page.get_by_role("slider", name="Step")
    assert page.locator("#moment").text_content().startswith("step 20")
    page.wait_for_function(f"{CANVAS}.width === 96")
    last = page.evaluate(f"{CANVAS}.toDataURL()")
    scrub.focus()
    page.keyboard.press("Home")
    assert page.locator("#moment").text_content().startswith("step 0, ")
    assert scrub.get_attribute("aria-valuetext").startswith("step 0, ")
    assert "at step 0" in page.locator("[data-chart=loss] output").text_content()
    page.wait_for_function(f"{CANVAS}.toDataURL() !== {json.dumps(last)}")
    box = scrub.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
    assert 0 < int(scrub.input_value()) < int(scrub.get_attribute("max"))
    page.get_by_role("button", name="Show step 20").click()
    assert scrub.input_value() == scrub.get_attribute("max")
    page.wait_for_function(f"{CANVAS}.toDataURL() === {json.dumps(last)}")


def test_the_animation_plays_to_its_end_and_stops(page: Any) -> None:
    page.clock.install()  # whose seconds pass at once
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.clock.run_for(30_000)
    page.get_by_role("button", name="Play").wait_for()
    assert page.locator("#scrub").input_value() == page.locator("#scrub").get_attribute("max")


def test_curves_tell_of_the_step_under_the_pointer(page: Any) -> None:
    page.locator("[data-chart=psnr]").scroll_into_view_if_needed()
    box = page.locator("[data-chart=psnr] svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.115, box["y"] + 20)
    assert "at step 0" in page.locator("[data-chart=loss] output").text_content()
    assert "dB at step 0" in page.locator("[data-chart=psnr] output").text_content()
    page.mouse.move(2, 2)
    assert "at step 20" in page.locator("[data-chart=loss] output").text_content()
    page.mouse.click(box["x"] + box["width"] * 0.115, box["y"] + 20)
    assert page.locator("#moment").text_content().startswith("step 0, ")


def test_names_are_words_and_not_code(page: Any) -> None:
    assert EVIL in page.locator("h1").text_content()
    assert EVIL in page.locator("#command").text_content()
    assert EVIL in page.locator(".levels").text_content()
    assert page.locator("b", has_text="alert").count() == 0


@pytest.mark.parametrize(
    "page",
    [
        {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
        for scheme in ("light", "dark")
        for width in (390, 1280)
    ],
    indirect=True,
)
def test_it_is_legible_and_nothing_sticks_out(page: Any) -> None:
    width = page.evaluate("innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    paper, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    brightness = [sum(map(int, colour.strip("rgb()").split(","))) / 3 for colour in (paper, ink)]
    assert (brightness[0] < brightness[1]) == dark
    assert abs(brightness[0] - brightness[1]) > 190


def test_it_prints_all_three_images(page: Any) -> None:
    page.emulate_media(media="print")
    for name in ("initial", "result", "reference"):
        assert page.locator(f"[data-view=whole] [data-name={name}] img").is_visible()
    assert not page.locator("#animation").is_visible()
    assert not page.locator(".bar").is_visible()


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_it_is_whole_without_scripts(page: Any) -> None:
    for name in ("initial", "result", "reference"):
        assert page.locator(f"[data-view=whole] [data-name={name}] img").is_visible()
    assert not page.locator("#animation").is_visible()
    assert page.locator("[data-chart=loss] svg").bounding_box()["width"] > 250
