"""Names of the photographs that come with scikit-image; reading the names imports nothing."""

from __future__ import annotations

_FILES = {
    "astronaut": "astronaut.png",
    "camera": "camera.png",
    "chelsea": "chelsea.png",
    "coffee": "coffee.png",
    "hubble": "hubble_deep_field.jpg",
    "ihc": "ihc.png",
    "motorcycle": "motorcycle_left.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
}

SAMPLES: tuple[str, ...] = tuple(_FILES)
SAMPLE_SIZE = 256  # of a sample when no size is named


def sample_file(name: str) -> str:
    """The path of a sample's file.

    Example:
        >>> sample_file("astronaut").endswith("astronaut.png")
        True
    """
    from importlib.resources import files

    return str(files("skimage.data").joinpath(_FILES[name]))
