"""Files, suggestions, the machine and its precision."""
