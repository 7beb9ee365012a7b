"""Defaults that functions below the settings share with them; the settings take them from here."""

from __future__ import annotations

SEED = 0
WEIGHTS = "pretrained"
BACKGROUND = "white"
TF32 = False
