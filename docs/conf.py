"""Sphinx: `make docs` builds docs/_build/html, without a network, and fails at the first warning."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

import generated  # noqa: E402

from enhance import __version__  # noqa: E402

project, author = "enhance", "the enhance developers"
project_copyright = author
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autosummary", "sphinx.ext.napoleon", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build", "**sg_execution_times.rst"]
nitpicky = False
default_role = "literal"  # docstrings mark code with single backticks

templates_path = ["_templates"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring, napoleon_numpy_docstring = True, False

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",  # written anew where an example has changed
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "reset_modules": ("matplotlib",),
}

html_theme = "pydata_sphinx_theme"
html_title = f"enhance {release}"
html_show_sourcelink = html_copy_source = False
html_theme_options = {
    "logo": {"text": "enhance"},
    "navbar_align": "left",
    "navbar_persistent": ["search-button"],
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
html_sidebars = {name: [] for name in ("index", "start", "comparison")}
html_static_path, html_css_files = ["_static"], ["wide.css"]


def setup(app):  # type: ignore[no-untyped-def]
    """Write what is generated before the sources are read."""
    app.connect("builder-inited", lambda _: generated.write(HERE))
    app.connect("autodoc-process-docstring", generated.escape)
