"""The error of a setting, wherever it is found out."""

from __future__ import annotations


class SettingsError(ValueError):
    """A setting that cannot be; the message says what is accepted."""
