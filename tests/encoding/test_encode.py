"""`task=encode`: the smallest file at a distance, or the best within a number of bytes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, features
from profiles import P3, power, profile

from enhance.encoding.candidates import Candidates, Measure, Original, read_original
from enhance.encoding.choose import Encoded, Wanted, choose, encode_image
from enhance.encoding.formats import FORMATS, format_named
from enhance.encoding.page import window
from enhance.encoding.search import cheapest
from enhance.images.arrays import from_array
from enhance.images.pictures import open_picture, save_image
from enhance.images.reading import Picture
from enhance.metrics.loading import load_metric

Command = Callable[..., Any]


def photo(height: int = 64, width: int = 96, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = 0.9 * torch.rand(1, 1, 8, 12, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic")
    noise = 0.05 * torch.randn(smooth.shape, generator=generator)
    return ((smooth + noise) * torch.tensor([1.0, 0.9, 0.8])[:, None, None]).clamp(0, 1)


def original(**size: int) -> Original:
    image = from_array((photo(**size)[0].permute(1, 2, 0) * 255).round().byte().numpy())
    return Original("photo.png", Picture(image, "photo.png"), 20_000)


def candidates(name: str = "jpeg", metric: str = "ssim") -> Candidates:
    image = original()
    return Candidates(image, FORMATS[name], Measure(load_metric(metric), image))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "encode.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("edge", [1, 2, 50, 99, 100])
def test_bisection_finds_where_what_will_do_ends(edge: int) -> None:
    tried = []

    def allowed(quality: int) -> bool:
        tried.append(quality)
        return quality >= edge

    assert cheapest(range(100, 0, -1), allowed, float) == edge
    assert len(set(tried)) <= 16


def test_neighbours_are_tried_where_what_will_do_is_not_sorted() -> None:
    good = {*range(40, 101), 37, 35}  # 37 will do though 38 will not, and 35 beside it
    assert cheapest(range(100, 0, -1), good.__contains__, float) == 35
    sizes = dict.fromkeys(range(1, 101), 9.0) | {42: 5.0, 44: 1.0}  # larger qualities with smaller files
    assert cheapest(range(100, 0, -1), good.__contains__, sizes.__getitem__) == 44


def test_nothing_is_found_where_nothing_will_do() -> None:
    assert cheapest(range(10), lambda _: False, float) is None
    assert cheapest(range(10), lambda place: place == 2, float) == 2  # not the first, which bisection takes for granted


@pytest.mark.parametrize(("metric", "score"), [("ssim", 0.9), ("mse", 0.001)])
@pytest.mark.parametrize("name", ["jpeg", "webp", "png8"])
def test_the_choice_is_the_smallest_of_all_qualities(name: str, metric: str, score: float) -> None:
    found = candidates(name, metric)
    choice = choose(found, score, None)
    every = candidates(name, metric)
    allowed = [each for each in found.format.qualities if every.measure.reaches(every.score(each), score)]
    assert choice.reached
    assert choice.bytes == min(every.bytes(each) for each in allowed)
    assert choice.trials < 30
    decoded = open_bytes(choice.data)
    assert choice.score == load_metric(metric).scores(decoded, every.original.picture.image).item()
    assert choice.psnr == pytest.approx(load_metric("psnr").scores(decoded, every.original.picture.image).item())


def open_bytes(data: bytes) -> torch.Tensor:
    with Image.open(io.BytesIO(data)) as opened:
        return from_array(np.asarray(opened.convert("RGB")))


def test_the_best_file_within_a_number_of_bytes() -> None:
    found, every = candidates("webp"), candidates("webp")
    choice = choose(found, None, 2000)
    fitting = [each for each in every.format.qualities if every.bytes(each) <= 2000]
    assert choice.reached
    assert choice.wanted is None
    assert choice.bytes <= 2000
    assert choice.score == max(every.score(each) for each in fitting)
    assert choice.trials < 10  # sizes cost no score


def test_a_bound_that_cannot_be_kept_is_said() -> None:
    too_good = choose(candidates(), 1.0, None)
    assert not too_good.reached
    assert too_good.quality in range(97, 101)
    too_small = choose(candidates(), None, 10)
    assert not too_small.reached
    assert too_small.quality in (1, 2, 3)
    both = choose(candidates(), 0.99, 1500)
    assert not both.reached
    assert both.bytes <= 1500
    assert choose(candidates(), 0.5, 10_000).reached


def test_like_takes_the_score_of_that_file_on_each_image() -> None:
    image = original()
    encode = partial(encode_image, image, load_metric("ssim"))
    found = encode([FORMATS["webp"], FORMATS["jpeg"]], Wanted(like=(FORMATS["jpeg"], 70)))
    webp, jpeg = found.choices
    wanted = candidates().score(70)
    assert jpeg.wanted == webp.wanted == wanted
    assert jpeg.bytes <= candidates().bytes(70)
    assert webp.score >= wanted
    assert found.best.bytes == min(webp.bytes, jpeg.bytes)


def test_the_best_of_several_formats() -> None:
    image = original()
    formats = [FORMATS["jpeg"], FORMATS["png8"]]
    small = encode_image(image, load_metric("mse"), formats, Wanted(max_bytes=4000))
    assert small.best.score == min(choice.score for choice in small.choices)
    strict = encode_image(image, load_metric("mse"), formats, Wanted(score=1.5e-5))
    assert [choice.reached for choice in strict.choices] == [True, False]
    assert strict.best.format.name == "jpeg"


def test_every_format_writes_what_it_says() -> None:
    for name, form in FORMATS.items():
        if form.feature and not features.check(form.feature):
            continue
        with Image.open(io.BytesIO(form.encode(original().pixels, form.qualities[-1]))) as opened:
            assert opened.format == form.kind, name
            assert opened.size == (96, 64)
    assert format_named("png8").encode(original().pixels, 2)[25] == 3  # of the palette type


def test_a_format_that_this_pillow_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(ValueError, match="cannot write AVIF"):
        format_named("avif")


def test_the_colour_profile_goes_with_the_colours(tmp_path: Path) -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = Image.fromarray((photo()[0].permute(1, 2, 0) * 255).byte().numpy())
    pixels.save(tmp_path / "a.png", icc_profile=own)
    found = read_original(str(tmp_path / "a.png"), "white")
    assert found.picture.profile == own
    for name in ("jpeg", "webp", "png8"):
        choice = choose(Candidates(found, FORMATS[name], Measure(load_metric("mse"), found)), 0.01, None)
        with Image.open(io.BytesIO(choice.data)) as opened:
            assert opened.info["icc_profile"] == own


def test_the_profile_of_colours_that_were_converted_stays_behind(tmp_path: Path) -> None:
    pixels = Image.fromarray((photo()[0].permute(1, 2, 0) * 255).byte().numpy())
    pixels.save(tmp_path / "a.png", icc_profile=profile(P3, power(2.2)))
    found = read_original(str(tmp_path / "a.png"), "white")
    assert "converted to sRGB" in found.notes[0]
    measure = Measure(load_metric("mse"), found)
    for name in ("jpeg", "png8"):
        made = Candidates(found, FORMATS[name], measure)
        best = FORMATS[name].qualities[-1]
        assert made.score(best) < 1e-3
        with Image.open(io.BytesIO(made.data(best))) as opened:
            assert "icc_profile" not in opened.info


def test_the_window_lies_where_a_large_image_differs() -> None:
    image = original(height=1000, width=1600)
    pixels = np.asarray(image.pixels).copy()
    pixels[300:340, 1500:1560] ^= 128
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    choice = choose(candidates("png8", "mse"), 1.0, None)
    found = Encoded(image, [replace(choice, data=stream.getvalue())])
    left, top, width, height = window(found)
    assert (width, height) == (1024, 768)
    assert left <= 1500 < 1560 <= left + width
    assert top <= 300 < 340 <= top + height
    assert window(Encoded(original(), [choice])) == (0, 0, 96, 64)


def test_one_image(enhance: Command, tmp_path: Path) -> None:
    save_image(photo(), tmp_path / "my photo.png")
    ended = enhance("task=encode", "image=my photo.png", "score=0.9", "metric=ssim", "format=[jpeg,webp]")
    assert ended.code == 0, ended.err
    folder = tmp_path / "encoded" / "my photo"
    found = rows(folder)
    assert [row["format"] for row in found] == ["jpeg", "webp"]
    for row in found:
        file = folder / row["file"]
        assert file.stat().st_size == int(row["bytes"])
        score = load_metric("ssim").scores(open_bytes(file.read_bytes()), open_picture(tmp_path / "my photo.png").image)
        assert float(row["score"]) == pytest.approx(score.item())
        assert score.item() >= 0.9
    assert {"encode.html", "encode.png", "encode.pdf", "encode-curves.csv"} <= {f.name for f in folder.iterdir()}
    document = json.loads((folder / "encode.json").read_text())
    assert document["metric"]["name"] == "ssim"
    assert [each["bytes"] for each in document["files"]] == [int(row["bytes"]) for row in found]
    text = (folder / "encode.html").read_text()
    assert text.count("data:image/jpeg") == text.count("<figure data-name=") - 2 == 1
    assert "SSIM" in ended.out


def test_a_folder(enhance: Command, tmp_path: Path) -> None:
    for name, seed in (("a.png", 0), ("b.png", 1), ("b.webp", 2)):
        save_image(photo(seed=seed), tmp_path / "in" / name)
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    ended = enhance("task=encode", "image=in", "max_bytes=3000", "metric=mse", "points=0", "output=out")
    assert ended.code == 1
    assert "skipped in/bad.png" in ended.err
    found = rows(tmp_path / "out")
    assert [row["file"] for row in found] == ["a.jpg", "b.png.jpg", "b.webp.jpg"]
    assert all((tmp_path / "out" / row["file"]).stat().st_size <= 3000 for row in found)
    assert "3 images together" in ended.out
    assert f"{sum(int(row['bytes']) for row in found):,}" in ended.out
    assert not (tmp_path / "out" / "encode.png").exists()


def test_the_page_compares_the_original_with_the_chosen_file(enhance: Command, tmp_path: Path, browser: Any) -> None:
    save_image(photo(), tmp_path / "a.png")
    assert enhance("task=encode", "image=a.png", "score=0.9", "metric=ssim", "format=[jpeg,png8]", "points=0").code == 0
    page, said = browser.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((tmp_path / "encoded" / "a" / "encode.html").as_uri())
    page.get_by_label("PNG").check(force=True)
    slide = page.locator(".slide")
    slide.fill("30")
    assert slide.get_attribute("aria-valuetext").startswith("30 % original, 70 % PNG")
    assert [page.locator(f".{side}").get_attribute("data-name") for side in ("left", "right")] == [
        "original",
        "choice2",
    ]
    assert not said
    page.close()


def test_what_is_not_reached_is_not_written(enhance: Command, tmp_path: Path) -> None:
    save_image(photo(), tmp_path / "a.png")
    ended = enhance("task=encode", "image=a.png", "score=1", "metric=ssim", "points=0")
    assert ended.code == 1
    assert "not reached" in ended.out
    folder = tmp_path / "encoded" / "a"
    assert not (folder / "a.jpg").exists()
    assert rows(folder)[0]["reached"] == "False"
    assert '<small class="missed">not 1' in (folder / "encode.html").read_text()


def test_a_file_of_an_earlier_call_is_not_taken_for_one_of_this(enhance: Command, tmp_path: Path) -> None:
    save_image(photo(), tmp_path / "a.png")
    small = ("task=encode", "image=a.png", "metric=ssim", "points=3")
    assert enhance(*small, "score=0.5").code == 0
    assert "dashed" in (tmp_path / "encoded" / "a" / "encode.html").read_text()
    ended = enhance(*small, "max_bytes=30")
    assert ended.code == 1
    assert f"{Path('encoded/a/a.jpg')} was there before this call, which wrote no JPEG" in ended.err
    page = (tmp_path / "encoded" / "a" / "encode.html").read_text()
    assert f'<td>{int(rows(tmp_path / "encoded" / "a")[0]["bytes"]):,}<small class="missed">too large' in page
    assert "dashed" not in page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "needs image="),
        (["image=a.png"], "needs score=X"),
        (["image=a.png", "score=0.1", "like=jpeg:80"], "not both"),
        (["image=a.png", "like=jpg:80"], "did you mean 'jpeg'"),
        (["image=a.png", "like=jpeg"], "must be jpeg:N"),
        (["image=a.png", "like=jpeg:101"], "from 1 to 100"),
        (["image=a.png", "like=png8:1"], "colours N from 2 to 256"),
        (["image=a.png", "score=0.1", "format=gif"], "There is no format 'gif'"),
        (["image=a.png", "score=0.1", "format=[]"], "one format or several"),
        (["image=a.png", "score=0.1", "format=[jpeg,jpeg]"], "each once"),
        (["image=a.png", "max_bytes=0"], "at least 1"),
        (["image=a.png", "score=0.1", "metric=deepjds"], "did you mean 'deepjsd'"),
        (["image=a.png", "score=nan"], "finite"),
        (["image=nothing.png", "score=0.1"], "There is no file nothing.png"),
        (["image=empty", "score=0.1"], "no images in empty"),
        (["image=a.png", "score=0.1", "output=."], "where the originals lie"),
        (["image=a.png", "score=0.1", "output=a.png"], "is a file"),
        (["image=a.png", "score=0.1", "metric=ms_ssim"], "161"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    arguments: list[str], sentence: str, enhance: Command, tmp_path: Path
) -> None:
    save_image(photo(), tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    ended = enhance("task=encode", "metric=mse", *arguments)
    assert ended.code == 2, ended
    assert sentence in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not (tmp_path / "encoded").exists()
