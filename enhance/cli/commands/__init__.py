"""What `task=` names beside the optimisations: tools that read what is there and make no run folder.

A tool is a row here, a module of its name in this package, and the YAML of its name in conf/. The module has
`Settings`, a dataclass that types the YAML, and `run(settings)`, which returns the exit code; it imports torch inside
functions only, so that a mistake in the settings is answered at once. Adding a tool takes no more than that.
"""

from __future__ import annotations

from enhance.config.restoration import RESTORATIONS

TOOLS = {
    "summary": "rebuild the summary of a sweep from its folder: sweep=FOLDER",
    "score": "how far images are from their references: a pair, folders, or a CSV of pairs",
    "meaning": "what scores mean: those of known degradations of sample photographs, measured once for a metric",
    "evaluate": "correlate metrics with subjective scores: scores= subjective=, or table=, or dataset= root=;"
    " competition=true lists pairs that a metric calls equal and people do not",
    "encode": "the smallest file of an image at a distance: image= with score=, like=jpeg:80 or max_bytes=",
    "guide": "which measure? a page from a sweep with judges=: sweep=FOLDER",
    "report": "rebuild the figures and pages of a run from its files: run=FOLDER",
}

RESTORE = "restore"
"""The tool of the tasks of `enhance.config.restoration.RESTORATIONS`, where `image=` is given."""

MODULES = (*TOOLS, RESTORE)


def tasks_of(module: str) -> tuple[str, ...]:
    """The tasks that a tool of `MODULES` does."""
    return tuple(RESTORATIONS) if module == RESTORE else (module,)
