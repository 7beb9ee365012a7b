"""`task=score`: a pair, folders and lists; what is done is kept, what is bad is reported and skipped."""

from __future__ import annotations

import csv
import json
import math
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import job
from PIL import Image

import enhance
from enhance.backbones.network import Backbone
from enhance.cli.overrides import tool_settings
from enhance.cli.quoting import quoted
from enhance.images.pictures import load_image
from enhance.images.writing import save_image
from enhance.scoring import Pair, PairsError, batches, find_pairs, read_pairs
from enhance.scoring.document import _table as document_table
from enhance.utils.numbers import finite

QUICK = ["backbone=squeezenet", "backbone.weights=untrained", "metric=deepjsd", "threads=1"]
NAMES = ("a.png", "b b.png", "ü=1.png")


def use(*arguments: str) -> int:
    return import_module("enhance.cli.commands.score").run(tool_settings("score", quoted(arguments)))


def rows(file: Path) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture
def folders(tmp_path: Path, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ref/ and img/ with images of two sizes, and the caller's folder."""
    for number, name in enumerate(NAMES):
        reference = torch.rand(1, 3, 24 + 8 * (number // 2), 32, generator=generator)
        save_image(reference, tmp_path / "ref" / name)
        save_image(
            (reference + 0.1 * torch.randn(reference.shape, generator=generator)).clamp(0, 1), tmp_path / "img" / name
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def metric() -> enhance.DeepJSD:
    return enhance.DeepJSD("squeezenet", "untrained")


def test_a_pair_is_scored_as_the_library_scores_it(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=ref/a.png", "image=img/a.png", "format=json", "metrics=[deepjsd,psnr,ssim]", *QUICK) == 0
    captured = capsys.readouterr()
    deep, psnr, ssim = json.loads(captured.out)["scores"]
    image, reference = load_image("img/a.png"), load_image("ref/a.png")
    assert deep["score"] == pytest.approx(metric().score(image, reference).item(), rel=1e-5)
    assert deep["loss"] == pytest.approx(metric()(image, reference).item(), rel=1e-5)
    assert sum(deep["levels"]) / len(deep["levels"]) == pytest.approx(deep["loss"], rel=1e-5)
    assert (deep["backbone"], deep["pretrained"]) == ("squeezenet1_0", False)
    assert 15 < psnr["score"] < 30
    assert 0 < ssim["score"] < 1
    assert "random weights" in captured.err
    assert sorted(file.name for file in folders.iterdir()) == ["img", "ref"]  # no clutter


def test_the_text_names_backbone_and_levels(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=ref/a.png", "image=ref/a.png", "metrics=[deepwsd,psnr]", "threads=1") == 0
    said = capsys.readouterr().out
    assert "in vgg_compact" in said
    assert "levels: image 0" in said
    assert "infinite" in said
    assert "backbone=vgg19" in said


@pytest.mark.parametrize(
    ("backbone", "count"),
    [("vgg_compact", 1), ("vgg16", 1), ("[vgg_compact,vgg19]", 1), ("vgg19", 0), ("squeezenet", 0)],
)
@pytest.mark.parametrize("images", ["reference=ref/a.png image=img/a.png", "reference=ref image=img"])
def test_scores_that_no_table_has_are_called_so_once(
    images: str, backbone: str, count: int, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert use(*images.split(), f"backbones={backbone}", "metrics=[deepjsd,psnr]", *QUICK[1:2], "threads=1") == 0
    assert capsys.readouterr().out.count("(scores as in published tables need backbone=vgg19)") == count


@pytest.mark.parametrize("asked", ["true", "out/where.pdf"])
def test_a_map_is_laid_over_the_image(asked: str, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=ref/a.png", "image=img/a.png", f"map={asked}", *QUICK) == 0
    file = folders / ("a-map.png" if asked == "true" else asked)
    assert file.stat().st_size > 1000
    assert file.name in capsys.readouterr().out
    assert use("reference=ref/a.png", "image=img/a.png", f"map={asked}", "format=json", *QUICK) == 0
    assert json.loads(capsys.readouterr().out)["map"] == str(file.relative_to(folders))


def test_folders_are_paired_by_name_and_a_second_call_goes_on(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert use("reference=ref", "image=img", "batch=2", *QUICK) == 0
    scored = rows(folders / "scores.csv")
    assert [Path(row["image"]).name for row in scored] == sorted(NAMES)
    for row in scored:
        expected = metric().score(load_image(row["image"]), load_image(row["reference"])).item()
        assert float(row["deepjsd-squeezenet1_0"]) == pytest.approx(expected, rel=1e-5)
    whole = (folders / "scores.csv").read_text(encoding="utf-8")
    (folders / "scores.csv").write_text(whole[:-9], encoding="utf-8")  # as a crash leaves it
    assert use("reference=ref", "image=img", *QUICK) == 0
    assert "1 pair scored, 2 were there already" in capsys.readouterr().out
    assert rows(folders / "scores.csv") == scored
    document = json.loads((folders / "scores.json").read_text(encoding="utf-8"))
    assert [pair["image"] for pair in document["pairs"]] == [row["image"] for row in rows(folders / "scores.csv")]


@pytest.mark.parametrize("changed", ["img/a.png", "ref/a.png"])
def test_a_file_that_was_made_anew_is_scored_anew(
    changed: str, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert use("reference=ref", "image=img", "metrics=[psnr]", "threads=1") == 0
    before = {row["image"]: row["psnr"] for row in rows(folders / "scores.csv")}
    save_image(load_image(folders / changed).flip(-1), folders / changed)
    assert use("reference=ref", "image=img", "metrics=[psnr]", "threads=1") == 0
    assert "1 pair scored, 2 were there already" in capsys.readouterr().out
    after = {row["image"]: row["psnr"] for row in rows(folders / "scores.csv")}
    assert {name for name in before if before[name] != after[name]} == {"img/a.png"}
    assert len(after) == len(rows(folders / "scores.csv")) == 3


@pytest.mark.parametrize("document", [True, False])
def test_a_table_of_another_background_or_mask_is_refused(document: bool, folders: Path) -> None:
    words = ("reference=ref/a.png", "image=img/a.png", "output=scores.csv", "metrics=[psnr]", "threads=1")
    assert use(*words) == 0
    save_image(torch.ones(1, 3, 24, 32), folders / "mask.png")
    if not document:  # the table alone says what it was made of
        (folders / "scores.json").unlink()
    for more in ("background=black", "mask=mask.png", "range=2"):
        with pytest.raises(ValueError, match="ranges or masks; name another file"):
            use(*words, more)


def test_an_image_too_large_for_the_memory_is_skipped(
    folders: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    score = batches.score

    def full(scorers: Any, images: torch.Tensor, *rest: Any) -> torch.Tensor:
        if images.shape[-2] == 32:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")
        return score(scorers, images, *rest)

    monkeypatch.setattr(batches, "score", full)
    assert use("reference=ref", "image=img", "metrics=[psnr]", "threads=1") == 1
    captured = capsys.readouterr()
    assert "2 pairs scored, 1 skipped" in captured.out
    assert "more memory than there is" in captured.err
    monkeypatch.setattr(batches, "score", lambda *_: 1 / 0)
    (folders / "scores.csv").unlink()
    with pytest.raises(ZeroDivisionError):
        use("reference=ref", "image=img", "metrics=[psnr]", "threads=1")


def test_a_pair_goes_to_the_file_that_is_named(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=ref/a.png", "image=img/a.png", "output=pair.csv", *QUICK) == 0
    (row,) = rows(folders / "pair.csv")
    assert (row["reference"], row["image"]) == ("ref/a.png", "img/a.png")
    assert "1 pair scored" in capsys.readouterr().out


def test_bad_files_are_reported_and_skipped(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "img" / "a.png").write_text("no image")
    save_image(torch.rand(1, 3, 9, 9), folders / "img" / NAMES[1])
    assert use("reference=ref", "image=img", *QUICK) == 1
    captured = capsys.readouterr()
    assert "1 pair scored, 2 skipped" in captured.out
    assert "not an image" in captured.err
    assert "9 x 9" in captured.err
    failed = json.loads((folders / "scores.json").read_text(encoding="utf-8"))["failed"]
    assert [Path(entry["image"]).name for entry in failed] == ["a.png", NAMES[1]]


def test_an_image_without_a_reference_is_reported_and_skipped(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "ref" / "a.png").rename(folders / "ref" / "z.png")
    assert use("reference=ref", "image=img", *QUICK) == 1
    captured = capsys.readouterr()
    assert "2 pairs scored, 1 skipped" in captured.out
    assert "skipped img/a.png: There is no file ref/a.png" in captured.err
    for name in NAMES[1:]:
        (folders / "ref" / name).rename(folders / "ref" / f"z{name}")
    with pytest.raises(PairsError, match=r"None of 3 images has a reference of its name in ref, not even a\.png"):
        find_pairs("ref", "img")


def test_nothing_that_can_be_scored_is_an_error_and_leaves_no_table(folders: Path) -> None:
    whole = {name: (folders / "img" / name).read_bytes() for name in NAMES}
    for name in NAMES:
        (folders / "img" / name).write_text("no image")
    with pytest.raises(ValueError, match="None of the pairs"):
        use("reference=ref", "image=img", *QUICK)
    for name, data in whole.items():
        (folders / "img" / name).write_bytes(data)
    assert use("reference=ref", "image=img", "metrics=psnr") == 0  # not in the way of other measures


def test_what_was_scored_before_an_interruption_is_in_both_files(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    score, seen = batches.score, []

    def crash(*arguments: Any) -> torch.Tensor:
        if seen:
            raise KeyboardInterrupt
        seen.append(score(*arguments))
        return seen[0]

    monkeypatch.setattr(batches, "score", crash)
    with pytest.raises(KeyboardInterrupt):
        use("reference=ref", "image=img", "batch=1", *QUICK)
    document = json.loads((folders / "scores.json").read_text(encoding="utf-8"))
    assert [pair["image"] for pair in document["pairs"]] == [row["image"] for row in rows(folders / "scores.csv")]
    assert (len(document["pairs"]), document["left"]) == (1, 2)
    assert not list(folders.glob(".*"))  # no lock is left


def test_a_json_that_is_somebody_elses_stays(folders: Path) -> None:
    for text in ("[1, 2]", '{"name": "mine"}', "no json"):
        (folders / "package.json").write_text(text)
        with pytest.raises(ValueError, match="holds no scores"):
            use("reference=ref", "image=img", "output=package.csv", *QUICK)
        assert (folders / "package.json").read_text() == text


def test_json_has_no_infinity_and_no_nan(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=ref/a.png", "image=ref", "metrics=[psnr]", "format=json") == 1
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["pairs"][0]["psnr"] is None
    assert [finite(value) for value in (math.nan, -math.inf, 1.5)] == [None, None, 1.5]


def test_means_are_said_of_the_pairs_that_were_asked_for(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert use("reference=ref/a.png", "image=img", "metrics=[psnr]", "output=x.csv") == 1  # one has another size
    assert use("reference=ref", "image=img", "metrics=[psnr]", "output=x.csv") == 0
    said = capsys.readouterr().out
    assert "2 pairs scored, 1 were there already" in said
    mean = sum(float(row["psnr"]) for row in rows(folders / "x.csv") if row["reference"][4:] == row["image"][4:]) / 3
    assert said.splitlines()[-1].strip() == f"{mean:.4g}"
    document = json.loads((folders / "x.json").read_text(encoding="utf-8"))
    assert document["means"]["all"]["psnr"] == pytest.approx(mean)
    assert [(scorer["column"], scorer["higher_is_better"]) for scorer in document["scorers"]] == [("psnr", True)]


def test_a_folder_of_folders_is_compared_with_one_of_references(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for method in ("coded", "blurred"):
        (folders / "results" / method).mkdir(parents=True)
        for name in NAMES:
            (folders / "results" / method / name).write_bytes((folders / "img" / name).read_bytes())
    (folders / "ref" / "coded").mkdir()
    pairs = find_pairs("ref", "results")
    assert [pair.reference for pair in pairs] == [f"ref/{name}" for name in sorted(NAMES)] * 2
    assert use("reference=ref", "image=results", "metrics=[psnr]") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["6", "mean", "results/blurred", "results/coded", "all"]
    (folders / "own").mkdir()
    for method in ("coded", "blurred"):
        (folders / "results" / method).rename(folders / "own" / method)
    pairs = find_pairs("own", "own")
    assert all(pair.reference == pair.image for pair in pairs)


def test_home_is_known(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folders))
    (folders / "p.csv").write_text("reference;image\nref/a.png;img/a.png\n")
    assert use("reference=~/ref", "image=~/img", "metrics=[psnr]") == 0
    assert use("pairs=~/p.csv", "metrics=[psnr]", "output=p-scores.csv") == 0
    assert len(rows(folders / "p-scores.csv")) == 1


def test_measures_of_one_backbone_cost_one_pass_an_image(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images: list[int] = []
    forward = Backbone.forward
    monkeypatch.setattr(Backbone, "forward", lambda self, x: images.append(len(x)) or forward(self, x))
    quick = ("backbone=vgg_compact", "backbone.weights=untrained", "threads=1")
    assert use("reference=ref", "image=img", "metrics=[deepjsd,deepskld,deepwsd,mae]", *quick) == 0
    assert sum(images) == 2 * len(NAMES)


def test_random_weights_are_asked_for_once_for_all_backbones(folders: Path) -> None:
    asked = ("reference=ref/a.png", "image=img/a.png", "backbones=[mobilenet,squeezenet]", "backbone.weights=untrained")
    assert use(*asked, "metric=deepjsd", "threads=1") == 0


def test_what_was_done_to_files_is_said_of_the_first(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "clear").mkdir()
    for number in range(7):
        Image.new("RGBA", (16, 16), (9, 9, 9, 128)).save(folders / "clear" / f"{number}.png")
    assert use("reference=clear/0.png", "image=clear", "metrics=[psnr]") == 0
    captured = capsys.readouterr()
    assert captured.err.count("transparent") == 5
    assert "and 3 more images" in captured.err  # the reference is one too
    assert "(psnr: without 7 infinite, of equal images)" in captured.out


def test_a_link_to_nothing_is_reported(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "img" / "z.png").symlink_to(folders / "gone.png")
    assert use("reference=ref", "image=img", "metrics=[psnr]") == 1
    assert "link to nothing" in capsys.readouterr().err


def test_one_reference_serves_many(folders: Path) -> None:
    assert use("reference=ref/a.png", "image=img", "output=many.csv", *QUICK) == 1  # one has another size
    assert {row["reference"] for row in rows(folders / "many.csv")} == {"ref/a.png"}
    assert len(rows(folders / "many.csv")) == 2


def test_a_list_of_pairs_carries_its_columns_through(folders: Path) -> None:
    (folders / "list").mkdir()
    (folders / "list" / "pairs.csv").write_text(
        "image,mos,reference\n../img/a.png,3.5,../ref/a.png\nimg/b b.png,1,ref/b b.png\n", encoding="utf-8"
    )
    assert use("pairs=list/pairs.csv", "metrics=[deepjsd,psnr]", "output=out/s.csv", *QUICK) == 0
    scored = rows(folders / "out" / "s.csv")
    assert list(scored[0]) == ["reference", "image", "mos", "deepjsd-squeezenet1_0", "psnr", "inputs"]
    assert [row["mos"] for row in scored] == ["3.5", "1"]


def test_files_are_paired_by_stem_where_endings_differ(folders: Path) -> None:
    (folders / "img" / "a.png").rename(folders / "img" / "a.bmp")
    assert find_pairs("ref", "img")[0] == Pair("ref/a.png", "img/a.bmp")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["reference=ref"], "needs reference="),
        (["reference=ref", "image=none.png"], "image=none.png"),
        (["reference=ref", "image=img/a.png"], "two files or two folders"),
        (["reference=ref/a.png", "image=img/ü=1.png"], "crop or resize"),
        (["pairs=none.csv"], "there is no such file"),
        (["pairs=ref", "image=img"], "not both"),
        (["reference=ref", "image=img", "metrics=[deepwds]"], "deepwsd"),
        (["reference=ref", "image=img", "metrics=[psnr,psnr]"], "each name once"),
        (["reference=ref", "image=img", "metrics=[]"], "names none"),
        (["reference=ref", "image=img", "backbones=[vgg18]"], "vgg1"),
        (["reference=ref", "image=img", "output=scores.txt"], ".csv"),
        (["reference=ref", "image=img", "format=xml"], "text or json"),
        (["reference=ref/a.png", "image=img/a.png", "map=x.gif"], ".pdf"),
        (["reference=ref/a.png", "image=img/a.png", "metrics=[psnr]", "map=true"], "map=true needs a metric"),
        (["reference=ref", "image=img", "batch=0"], "at least 1"),
        (["reference=ref", "image=empty", "metrics=[psnr]"], "no images"),
        (["reference=ref", "image=img", "metrics=[pnsr]"], "did you mean 'psnr'"),
        (["reference=ref", "image=img", "metrics=[psnr@vgg16]"], "psnr uses no backbone"),
        (["reference=ref", "image=img", "metrics=[deepjsd@vgg61]"], "no backbone 'vgg61'"),
        (["reference=ref", "image=img", "metrics=[module]"], "needs metric.target"),
        (["reference=ref", "image=img", "metric=psnr", "mask=gone.png"], "gone.png"),
        (["reference=ref", "image=img", "metrics=[mse]", "metric.layout=spatial"], "no metric takes metric.layout"),
        (["reference=ref", "image=img", "metric=mse", "metric.steps=5"], "no metric takes metric.steps"),
        (["reference=ref", "image=img", "map=true"], "map= draws one pair"),
        (["reference=ref/a.png", "image=img/a.png", "map=true", "output=a.csv"], "without output="),
        (["reference=ref/a.png", "image=img/a.png", "output="], ".csv"),
        (["reference=ref", "image=img", "metrics=deepwsd,psnr"], "metrics=[deepwsd,psnr]"),
    ],
)
def test_settings_that_cannot_be_scored_are_refused(arguments: list[str], sentence: str, folders: Path) -> None:
    (folders / "empty" / ".thumbnails").mkdir(parents=True)
    save_image(torch.rand(1, 3, 9, 9), folders / "empty" / ".thumbnails" / "a.png")
    with pytest.raises(ValueError, match=r"\S") as raised:
        use(*arguments, *QUICK)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "reference,picture\na,b\n", "reference,image\n"])
def test_a_list_without_pairs_or_columns_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    with pytest.raises(PairsError):
        read_pairs(str(tmp_path / "pairs.csv"))


BAD_ROWS = {
    "": "Row 2 of pairs.csv, the header not counted, has no image.",
    "img/a.png,": "has fewer values than the list has columns",
    "ref/a.png,,1": "has no image",
    ",img/a.png,1": "has no reference",
    "ref/a.png,img/a.png,1,2": "has more values than the list has columns",
}


@pytest.mark.parametrize("row", BAD_ROWS)
def test_a_bad_row_of_a_list_is_reported_and_the_others_are_scored(
    row: str, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["reference,image,mos", "ref/a.png,img/a.png,1", row or "ref/a.png,,9", "ref/ü=1.png,img/ü=1.png,3"]
    (folders / "pairs.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert use("pairs=pairs.csv", "metrics=[psnr]", "threads=1") == 1
    captured = capsys.readouterr()
    assert "2 pairs scored, 1 skipped" in captured.out
    assert captured.err.count("skipped") == 1
    assert BAD_ROWS[row] in captured.err
    assert [row["image"] for row in rows(folders / "scores.csv")] == ["img/a.png", "img/ü=1.png"]
    (failed,) = json.loads((folders / "scores.json").read_text(encoding="utf-8"))["failed"]
    assert BAD_ROWS[row] in failed["reason"]


def test_a_list_of_bad_rows_alone_is_refused(folders: Path) -> None:
    (folders / "pairs.csv").write_text("reference,image\n,b.png\n")
    with pytest.raises(ValueError, match="None of the pairs could be scored"):
        use("pairs=pairs.csv", "metrics=[psnr]", "threads=1")


def test_scores_of_other_weights_do_not_share_a_table(folders: Path) -> None:
    assert use("reference=ref", "image=img", *QUICK) == 0
    for other in (
        ["backbone.seed=1"],
        ["metrics=[deepjsd,psnr]"],
        ["metric.layout=spatial"],
        ["metric.prefilter=false"],
    ):
        with pytest.raises(ValueError, match="name another file"):
            use("reference=ref", "image=img", *QUICK, *other)


def test_a_folder_names_what_it_leaves_out_and_why(
    folders: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("enhance.images.suffixes.find_spec", lambda module: None)
    for name in ("1.heic", "2.heic", "notes.txt", ".hidden"):
        (folders / "img" / name).touch()
    save_image(load_image("ref/a.png"), folders / "ref" / "alone.png")
    (folders / "img" / "below").mkdir()
    Image.new("RGB", (9, 9)).save(folders / "img" / "below" / "c.ppm")
    assert use("reference=ref", "image=img", "metrics=[psnr]", "threads=1") == 0
    said = capsys.readouterr().err
    assert "img: 2 files are left out (HEIC, read after pip install 'enhance[heic]'): 1.heic, 2.heic" in said
    assert "img: 1 file is left out (no images by their names): notes.txt" in said
    assert "img: 1 file is left out (images lie above it, and only those are compared): below/c.ppm" in said
    assert "ref: 1 file is left out (no file of the other folder has its name): alone.png" in said
    assert ".hidden" not in said


@pytest.mark.parametrize(("side", "said"), [(383, False), (384, True)])
def test_a_score_says_when_the_image_was_averaged_first(
    side: int, said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    save_image(torch.rand(1, 3, 8, side), "a.png")
    words = ("reference=a.png", "image=a.png", "backbone=vgg_compact", "metric=deepjsd", "threads=1")
    for more in ((), ("output=scores.csv",)):
        assert use(*words, *more) == 0
        assert ("averaged to about 256 pixels first" in capsys.readouterr().out) == said
    assert use(*words, "metric.prefilter=false") == 0
    assert "averaged" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reference", "image", "same"),
    [("ref/a.png", "ref/a.png", True), ("ref/a.png", "ref/../ref/a.png", True), ("ref/a.png", "img/a.png", False)],
)
def test_a_file_against_itself_is_said_to_be_the_same(
    folders: Path, capsys: pytest.CaptureFixture[str], reference: str, image: str, same: bool
) -> None:
    assert use(f"reference={reference}", f"image={image}", "metric=mse", "threads=1") == 0
    assert ("are the same file" in capsys.readouterr().err) == same


def test_many_columns_of_means_fit_into_eighty() -> None:
    heads = ["mean", *(f"deepjsd-network{number:02d}" for number in range(9))]
    lines = document_table([heads, ["a_method", *["0.1234"] * 9], ["all", *["0.5"] * 9]])
    assert max(map(len, lines)) <= 80
    assert len(lines) == 3 * 3
    assert [line.split()[0] for line in lines] == ["mean", "a_method", "all"] * 3
    assert " ".join(lines).count("0.1234") == 9


def test_the_results_of_a_sweep_are_scored_against_their_references(tmp_path: Path) -> None:
    for number, status in ((10, "finished"), (2, "finished"), (3, "interrupted")):
        run = job(tmp_path, number, [], 20.0, status)
        save_image(torch.full((1, 3, 16, 16), 0.5), run / "reference.png")
    job(tmp_path, 4, [], 20.0)  # its reference is gone
    found = read_pairs(str(tmp_path))
    names = [f"{number}-recover" for number in (2, 10)]
    assert found == [
        Pair(str(tmp_path / name / "reference.png"), str(tmp_path / name / "result.png")) for name in names
    ]
    with pytest.raises(PairsError, match="folder without finished runs"):
        read_pairs(str(tmp_path / "2-recover"))
