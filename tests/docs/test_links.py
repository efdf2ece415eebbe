"""
The links between the pages of the documentation have targets.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SITE = "https://sgextended.readthedocs.io/en/latest/"
TOP = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]
DOCS = sorted((ROOT / "docs").rglob("*.md"))


def anchors_of(page):
    """
    Return the anchors of the headings of a page, as GitHub writes them.
    """
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


@pytest.mark.parametrize("page", [*TOP, *DOCS], ids=lambda page: page.name)
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
    The README has a link to each page of the documentation site, and to no other. It also works on a package index.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    there = {page.relative_to(ROOT / "docs").with_suffix("").as_posix() for page in DOCS}
    linked = set(re.findall(rf"{re.escape(SITE)}([\w/-]+)\.html", text))

    assert linked <= there
    assert {name for name in there - linked if not name.startswith("reference/")} == {"index"}
    assert re.findall(r"\]\((?!https?:)[^)]*\)", text) == []


def test_navigation_has_every_page():
    """
    The index of the documentation site leads to each page.
    """
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    tocs = " ".join(re.findall(r"```{toctree}(.*?)```", text, re.DOTALL)).split()

    assert sorted(page.stem for page in (ROOT / "docs").glob("*.md") if page.stem not in {*tocs, "index"}) == []
