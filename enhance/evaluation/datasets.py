"""Data sets of images with subjective scores, in the layouts of their authors. Case in file names does not matter.

| name | layout below the root | subjective score |
|---|---|---|
| tid2013 | `mos_with_names.txt` (lines `5.51429 I01_01_1.bmp`), `distorted_images/`, `reference_images/I01.BMP` | MOS, 0 to 9 |
| kadid10k | `dmos.csv` (dist_img,ref_img,dmos,var), `images/` with both | called dmos, but a MOS, 1 to 5 |
| csiq | `csiq.DMOS.xlsx` or its sheet all_by_image as text, `csiq.DMOS.txt`, `src_imgs/1600.png`, `dst_imgs/awgn/1600.AWGN.1.png` | DMOS, 0 to 1 |
| live | `dmos_realigned.mat` (else `dmos.mat`), `refnames_all.mat`, `refimgs/`, `jp2k/img1.bmp` and so on | DMOS |
| pipal | `Train_Label/A0001.txt` (lines `A0001_00_00.bmp,1508.7`), `Train_Ref/A0001.bmp`, `Distortion_1/` to `Distortion_4/` (or all in one, `Train_Dist/` or `Dist_Imgs/`) | Elo rating |

Sources: Ponomarenko et al., Signal Processing: Image Communication 30 (2015), 57-77 (TID2013); Lin, Hosu, Saupe, QoMEX
2019 (KADID-10k); Larson, Chandler, Journal of Electronic Imaging 19 (2010), 011006 (CSIQ); Sheikh, Sabir, Bovik, IEEE
TIP 15 (2006), 3440-3451 (LIVE, release 2); Gu et al., ECCV 2020 (PIPAL).
"""  # noqa: E501

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from enhance.scoring.pairs import Pair
from enhance.utils.suggest import unknown

# By the number in a file's name.
TID2013_TYPES = (
    *("Gaussian noise", "colour noise", "correlated noise", "masked noise", "high-frequency noise", "impulse noise"),
    *("quantisation", "Gaussian blur", "denoising", "JPEG", "JPEG 2000", "JPEG transmission", "JPEG 2000 transmission"),
    *("non-eccentricity pattern", "local blocks", "mean shift", "contrast", "colour saturation"),
    *("multiplicative noise", "comfort noise", "compressed noise", "colour dither", "chromatic aberration"),
    "sparse sampling",
)
KADID10K_TYPES = (
    *("Gaussian blur", "lens blur", "motion blur", "colour diffusion", "colour shift", "colour quantisation"),
    *("colour saturation 1", "colour saturation 2", "JPEG 2000", "JPEG", "white noise", "white colour noise"),
    *("impulse noise", "multiplicative noise", "denoising", "brighten", "darken", "mean shift", "jitter"),
    *("non-eccentricity patch", "pixelate", "quantisation", "colour block", "high sharpen", "contrast"),
)
# Folder and part of the file's name by CSIQ's dst_idx.
_CSIQ = {
    1: ("awgn", "AWGN"),
    2: ("jpeg", "JPEG"),
    3: ("jpeg2000", "jpeg2000"),
    4: ("fnoise", "fnoise"),
    5: ("blur", "BLUR"),
    6: ("contrast", "contrast"),
}
_CSIQ_TEXTS = ("csiq.DMOS.txt", "csiq_dmos.txt", "csiq.DMOS.csv", "csiq.beta.txt")
# The order of LIVE's arrays: so many images of each folder.
_LIVE = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}


def read_dataset(name: str, root: Path) -> list[Pair]:
    """All rated pairs of a data set; `extra` holds `type` and `mos` (higher is better) or `dmos` (lower is better).

    Pairs are sorted by reference, so that scoring computes the features of each reference once.

    Raises:
        ValueError: if there is no such data set, or a file of it is missing or has another layout.

    Example:
        >>> read_dataset("tid2012", Path())
        Traceback (most recent call last):
        ValueError: There is no dataset 'tid2012'; did you mean 'tid2013'? (tid2013, kadid10k, csiq, live, pipal)
    """
    if name not in READERS:
        raise ValueError(unknown("dataset", name, READERS))
    if not root.is_dir():
        raise ValueError(f"root={root} is no folder; it should hold the files of {name}.")
    try:
        pairs = list(READERS[name](root))
    except (OSError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"The files of {name} in {root} are not as they should be: {error!r}") from error
    missing = sorted({file for pair in pairs for file in (pair.reference, pair.image) if isinstance(file, _Missing)})
    if missing:
        others = f", and so are {len(missing) - 1} more files of {name}" if len(missing) > 1 else ""
        raise ValueError(f"{missing[0]} is missing{others}.")
    return sorted(pairs, key=lambda pair: pair.reference)


def tid2013(root: Path) -> Iterator[Pair]:
    """The rated pairs of TID2013; see the table above."""
    images, references = _Folder(root / "distorted_images"), _Folder(root / "reference_images")
    for line in _lines(root / "mos_with_names.txt"):
        mos, image = line.split()
        extra = {"type": numbered(TID2013_TYPES, image), "mos": mos}
        yield Pair(references.find(image.split("_")[0] + ".bmp"), images.find(image), extra)


def kadid10k(root: Path) -> Iterator[Pair]:
    """The rated pairs of KADID-10k; see the table above."""
    images = _Folder(root / "images")
    for row in csv.DictReader(_lines(root / "dmos.csv")):
        extra = {"type": numbered(KADID10K_TYPES, row["dist_img"]), "mos": row["dmos"]}
        yield Pair(images.find(row["ref_img"]), images.find(row["dist_img"]), extra)


def csiq(root: Path) -> Iterator[Pair]:
    """The rated pairs of CSIQ; see the table above."""
    references = _Folder(root / "src_imgs")
    folders: dict[str, _Folder] = {}
    for image, index, level, dmos in _csiq_rows(root):
        folder, part = _CSIQ[index]
        if folder not in folders:
            folders[folder] = _Folder(root / "dst_imgs" / folder)
        file = folders[folder].find(f"{image}.{part}.{level}.png")
        yield Pair(references.find(f"{image}.png"), file, {"type": part, "dmos": dmos})


def live(root: Path) -> Iterator[Pair]:
    """The rated pairs of LIVE, release 2; see the table above."""
    from scipy.io import loadmat

    realigned = (root / "dmos_realigned.mat").is_file()
    scores = loadmat(_there(root / ("dmos_realigned.mat" if realigned else "dmos.mat")), squeeze_me=True)
    references = loadmat(_there(root / "refnames_all.mat"), squeeze_me=True)["refnames_all"]
    values, originals = scores["dmos_new" if realigned else "dmos"], scores["orgs"]
    files = [(folder, number) for folder, count in _LIVE.items() for number in range(1, count + 1)]
    if not len(values) == len(originals) == len(references) == len(files):
        raise ValueError(f"LIVE's tables in {root} should have {len(files)} entries each, and have {len(values)}.")
    folders = {folder: _Folder(root / folder) for folder in ("refimgs", *_LIVE)}
    for (folder, number), dmos, original, reference in zip(files, values, originals, references, strict=True):
        if not original:
            extra = {"type": folder, "dmos": f"{dmos:.6f}"}
            yield Pair(folders["refimgs"].find(str(reference)), folders[folder].find(f"img{number}.bmp"), extra)


def pipal(root: Path) -> Iterator[Pair]:
    """The rated pairs of PIPAL (its training set); see the table above."""
    references = _Folder(root / "Train_Ref")
    four = [root / f"Distortion_{number}" for number in range(1, 5)]
    together = next((root / name for name in ("Train_Dist", "Dist_Imgs") if (root / name).is_dir()), None)
    images = _Folder(*([together] if together and not four[0].is_dir() else four))
    labels = sorted(_there(root / "Train_Label").glob("*.txt"))
    if not labels:
        raise ValueError(f"{root / 'Train_Label'} holds no .txt files.")
    for label in labels:
        for line in _lines(label):
            image, mos = re.split(r"[,\s]+", line.strip())
            extra = {"type": image.split("_")[1], "mos": mos}
            yield Pair(references.find(f"{label.stem}.bmp"), images.find(image), extra)


READERS: dict[str, Callable[[Path], Iterator[Pair]]] = {
    "tid2013": tid2013,
    "kadid10k": kadid10k,
    "csiq": csiq,
    "live": live,
    "pipal": pipal,
}


def numbered(types: tuple[str, ...], image: str) -> str:
    """The distortion type whose number stands second in a file name.

    Example:
        >>> numbered(TID2013_TYPES, "I01_24_5.bmp")
        'sparse sampling'
    """
    return types[int(image.split("_")[1]) - 1]


class _Missing(str):
    """The expected path of a missing file."""


class _Folder:
    """The files of one or several folders by their names, regardless of case."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._files = {file.name.lower(): file for folder in folders for file in _there(folder).iterdir()}

    def find(self, name: str) -> str:
        found = self._files.get(name.lower())
        return str(found) if found else _Missing(self._folders[0] / name)


def _there(path: Path) -> Path:
    if not path.exists():
        raise ValueError(f"{path} is missing.")
    return path


def _lines(path: Path) -> list[str]:
    return [line for line in _there(path).read_text(encoding="utf-8-sig").splitlines() if line.strip()]


def _csiq_rows(root: Path) -> Iterator[tuple[str, int, str, str]]:
    """Image, dst_idx, level and DMOS of each row of the workbook, or of a text file with its columns.

    The columns are image, dst_idx, dst_type, dst_lev, dmos_std and dmos.
    """
    text = next((root / name for name in _CSIQ_TEXTS if (root / name).is_file()), None)
    if text is None:
        yield from _csiq_workbook(_there(root / "csiq.DMOS.xlsx"))
        return
    for line in _lines(text):
        cells = re.split(r"[,\s]+", line.strip())
        if cells[1].isdigit():  # not the header
            yield cells[0], int(cells[1]), cells[-3], cells[-1]


def _csiq_workbook(path: Path) -> Iterator[tuple[str, int, str, str]]:
    try:
        from openpyxl import load_workbook
    except ModuleNotFoundError as error:
        raise ValueError(
            f"Reading {path} needs openpyxl (pip install openpyxl); or save its sheet all_by_image as csiq.DMOS.txt."
        ) from error
    workbook = load_workbook(path, read_only=True, data_only=True)
    rows = list(workbook["all_by_image"].iter_rows(values_only=True))
    workbook.close()
    top = next((place for place, row in enumerate(rows) if "image" in row and "dmos" in row), None)
    if top is None:
        raise ValueError(f"{path}: the sheet all_by_image has no columns image and dmos.")
    places = [rows[top].index(name) for name in ("image", "dst_idx", "dst_lev", "dmos")]
    for row in rows[top + 1 :]:
        image, index, level, dmos = (row[place] for place in places)
        if image is not None and index is not None:
            yield str(image), int(str(index)), str(level), str(dmos)
