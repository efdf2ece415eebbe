"""
The documentation site: Sphinx reads the Markdown pages of this folder and the docstrings of the public names.
"""

import re
import sys
from pathlib import Path
from typing import Any, List

from pygments.lexers.special import TextLexer

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # the pytest plugin and the package of this checkout

from sgextended import __version__  # noqa: E402 - found by the line above

project = "sgextended"
author = "The sgextended developers"
project_copyright = "the sgextended developers"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
suppress_warnings = [
    "myst.header",  # a page of measurements begins its second table with a heading of the third level
    "ref.ref",  # docstrings of the official client refer to pages of its own site
]

html_theme = "furo"  # light and dark, and readable on a narrow screen
html_title = f"sgextended {release}"
html_theme_options = {
    "source_repository": "https://github.com/sgextended/sgextended/",
    "source_branch": "main",
    "source_directory": "docs/",
}

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "attrs_inline"]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True


def setup(app: Any) -> None:
    """
    Point the links of an included page of the top level to pages of the site, and name a lexer.
    """

    def point(_app: Any, _path: Path, _docname: str, source: List[str]) -> None:
        source[0] = re.sub(r"\]\(docs/([\w/-]+\.md)", r"](\1", source[0])

    app.connect("include-read", point)
    app.add_lexer("csv", TextLexer)  # Pygments has none of its own
