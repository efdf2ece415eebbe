"""
The links between the pages of the documentation have targets.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchors_of(page):
    """
    Return the anchors of the headings of a page, as GitHub writes them.
    """
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_have_targets(page):
    """
    Each relative link names a file of the repository, and a heading of that file if it has an anchor.
    """
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text(encoding="utf-8"))
    targets = [((page.parent / path).resolve() if path else page, anchor) for path, anchor in links]

    assert [str(target) for target, _anchor in targets if not target.exists()] == []
    assert [anchor for target, anchor in targets if anchor and anchor not in anchors_of(target)] == []


def test_readme_links_to_every_page():
    """
    The README has a link to each page of the documentation.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [page.name for page in PAGES[2:] if f"(docs/{page.name})" not in text] == []
