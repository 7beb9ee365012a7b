"""The command line: overrides, help, resume, errors."""
