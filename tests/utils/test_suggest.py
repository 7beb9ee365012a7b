"""Messages about unknown names."""

from __future__ import annotations

from enhance.utils.suggest import unknown


def test_names_of_a_file_stay_on_one_line_and_short() -> None:
    """The header of a table may hold line breaks within quotes, and be as long as it likes."""
    message = unknown("column", "reference", ["a\nb", "x" * 5000])
    assert "a b" in message
    assert "\n" not in message
    assert len(message) < 500
