"""Where the settings files lie and where runs land."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from enhance.config.hydra_versions import version_base

_PACKAGE = Path(__file__).resolve().parents[1]


def home() -> Path:
    """The folder that holds conf/ and recipes/: the package itself when installed, else the checkout."""
    return _PACKAGE if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent


def choices() -> dict[str, list[str]]:
    """Groups and the names of their files: {"task": ["deblur", ...], ...}."""
    groups = [
        folder
        for folder in (*(home() / "conf").iterdir(), home() / "recipes")
        if folder.is_dir() and folder.name != "hydra"
    ]
    return {folder.name: sorted(file.stem for file in folder.glob("*.yaml")) for folder in sorted(groups)}


def default_choice(group: str) -> str:
    """The name that conf/base.yaml chooses of a group."""
    chosen = OmegaConf.to_container(OmegaConf.load(home() / "conf" / "base.yaml"), resolve=False)
    defaults: list[Any] = dict(chosen)["defaults"]  # type: ignore[arg-type]
    return next(str(each[group]) for each in defaults if isinstance(each, dict) and group in each)


def summary(group: str, name: str) -> str:
    """The first comment of a choice's file, which says what it is; empty where there is none."""
    folder = home() if group == "recipes" else home() / "conf"
    lines = (folder / group / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    comments = [line.lstrip("# ") for line in lines if line.startswith("#") and "@package" not in line]
    return comments[0] if comments else ""


def claim_folder(parent: str, name: str) -> str:
    """Make a new folder PARENT/DATE/TIME-NAME and return its path; two runs of the same second get two folders.

    Raises:
        OSError: if it cannot be made.
    """
    now = datetime.now()
    day = Path(parent) / f"{now:%Y-%m-%d}"
    day.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, 10_000):
        folder = day / (f"{now:%H-%M-%S}-{name}" + (f"-{attempt}" if attempt > 1 else ""))
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return str(folder)
    raise FileExistsError(f"{day} holds thousands of runs of this second.")


def initialized() -> AbstractContextManager[Any]:
    """Hydra with conf/ as its folder, for a `with` in which settings are composed."""
    from hydra import initialize_config_dir

    return initialize_config_dir(str(home() / "conf"), **version_base())
