"""How the figures of a run are named and written, in reports, tables and drawings alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from enhance.metrics.registry import display_name

MISSING = "\N{EN DASH}"


@dataclass(frozen=True)
class Quantity:
    """A figure that is known of an image.

    Attributes:
        title: its name as people write it.
        form: format specification in tables.
        short: format specification where there is little room.
        unit: follows the number; empty for a pure number.
    """

    title: str
    form: str
    short: str
    unit: str = ""

    @property
    def heading(self) -> str:
        """The title with the unit, for a column or an axis."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def word(self) -> str:
        """The title inside a sentence."""
        return self.title if self.title.isupper() else self.title.lower()

    def write(self, value: float | None, *, short: bool = False, sign: bool = False, unit: bool = True) -> str:
        """The number as people read it.

        Args:
            value: None where it is not known.
            short: with fewer digits.
            sign: with a sign, as differences have it.
            unit: whether the unit follows.
        """
        if value is None or math.isnan(value):
            return MISSING
        number = format(value, ("+" if sign else "") + (self.short if short else self.form))
        number = number.replace("inf", "\N{INFINITY}")
        if sign:
            number = number.replace("-", "\N{MINUS SIGN}")
        return f"{number} {self.unit}" if self.unit and unit and math.isfinite(value) else number


QUANTITIES: Mapping[str, Quantity] = {
    "loss": Quantity("Loss", ".4g", ".3g"),
    "score": Quantity("Score", ".3f", ".2f"),
    "psnr": Quantity(display_name("psnr"), ".2f", ".1f", "dB"),
    "ssim": Quantity(display_name("ssim"), ".4f", ".3f"),
    "ms_ssim": Quantity(display_name("ms_ssim"), ".4f", ".3f"),
}

FITS: Mapping[str, Quantity] = {
    "residual": Quantity("Residual, root mean square", ".2f", ".1f", "of 255"),
    "expected": Quantity("Expected of the noise", ".2f", ".1f", "of 255"),
    "correlation": Quantity("Correlation of neighbouring residuals", ".3f", ".2f"),
    "blocks_in_cells": Quantity("Blocks within their cells", ".1%", ".0%"),
}
"""Of a restoration: how well its observation is met."""


def quantity(key: str) -> Quantity:
    """How a figure, of a result or of how well an observation is met, or a score by the metric of that name, is named
    and written.

    Example:
        >>> quantity("gmsd").title, quantity("gmsd").write(0.123456)
        ('GMSD', '0.1235')
    """
    return QUANTITIES.get(key) or FITS.get(key) or Quantity(display_name(key), ".4g", ".3g")


def seconds(value: float) -> str:
    """Seconds with a tenth, and where they are less than one, with two digits.

    Example:
        >>> seconds(12.34), seconds(0.0412)
        ('12.3', '0.041')
    """
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def write(key: str, value: float | None) -> str:
    """A figure of metrics.json or history.csv as people read it, with its unit."""
    return QUANTITIES[key].write(value)
