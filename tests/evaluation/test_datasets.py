"""Each data set's own files, in small: read, scored and evaluated, and what is missing is named."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openpyxl import Workbook
from PIL import Image
from scipy.io import savemat

from enhance.evaluation import datasets
from enhance.evaluation.correlations import ALL
from enhance.evaluation.datasets import READERS, read_dataset

LEVELS = range(1, 6)


def draw(file: Path, level: int = 0, seed: int = 0) -> None:
    """A small image; the higher the level, the further from the reference, level 0."""
    generator = np.random.default_rng(seed)
    pixels = generator.uniform(40, 215, (16, 24, 3)) + 6 * level * generator.normal(size=(16, 24, 3))
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file)


def tid2013(root: Path) -> None:
    lines = []
    for reference in (1, 2):
        draw(root / "reference_images" / f"I{reference:02}.BMP", seed=reference)
        for kind in (1, 24):
            for level in LEVELS:
                draw(root / "distorted_images" / f"i{reference:02}_{kind:02}_{level}.bmp", level, reference)
                lines.append(f"{7 - level}.{reference}{kind:02} I{reference:02}_{kind:02}_{level}.BMP")
    (root / "mos_with_names.txt").write_text("\r\n".join(lines) + "\r\n")


def kadid10k(root: Path) -> None:
    lines = ["dist_img,ref_img,dmos,var"]
    for reference in (1, 2):
        draw(root / "images" / f"I{reference:02}.png", seed=reference)
        for kind in (1, 25):
            for level in LEVELS:
                name = f"I{reference:02}_{kind:02}_{level:02}.png"
                draw(root / "images" / name, level, reference)
                lines.append(f"{name},I{reference:02}.png,{5 - level / 2 - kind / 100},0.5")
    (root / "dmos.csv").write_text("\n".join(lines))


def csiq_rows(root: Path) -> Iterable[tuple[Any, ...]]:
    for seed, image in enumerate((1600, "boston")):
        draw(root / "src_imgs" / f"{image}.png", seed=seed)
        for index, kind, folder, part in ((1, "noise", "awgn", "AWGN"), (3, "jpeg 2000", "jpeg2000", "jpeg2000")):
            for level in LEVELS:
                draw(root / "dst_imgs" / folder / f"{image}.{part}.{level}.png", level, seed)
                yield image, index, kind, level, 0.05, level / 6 + index / 100 + seed / 50


def csiq(root: Path) -> None:
    book = Workbook()
    sheet = book.create_sheet("all_by_image")
    for row in ([], ["CSIQ"], [], [None, None, None, "image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"]):
        sheet.append(row)
    for row in csiq_rows(root):
        sheet.append([None, None, None, *row])
    book.save(root / "csiq.DMOS.xlsx")


def live(root: Path) -> None:
    names, dmos, originals = [], [], []
    for seed, name in enumerate(("bikes.bmp", "caps.bmp")):
        draw(root / "refimgs" / name, seed=seed)
    for kind, folder in enumerate(datasets._LIVE):
        for number in range(1, 13):
            reference, level = divmod(number - 1, 6)
            draw(root / folder / f"img{number}.bmp", level, reference)
            names.append(("bikes.bmp", "caps.bmp")[reference])
            dmos.append(10.0 * level + kind + reference)
            originals.append(level == 0)
    cells = np.empty((1, len(names)), object)
    cells[0] = names
    savemat(root / "refnames_all.mat", {"refnames_all": cells})
    savemat(root / "dmos.mat", {"dmos": [dmos], "orgs": [originals]})


def pipal(root: Path) -> None:
    for number in range(1, 5):
        (root / f"Distortion_{number}").mkdir()
    (root / "Train_Label").mkdir()
    for reference in (1, 2):
        draw(root / "Train_Ref" / f"A000{reference}.bmp", seed=reference)
        lines = []
        for kind in (0, 6):
            for level in LEVELS:
                name = f"A000{reference}_{kind:02}_{level:02}.bmp"
                draw(root / f"Distortion_{1 + kind % 4}" / name, level, reference)
                lines.append(f"{name},{1600 - 50 * level - 7 * kind - reference}.5")
        (root / "Train_Label" / f"A000{reference}.txt").write_text("\n".join(lines) + "\n")


MAKE = {"tid2013": tid2013, "kadid10k": kadid10k, "csiq": csiq, "live": live, "pipal": pipal}
TYPES = {
    "tid2013": {"Gaussian noise", "sparse sampling"},
    "kadid10k": {"Gaussian blur", "contrast"},
    "csiq": {"AWGN", "jpeg2000"},
    "live": set(datasets._LIVE),
    "pipal": {"00", "06"},
}


@pytest.fixture(params=MAKE)
def dataset(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Path]:
    monkeypatch.setattr(datasets, "_LIVE", dict.fromkeys(datasets._LIVE, 12))
    root = tmp_path / "data"
    root.mkdir()
    MAKE[request.param](root)
    return request.param, root


def test_every_dataset_is_read(dataset: tuple[str, Path]) -> None:
    name, root = dataset
    pairs = read_dataset(name, root)
    assert len(pairs) == (50 if name == "live" else 20)
    assert {pair.extra["type"] for pair in pairs} == TYPES[name]
    assert all(Path(file).is_file() for pair in pairs for file in (pair.image, pair.reference))
    references = [pair.reference for pair in pairs]
    assert len(set(references)) == 2
    assert references == sorted(references)
    column = "dmos" if name in ("csiq", "live") else "mos"
    worst, best = (sorted(pairs, key=lambda pair: float(pair.extra[column]))[end] for end in (0, -1))
    if column == "dmos":
        worst, best = best, worst
    assert "5" in Path(worst.image).stem or name == "live"
    assert far(worst.image, worst.reference) > far(best.image, best.reference)


def far(image: str, reference: str) -> float:
    pixels = [np.asarray(Image.open(file), float) for file in (image, reference)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


def test_every_dataset_is_evaluated(dataset: tuple[str, Path], enhance: Callable[..., Any], tmp_path: Path) -> None:
    name, root = dataset
    ended = enhance(
        "task=evaluate", f"dataset={name}", f"root={root}", "metrics=[psnr]", "resamples=100", "format=json"
    )
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["metrics"]["psnr"]["direction"] == ("falls" if name in ("csiq", "live") else "rises")
    assert set(found["metrics"]["psnr"]["types"]) == {ALL, *TYPES[name]}
    assert found["metrics"]["psnr"]["types"][ALL]["srcc"]["value"] > 0.7
    folder = tmp_path / "evaluation" / name
    assert {file.name for file in folder.iterdir()} >= {"scores.csv", "correlations.csv", "scatter.png", "scatter.pdf"}


def test_a_second_call_scores_what_is_left(
    enhance: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    kadid10k(root)
    spoilt = root / "images" / "I01_01_03.png"
    whole = spoilt.read_bytes()
    spoilt.write_bytes(whole[:60])
    call = ("task=evaluate", "dataset=kadid10k", f"root={root}", "metrics=[psnr,ssim]", "resamples=100")
    ended = enhance(*call)
    assert ended.code == 1
    assert "I01_01_03.png" in ended.err
    assert "1 image could not be scored" in ended.out
    spoilt.write_bytes(whole)
    ended = enhance(*call)
    assert ended.code == 0
    assert "1 pair scored, 19 were there already" in ended.err
    with open(tmp_path / "evaluation" / "kadid10k" / "scores.csv", newline="") as file:
        assert len({row["image"] for row in csv.DictReader(file)}) == 20


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("tid2013", "mos_with_names.txt"),
        ("tid2013", "distorted_images/i02_24_3.bmp"),
        ("kadid10k", "dmos.csv"),
        ("kadid10k", "images/I02.png"),
        ("csiq", "csiq.DMOS.xlsx"),
        ("csiq", "dst_imgs/jpeg2000/boston.jpeg2000.2.png"),
        ("live", "refnames_all.mat"),
        ("live", "gblur/img3.bmp"),
        ("pipal", "Train_Ref/A0002.bmp"),
        ("pipal", "Distortion_3/A0001_06_02.bmp"),
    ],
)
def test_what_is_missing_is_named(
    name: str, missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enhance: Callable[..., Any]
) -> None:
    monkeypatch.setattr(datasets, "_LIVE", dict.fromkeys(datasets._LIVE, 12))
    MAKE[name](tmp_path)
    (tmp_path / missing).unlink()
    ended = enhance("task=evaluate", f"dataset={name}", f"root={tmp_path}", "metrics=[psnr]")
    assert ended.code == 2
    assert len(ended.err.strip().splitlines()) == 1
    assert "is missing" in ended.err
    assert Path(missing).stem.lower() in ended.err.lower()


def test_how_many_are_missing_is_said(tmp_path: Path) -> None:
    kadid10k(tmp_path)
    for level in (2, 3, 4):
        (tmp_path / "images" / f"I01_25_0{level}.png").unlink()
    with pytest.raises(ValueError, match=r"I01_25_02\.png is missing, and so are 2 more files of kadid10k\.$"):
        read_dataset("kadid10k", tmp_path)


@pytest.mark.parametrize("folder", ["Train_Dist", "Dist_Imgs"])
def test_pipal_with_its_images_in_one_folder(folder: str, tmp_path: Path) -> None:
    pipal(tmp_path)
    before = read_dataset("pipal", tmp_path)
    (tmp_path / folder).mkdir()
    for number in range(1, 5):
        for file in (tmp_path / f"Distortion_{number}").iterdir():
            file.rename(tmp_path / folder / file.name)
        (tmp_path / f"Distortion_{number}").rmdir()
    after = read_dataset("pipal", tmp_path)
    assert [Path(pair.image).name for pair in after] == [Path(pair.image).name for pair in before]
    assert all(Path(pair.image).is_file() for pair in after)


def test_types_of_distortion_can_be_left_out(enhance: Callable[..., Any], tmp_path: Path) -> None:
    csiq(tmp_path)
    call = ("task=evaluate", "metrics=[psnr]", "resamples=100")
    ended = enhance(*call, "dataset=csiq", f"root={tmp_path}", "without=AWGN", "format=json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert (found["images"], found["left_out"]) == (10, ["10 images of AWGN are left out as asked."])
    ended = enhance(*call[::2], "table=evaluation/csiq/scores.csv", "without=[AWNG]")
    assert ended.code == 2
    assert "did you mean 'jpeg2000'" in ended.err or "(jpeg2000)" in ended.err


def test_csiq_as_a_text(tmp_path: Path) -> None:
    rows = list(csiq_rows(tmp_path))
    lines = ["image\tdst_idx\tdst_type\tdst_lev\tdmos_std\tdmos", *("\t".join(map(str, row)) for row in rows)]
    (tmp_path / "csiq.DMOS.txt").write_text("\n".join(lines))
    text = read_dataset("csiq", tmp_path)
    (tmp_path / "csiq.DMOS.txt").unlink()
    csiq(tmp_path)
    assert [float(pair.extra["dmos"]) for pair in text] == [
        pytest.approx(float(pair.extra["dmos"])) for pair in read_dataset("csiq", tmp_path)
    ]


def test_an_unknown_dataset_and_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"did you mean 'tid2013'"):
        read_dataset("tid2012", tmp_path)
    for name in READERS:
        with pytest.raises(ValueError, match=r"missing|not as they should be"):
            read_dataset(name, tmp_path)
    kadid10k(tmp_path)
    (tmp_path / "dmos.csv").write_text("image,mos\nI01.png,3\n")
    with pytest.raises(ValueError, match="not as they should be: KeyError"):
        read_dataset("kadid10k", tmp_path)
