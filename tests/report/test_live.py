"""The live view: the page follows the run and ends as report.html; nobody without the token gets anything."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import Ended, run
from safetensors.torch import save_file

from enhance.cli.commands.restore import run as restore
from enhance.cli.overrides import tool_settings
from enhance.images.writing import save_image
from enhance.report import live
from enhance.report.live import LiveView
from enhance.report.render import page_of, render
from enhance.restoration.denoiser import Denoiser
from enhance.runs.restoration import Moment, RestorationRecorder

pytestmark = pytest.mark.draws("report", "duel_report")  # the pages


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its report."""
    folder = tmp_path_factory.mktemp("live") / "run"
    run(folder, 64, 96, 20, drawn=False)
    render(folder)
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """The same run when it had made few of its steps."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    metadata = json.loads((folder / "metrics.json").read_text())
    for key in ("stop_reason", "initial", "best", "final"):
        metadata.pop(key, None)
    (folder / "metrics.json").write_text(json.dumps(metadata | {"status": "running", "steps": 20}))
    lines = (folder / "history.csv").read_text().splitlines(keepends=True)
    (folder / "history.csv").write_text("".join(lines[:6]))
    (folder / "report.html").unlink()
    return folder


@pytest.fixture
def view(folder: Path) -> Iterator[LiveView]:
    view = LiveView(folder)
    yield view
    view._asked = -1e9  # no page waits for the end
    if not view.ended:
        view.close()


def got(view: LiveView, path: str, host: str | None = None) -> tuple[int, bytes]:
    """Status and content of a path below the root."""
    where = view.address.split("/")[2]
    connection = http.client.HTTPConnection(where, timeout=20)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def below(view: LiveView, name: str) -> str:
    return "/" + view.address.split("/", 3)[3] + name


def test_the_page_is_that_of_the_run_so_far(view: LiveView, folder: Path) -> None:
    status, page = got(view, below(view, ""))
    assert status == 200
    assert b"not finished: step 4 of 20" in page
    assert b"connect-src 'self'" in page
    assert got(view, below(view, "result.png")) == (200, (folder / "result.png").read_bytes())
    assert got(view, below(view, "history.csv"))[1] == (folder / "history.csv").read_bytes()


def test_only_the_token_opens_it(view: LiveView) -> None:
    token = view.address.rstrip("/").rpartition("/")[2]
    assert len(token) >= 20
    for path in ("/", "/state", "/result.png", f"/{token[:-1]}/", f"/{token}x/result.png", f"/x/{token}/"):
        assert got(view, path)[0] == 404, path
    assert got(view, f"/{token}/state")[0] == 200
    assert got(view, f"/{token}/state", "example.org")[0] == 404  # a name that somebody points here
    assert view._server.server_address[0] == "127.0.0.1"


def test_nothing_outside_the_folder_and_nothing_that_is_not_listed(view: LiveView, folder: Path) -> None:
    (folder.parent / "metrics.json").write_text("secret")
    (folder / "secret.txt").write_text("secret")
    (folder / "checkpoint.pt").write_bytes(b"secret")
    (folder / "curves.png").unlink(missing_ok=True)
    (folder / "curves.png").symlink_to(folder.parent / "metrics.json")
    names = (
        "../metrics.json",
        "%2e%2e/metrics.json",
        "secret.txt",
        "checkpoint.pt",
        "curves.png",
        "hydra/",
        "/etc/passwd",
    )
    for name in names:
        assert got(view, below(view, name))[0] == 404, name


def test_before_the_first_step_the_page_waits(tmp_path: Path) -> None:
    view = LiveView(tmp_path)
    try:
        status, page = got(view, below(view, ""))
        assert (status, b"first step" in page) == (503, True)
    finally:
        view.close()


def test_pages_are_made_no_more_often_than_they_may(
    view: LiveView, folder: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = got(view, below(view, ""))[1]
    shutil.copy(finished / "history.csv", folder / "history.csv")
    assert got(view, below(view, ""))[1] == first
    version = json.loads(got(view, below(view, "state"))[1])["version"]
    monkeypatch.setattr(live, "_LEAST", 0.0)
    monkeypatch.setattr(live, "_SHARE", 1e9)
    assert json.loads(got(view, below(view, "state"))[1])["version"] != version
    assert b"step 20 of 20" in got(view, below(view, ""))[1]


def test_a_run_serves_its_page_and_ends_with_its_report(
    enhance: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}
    original = LiveView.close

    def close(view: LiveView) -> None:
        seen["address"] = view.address
        seen["before"] = got(view, below(view, ""))[1]
        view.ended = True
        seen["after"] = got(view, below(view, ""))[1]
        original(view)

    monkeypatch.setattr(LiveView, "close", close)
    ended = enhance("live=true", "metric=mse", "size=32", "steps=3", "frames.count=2", "hydra.run.dir=run")
    assert ended.code == 0
    assert f"live view, on this machine: {seen['address']}" in ended.out
    assert b"connect-src 'self'" in seen["before"]
    assert seen["after"] == Path("run/report.html").read_bytes()
    assert b"connect-src" not in seen["after"]
    token = seen["address"].rstrip("/").rpartition("/")[2]
    assert not any(token.encode() in file.read_bytes() for file in Path("run").rglob("*") if file.is_file())


def watched(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[bytes]]:
    """The pages of a view whenever it is asked to follow a folder, and after its end."""
    seen: dict[str, list[bytes]] = {"before": [], "after": []}
    follow, close = LiveView.follow, LiveView.close

    def following(view: LiveView, folder: Path) -> None:
        seen["before"].append(got(view, below(view, ""))[1])
        follow(view, folder)
        monkeypatch.setattr(view, "_made", -1e9)  # as if time had passed

    def closing(view: LiveView) -> None:
        view.ended = True
        seen["after"].append(got(view, below(view, ""))[1])
        close(view)

    monkeypatch.setattr(LiveView, "follow", following)
    monkeypatch.setattr(LiveView, "close", closing)
    return seen


def test_the_view_of_a_duel_follows_its_four_runs_and_ends_with_its_report(
    enhance: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watched(monkeypatch)
    quick = ("size=32", "steps=2", "frames.count=2", "hydra.run.dir=run")
    ended = enhance("task=duel", "metric=mae", "against=mse", "live=true", *quick)
    assert ended.code == 0
    assert ended.out.count("live view, on this machine") == 1
    first, *titled = seen["before"]
    assert b"not made its first step" in first
    for page, title in zip(titled, ("best MAE at", "worst MAE at", "best MSE at", "worst MSE at"), strict=True):
        assert title.encode() in page
    assert seen["after"] == [Path("run/report.html").read_bytes()]


def test_the_view_of_a_restoration_shows_its_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    save_file({name: 0.1 * value for name, value in Denoiser().state_dict().items()}, tmp_path / "weights.safetensors")
    save_image(torch.rand(1, 3, 16, 24), tmp_path / "a.png")
    seen, pages = watched(monkeypatch), list[bytes]()
    record = RestorationRecorder.record

    def recorded(recorder: RestorationRecorder, moment: Moment, figures: Mapping[str, float]) -> None:
        record(recorder, moment, figures)
        pages.append(page_of(tmp_path / "run", "now").encode())

    monkeypatch.setattr(RestorationRecorder, "record", recorded)
    given = ("task=upscale", f"image={tmp_path / 'a.png'}", f"output={tmp_path / 'run'}", "live=true")
    assert restore(tool_settings("restore", [*given, f"denoiser.weights={tmp_path / 'weights.safetensors'}"])) == 0
    assert b"not made its first step" in seen["before"][0]
    assert seen["after"] == [(tmp_path / "run" / "report.html").read_bytes()]
    assert b"so far, pass 0" in pages[0]
    assert b"so far, pass 2" in pages[2]
    assert b'{"version": "now"}' in pages[2]
    assert b"connect-src" in pages[2]
    assert b"missing" not in pages[2]
    assert b"connect-src" not in seen["after"][0]
    assert b"so far" not in seen["after"][0]


def test_a_page_in_the_browser_follows_the_run(
    browser: Any, view: LiveView, folder: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_LEAST", 0.0)
    monkeypatch.setattr(live, "_POLL", 0.4)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.clock.install()  # whose seconds pass at once
    page.goto(view.address)
    page.locator("header", has_text="not finished: step 4 of 20").wait_for()
    page.evaluate("slide.value = 30; slide.dispatchEvent(new Event('input'))")
    shutil.copy(finished / "history.csv", folder / "history.csv")
    page.clock.run_for(1000)
    page.locator("header", has_text="not finished: step 20 of 20").wait_for()
    assert page.evaluate("slide.value") == "30"  # where the reader left it
    assert page.locator(".chart polyline").count() >= 2
    for name in ("metrics.json", "report.html"):
        shutil.copy(finished / name, folder / name)
    ending = threading.Thread(target=view.close)
    ending.start()
    page.clock.run_for(1000)
    state = "20 steps"
    page.locator("header", has_text=state).wait_for()
    page.wait_for_function("!document.documentElement.outerHTML.includes('connect-src')")
    ending.join()
    assert "not finished" not in page.locator("header").inner_text()
    assert said == []
    context.close()


def test_a_page_says_that_the_run_has_gone(browser: Any, view: LiveView) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    page.goto(view.address)
    page.locator("header").wait_for()
    view._asked = -1e9
    view._server.shutdown()
    view._server.server_close()
    page.clock.run_for(1000)
    page.locator(".alarm", has_text="has ended").wait_for(timeout=20_000)
    context.close()
    view.ended = True
