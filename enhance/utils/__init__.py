"""Files, suggestions, the machine."""
