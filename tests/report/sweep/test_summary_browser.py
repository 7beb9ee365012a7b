"""summary.html in a real browser: it sorts, fits a phone, and runs no script but its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import job

from enhance.report.sweep.summary import summarise
from enhance.runs.sweep import COMMAND, mark_failed

EVIL = "<img src=x onerror=alert(1)>\"'"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep whose every name is an attack."""
    folder = tmp_path_factory.mktemp("sweep") / "a sweep's <b>folder #1 ü"
    for number, psnr in enumerate((20.0, 30.0, 25.0)):
        run = job(folder, number, [f"metric={EVIL}{number}", "backbone=vgg16", "steps=3"], psnr)
        rows = "".join(f"{step},1,1,0.1,{psnr * step / 3},,1\n" for step in range(4))
        (run / "history.csv").write_text(f"step,loss,score,lr,psnr,ssim,seconds\n{rows}")
        (run / "report.html").touch()
    mark_failed(job(folder, 3, [f"metric={EVIL}3", "backbone=vgg16", "steps=3"], None), EVIL * 20)
    (folder / COMMAND).write_text(json.dumps({"overrides": [EVIL]}))
    summarise(folder)
    return folder


@pytest.mark.parametrize(("scheme", "width"), [("dark", 390), ("light", 1280)])
def test_the_page(scheme: str, width: int, browser: Any, folder: Path) -> None:
    said: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.goto((folder / "summary.html").as_uri())

    def order() -> list[str]:
        return page.eval_on_selector_all("#ranking tbody tr", "rows => rows.map(row => row.cells[0].textContent)")

    assert order() == ["1", "2", "3", "\N{EN DASH}"]
    heading = page.get_by_role("button", name="PSNR (dB)")
    heading.focus()
    page.keyboard.press("Enter")
    assert order() == ["3", "2", "1", "\N{EN DASH}"]
    assert page.locator("th[aria-sort=ascending]").text_content() == "PSNR (dB)"
    assert page.locator("#ranking").text_content().count(EVIL) == 4
    assert page.evaluate("document.documentElement.scrollWidth") == width
    others = page.locator(".many figure").first.locator("use").bounding_box()
    assert others["width"] > 50
    page.get_by_role("button", name="4", exact=True).click()
    page.locator(".lens").first.hover()
    scales = page.eval_on_selector_all(".lens img", "images => images.map(image => getComputedStyle(image).scale)")
    assert scales == ["4"] * 3
    page.locator("#ranking a").first.click()
    assert page.url == (folder / "0-recover" / "report.html").as_uri()
    page.close()
    assert said == []
