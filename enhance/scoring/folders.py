"""Pairs by file name in two folders, or of one reference with each image of a folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from enhance.images.suffixes import readable, why_unread
from enhance.scoring.pairs import Pair, PairsError


def find_pairs(reference: str, image: str) -> list[Pair]:
    """Pair two files, one reference with every image of a folder, or two folders by file name.

    In two folders `a.png` belongs to `a.png`, else to the one file that is called `a` with another ending. Where there
    is none, the pair names the reference that is missing, so that whoever opens it can say so. A folder without images
    stands for the folders below it: `coded/q10/a.png` belongs to `q10/a.png` of the references, else to their `a.png`.

    Raises:
        PairsError: if a folder holds no images, or no image of the second folder has a reference in the first.
    """
    if not Path(image).is_dir():
        if Path(reference).is_dir():
            raise PairsError(
                f"reference={reference} is a folder and image={image} is not; give two files or two folders."
            )
        return [Pair(reference, image)]
    images = images_in(Path(image))
    if not Path(reference).is_dir():
        return [Pair(reference, str(file)) for file in images]
    references: dict[tuple[int, str], list[Path]] = {}
    for file in images_in(Path(reference)):
        for name in _names(file.relative_to(reference)):
            references.setdefault(name, []).append(file)
    pairs = []
    for file in images:
        namesakes = (references.get(name, []) for name in _names(file.relative_to(image)))
        found = next((files[0] for files in namesakes if len(files) == 1), Path(reference) / file.name)
        pairs.append(Pair(str(found), str(file)))
    if not any(Path(pair.reference).is_file() for pair in pairs):
        raise PairsError(
            f"None of {len(images)} images has a reference of its name in {reference}, not even {images[0].name}; "
            "rename them, or name the pairs in a CSV: pairs=FILE.csv with the columns reference and image."
        )
    return pairs


def left_out(folder: str, used: Iterable[str]) -> list[str]:
    """What of a folder `find_pairs` leaves out, and why: a sentence for each reason, with the names of all files.

    Args:
        folder: references or images.
        used: the files of the pairs.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     (Path(folder) / "notes.txt").touch()
        ...     left_out(folder, [])
        ['1 file is left out (no images by their names): notes.txt']
    """
    root, taken = Path(folder), set(used)
    deep = any(file.parent != root for file in map(Path, taken) if file.is_relative_to(root))
    reasons: dict[str, list[str]] = {}
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root)
        if str(file) in taken or file.is_dir() or any(part[0] == "." for part in name.parts):
            continue
        if file.suffix.lower() not in readable():
            why = why_unread(file.suffix)
        elif file.parent != root and not deep:
            why = "images lie above it, and only those are compared"
        else:
            why = "no file of the other folder has its name"
        reasons.setdefault(why, []).append(str(name))
    return [
        f"{len(names)} {'file is' if len(names) == 1 else 'files are'} left out ({why}): {', '.join(names)}"
        for why, names in reasons.items()
    ]


def images_in(folder: Path) -> list[Path]:
    """Image files that lie in a folder; where none do, those in the folders below it, but for hidden ones.

    Raises:
        PairsError: if there are none.
    """
    for files in (folder.iterdir(), folder.rglob("*")):
        images = (file for file in files if file.suffix.lower() in readable() and not file.is_dir())
        found = [file for file in images if not any(part[0] == "." for part in file.relative_to(folder).parts[:-1])]
        if found:
            return sorted(found)
    raise PairsError(f"There are no images in {folder} ({', '.join(readable())}).")


def _names(file: Path) -> list[tuple[int, str]]:
    """What a file may be known by, the surest first."""
    return list(enumerate((str(file), str(file.with_suffix("")), file.name, file.stem)))
