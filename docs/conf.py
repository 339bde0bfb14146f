"""How Sphinx builds these pages: from Markdown, with nothing fetched from anywhere."""

from __future__ import annotations

import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "Métier"
author = "the authors of Métier"
copyright = "the authors of Métier, Apache-2.0"
release = version = PROJECT["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["generate.py"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_custom_sections = [("Shapes", "notes_style"), ("Units", "notes_style"), ("Source", "notes_style")]

html_theme = "furo"
html_title = f"Métier {release}"
html_copy_source = False
html_show_sphinx = False
