"""report.html: whole without a network, true to the files, and safe whatever they are called."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers import EVIL, picture, run, steps
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from enhance.metrics.registry import display_name
from enhance.optim.frames import FramePlan
from enhance.report import embed, style
from enhance.report.charts import charts, levels
from enhance.report.figures import curves
from enhance.report.numbers import write
from enhance.report.render import render
from enhance.report.run_data import RunData
from enhance.runs.history import HistoryWriter, Row, read
from enhance.runs.layout import CHECKPOINTS
from enhance.runs.recorder import Recorder

pytestmark = pytest.mark.draws("report")


class Page(HTMLParser):
    """Tags, their attributes, and what is written between them."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: dict[str, list[str]] = {}
        self.source = (folder / "report.html").read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.setdefault(self.tags[-1][0] if self.tags else "", []).append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        hidden = ("script", "style")
        return " ".join(
            "".join(text for tag, texts in self.words.items() if tag not in hidden for text in texts).split()
        )

    @property
    def data(self) -> dict:
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', self.source, re.DOTALL)
        assert found
        return json.loads(found[1])


def decoded(uri: str) -> Image.Image:
    assert uri.startswith("data:image/")
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def drawn_with(folder: Path, **changes: object) -> Page:
    """The page after some of metrics.json has been changed."""
    metrics = folder / "metrics.json"
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | changes))
    render(folder)
    return Page(folder)


def test_the_page_fetches_nothing_and_lets_no_other_script_run(tmp_path: Path) -> None:
    run(tmp_path / "run")
    page = Page(tmp_path / "run")
    for attribute in ("src", "srcset", "poster", "action", "background"):
        assert all(tag[attribute].startswith("data:") for _, tag in page.tags if attribute in tag)
    assert not page.all("link")
    assert "url(" not in page.source
    assert "http" not in page.source.replace("http-equiv", "")
    assert {tag["href"] for tag in page.all("a")} <= {str(path.name) for path in (tmp_path / "run").iterdir()}
    policy = next(tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    script = page.source.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_the_images_are_those_of_the_run(tmp_path: Path) -> None:
    run(tmp_path / "run")
    page = Page(tmp_path / "run")
    shown = [decoded(tag["src"]) for tag in page.all("img")]
    for name, image in zip(("initial", "result", "reference"), shown, strict=False):
        with Image.open(tmp_path / "run" / f"{name}.png") as expected:
            assert np.array_equal(np.asarray(image), np.asarray(expected))
    frames = page.data["frames"]
    assert (frames[0]["step"], frames[-1]["step"]) == (0, 30)
    assert len(frames) == len(list((tmp_path / "run" / "frames").iterdir()))
    with Image.open(tmp_path / "run" / "frames" / "step_000030.png") as expected:
        pair = [np.asarray(image.convert("L"), float).ravel() for image in (decoded(frames[-1]["uri"]), expected)]
    assert np.corrcoef(pair)[0, 1] > 0.95


def test_the_page_tells_what_the_files_say(tmp_path: Path) -> None:
    results = run(tmp_path / "run", drawn=False)
    best = results["best"] | {"levels": {"image": 0.5, "stage 1": 0.0, "stage 2": None}}
    initial = results["initial"] | {"levels": {"image": 1.0, "stage 1": 0.25, "stage 2": 0.5}}
    page = drawn_with(
        tmp_path / "run", command="python -m enhance a='b c'", notes=["Grey: 3 channels."], best=best, initial=initial
    )
    for said in (
        "DeepJSD in vgg",
        f"{results['best']['psnr']:.2f} dB",
        f"{results['initial']['loss']:.4g}",
        "all steps made, 30 steps in",
        "python -m enhance a='b c'",
        "Grey: 3 channels.",
        "161 pixels",  # why there is no MS-SSIM
        "stage 1",
        "hydra/config.yaml is missing",
    ):
        assert said in page.text, said
    assert "stage 2" not in page.text  # not finite
    drawn = page.data["charts"]
    assert set(drawn) == {"loss", "psnr", "ssim"}
    assert drawn["loss"]["steps"] == list(range(31))


def test_names_and_settings_are_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "<img src=x onerror=alert(2)>"
    run(folder, drawn=False)
    (folder / "hydra").mkdir()
    (folder / "hydra" / "config.yaml").write_text(f"reference: '{EVIL}'\n")
    (folder / "run.log").write_text(f"2026-01-01 00:00:00 WARNING enhance: {EVIL} --> ]]> \u2028\n")
    evil = dict.fromkeys(("reference", "start", "command", "task", "stop_reason"), EVIL)
    page = drawn_with(
        folder, **evil, notes=[EVIL], metric={"name": EVIL}, why_null={"psnr": EVIL}, versions={EVIL: EVIL}
    )
    assert len(page.all("script")) == 2
    assert not [tag for _, tag in page.tags if any(name.startswith("on") for name in tag)]
    assert page.text.count("<script>alert(1)</script>.png") >= 9
    assert {tag["id"] for tag in page.all("script") if tag} == {"data"}
    (folder / "metrics.json").unlink()
    render(folder)
    assert not [tag for tag in Page(folder).all("img") if "onerror" in tag]


@pytest.mark.draws("comparison", "curves", "progress_gif", "report")
@pytest.mark.parametrize(
    ("name", "sentence", "kept"),
    [
        ("metrics.json", "metrics.json is missing", {"comparison.png", "curves.png", "progress.gif"}),
        ("history.csv", "no curves", {"comparison.png", "progress.gif"}),
        ("frames", "no animation", {"comparison.png", "curves.png"}),
        ("result.png", "stands in for it", {"comparison.png", "curves.png", "progress.gif"}),
        ("initial.png", "initial.png is missing", {"curves.png", "progress.gif"}),
        ("reference.png", "nothing to compare with", {"curves.png", "progress.gif"}),
    ],
)
@pytest.mark.parametrize("torn", [False, True])
def test_a_run_is_drawn_from_what_there_is(
    name: str, sentence: str, kept: set[str], torn: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(style, "encode", lambda *_: b"a figure")  # which are drawn counts here, not how they look
    folder = tmp_path / "run"
    run(folder, 24, 30, 4, drawn=False)
    drawn = ("comparison.png", "curves.png", "progress.gif", "report.html")
    for path in (name, *drawn):
        (folder / path).rename(tmp_path / path)
    if torn:
        if (tmp_path / name).is_dir():
            (folder / name).mkdir()
            for file in (tmp_path / name).iterdir():
                (folder / name / file.name).write_bytes(file.read_bytes()[:100])
        else:
            (folder / name).write_bytes((tmp_path / name).read_bytes()[:60])
        sentence = sentence.replace("is missing", "cannot be read")
    missing = render(folder)
    assert any(sentence in said for said in missing), missing
    assert {path for path in drawn if (folder / path).is_file()} == kept | {"report.html"}
    page = Page(folder)
    assert all(" ".join(said.split()) in page.text for said in missing)


def test_a_run_that_was_cut_off_says_so(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, picture(20, 20), picture(20, 20), metadata={"steps": 9}, frames=FramePlan(steps=9))
    assert "no animation" in " ".join(render(tmp_path))  # before the first step
    for step in list(steps(20, 20, 9))[:4]:
        recorder.record(step)
    render(tmp_path)
    page = Page(tmp_path)
    assert "not finished: step 3 of 9" in page.text
    assert "so far" in page.text
    assert "result.png" in page.text


@pytest.mark.parametrize(("reason", "said"), [("all steps made", False), ("interrupted", True)])
def test_a_checkpoint_is_named_where_a_run_can_go_on(reason: str, said: bool, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    metadata = run(folder, 20, 20, 4, drawn=False) | {"stop_reason": reason}
    (folder / "metrics.json").write_text(json.dumps(metadata))
    (folder / CHECKPOINTS[0]).touch()  # a run draws its page before it removes the last one
    render(folder)
    assert ("A checkpoint is there" in Page(folder).text) == said


def test_no_run_no_page(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no run"):
        render(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_large_images_are_reduced_and_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path / "run", 64, 90, 6)
    assert "reduced" not in Page(tmp_path / "run").text
    monkeypatch.setattr(embed, "MOST", 48)
    monkeypatch.setattr(embed, "_MAX_FRAME_BYTES", 1)
    render(tmp_path / "run")
    page = Page(tmp_path / "run")
    assert "reduced to 48 pixels" in page.text
    assert all(max(decoded(tag["src"]).size) <= 90 for tag in page.all("img"))
    assert max(decoded(page.all("img")[0]["src"]).size) == 48
    assert max(decoded(page.data["frames"][0]["uri"]).size) <= 256


def test_error_maps_are_the_mean_absolute_difference(tmp_path: Path) -> None:
    run(tmp_path / "run", drawn=False)
    data = RunData.read(tmp_path / "run")
    initial, same, own = embed.error_maps(data)
    arrays = [np.asarray(Image.open(tmp_path / "run" / f"{name}.png"), float) for name in ("initial", "reference")]
    error = np.abs(arrays[0] - arrays[1]).mean(-1)
    assert initial.mean == pytest.approx(error.mean(), rel=1e-5)
    assert initial.most == same.most == pytest.approx(np.percentile(error, 99.5), rel=1e-5)
    assert own.most < same.most
    assert own.mean == same.mean < initial.mean
    lightness = np.asarray(decoded(initial.uri).convert("L"), float)
    assert np.corrcoef(lightness.ravel(), np.minimum(error, initial.most).ravel())[0, 1] > 0.97


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1e6), st.one_of(st.floats(-20, 90), st.just(math.inf)), st.sampled_from([0.5, math.nan])
        ),
        min_size=1,
        max_size=30,
    ),
    st.integers(0, 10**6),
)
def test_curves_stay_in_their_boxes(values: list[tuple[float, float, float]], first: int) -> None:
    rows = [Row(first + at, loss, 0, 0, psnr, ssim, 0) for at, (loss, psnr, ssim) in enumerate(values)]
    data = RunData(Path(), {}, rows)
    for chart in charts(data):
        assert all(chart.left <= x <= chart.right for x in chart.across)
        assert all(chart.top <= y <= chart.bottom for y in chart.up)
        assert len(chart.lines) <= 8
        places = sorted(y for y, _ in chart.lines)
        assert all(after - before >= 7 for before, after in pairwise(places))
        assert all(chart.top <= y <= chart.bottom for y in places)


def test_long_runs_have_bounded_curves() -> None:
    rows = [Row(step, 1 / (1 + step), 0, 0, 20, 0.5, 0) for step in range(50_000)]
    chart = charts(RunData(Path(), {}, rows))[0]
    assert len(chart.steps) == 600
    assert (chart.steps[0], chart.steps[-1]) == (0, 49_999)


def test_levels_share_an_axis() -> None:
    found = levels({"levels": {"a": 1.0, "b": 0.1, "c": 0.0}}, {"levels": {"a": 0.01, "b": 0.1, "c": 0.0}})
    assert [(round(level.start), round(level.end)) for level in found] == [(97, 3), (50, 50), (0, 0)]
    assert levels({}, {"levels": None}) == []


TERMS = {"deepjsd": 1.0, "lpips": 0.1}


def two_terms(folder: Path) -> Path:
    """A run whose objective has two terms, neither with a backbone nor with a score."""
    results = run(folder, 24, 30, 6)
    rows = [
        replace(row, terms={"deepjsd": 0.5 * row.loss, "lpips": 5 * row.loss}) for row in read(folder / "history.csv")
    ]
    writer = HistoryWriter(folder / "history.csv", terms=list(TERMS))
    for row in rows:
        writer.append(row)
    for key, row in (("initial", rows[0]), ("best", rows[-2])):
        results[key] |= {"terms": row.terms, "score": None}
    results["final"]["score"] = None
    objective = [{"name": name, "weight": weight} for name, weight in TERMS.items()]
    metadata = results | {"objective": objective, "metric": None, "backbone": None}
    (folder / "metrics.json").write_text(json.dumps(metadata))
    render(folder)
    return folder


def test_the_terms_of_an_objective_are_drawn_and_listed(tmp_path: Path) -> None:
    page = Page(two_terms(tmp_path / "run"))
    assert "DeepJSD + LPIPS" in page.text
    assert "deepjsd + 0.1 lpips" in page.text
    assert "Terms of the objective" in page.text
    assert "Score" not in page.text
    loss = charts(RunData.read(tmp_path / "run"))[0]
    assert [term.name for term in loss.terms] == ["DeepJSD", "LPIPS"]
    assert loss.terms[0].lines == loss.terms[1].lines  # each adds half
    heights = [float(point.split(",")[1]) for line in loss.terms[0].lines for point in line.split()]
    assert len(heights) == 7
    assert all(below > above for below, above in zip(heights, loss.up, strict=True))


@pytest.mark.parametrize(
    ("objective", "sentence"),
    [
        ([("deepjsd", 1)], "their mean is the loss of DeepJSD."),
        ([("deepjsd", 2)], "their mean is the loss of DeepJSD, before weighting."),
        ([("deepjsd", 1), ("lpips", 0.1)], "their mean is the loss of DeepJSD, before weighting."),
    ],
)
def test_the_levels_are_those_of_one_metric(objective: list[tuple[str, float]], sentence: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    metadata = run(folder, 24, 30, 6)
    metadata["objective"] = [{"name": name, "weight": weight} for name, weight in objective]
    metadata["initial"]["levels"] = metadata["best"]["levels"] = {"image": 0.1, "stage 1": 0.2}
    (folder / "metrics.json").write_text(json.dumps(metadata))
    render(folder)
    assert sentence in Page(folder).text


def test_a_term_that_adds_next_to_nothing_does_not_flatten_the_loss() -> None:
    rows = [Row(step, 1.0 / (step + 1), 0, 0, 20, 0.5, 0, {"a": 1.0 / (step + 1), "b": 0.0}) for step in range(5)]
    data = RunData(Path(), {"objective": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]}, rows)
    loss = charts(data)[0]
    assert [len(term.lines) for term in loss.terms] == [1, 0]
    assert max(loss.up) - min(loss.up) > 70


def test_the_curves_show_terms(tmp_path: Path) -> None:
    folder = two_terms(tmp_path / "run")
    with_terms = (folder / "curves.png").read_bytes()
    metadata = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(metadata | {"objective": None}))
    curves(RunData.read(folder))
    assert with_terms != (folder / "curves.png").read_bytes()


def test_each_image_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    run(folder, 24, 30, 6)
    decoded, load_end = [], PngImagePlugin.PngImageFile.load_end

    def counted(image: PngImagePlugin.PngImageFile) -> None:
        decoded.append(image)
        load_end(image)

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_end", counted)
    render(folder)
    assert len(decoded) == 3 + len(list((folder / "frames").iterdir()))


@pytest.mark.parametrize(
    ("key", "value", "written"),
    [
        ("psnr", 20.123, "20.12 dB"),
        ("psnr", math.inf, "∞"),
        ("loss", 0.00012345, "0.0001234"),
        ("ssim", None, "\N{EN DASH}"),
    ],
)
def test_figures_are_written_as_people_read_them(key: str, value: float | None, written: str) -> None:
    assert write(key, value) == written


def test_metrics_have_the_names_of_papers() -> None:
    assert [display_name(name) for name in ("deepwsd", "ms_ssim", "mine")] == ["DeepWSD", "MS-SSIM", "mine"]
