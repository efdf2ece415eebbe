"""
Prepares a release: dates the changelog, writes the notes, makes the commit and the tag. It pushes nothing.

Run by ``make release``, which only shows what would be done, and by ``make release RUN=yes``.
"""

import argparse
import datetime
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHANGELOG = ROOT / "CHANGELOG.md"
NOTES = ROOT / "build" / "release-notes.md"


def git(*words: str) -> str:
    """
    Return what a git command prints.
    """
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def version() -> str:
    """
    Return the version of the package.
    """
    text = (ROOT / "sgextended" / "_version.py").read_text(encoding="utf-8")
    found = re.search(r'__version__ = "(.*)"', text)
    assert found
    return found[1]


def dated(changelog: str, number: str, day: str) -> str:
    """
    Return the changelog with the unreleased changes under the heading of a version; unchanged if it has the heading.
    """
    if f"## [{number}]" in changelog:
        return changelog
    return changelog.replace("## [Unreleased]\n", f"## [Unreleased]\n\n## [{number}] - {day}\n", 1)


def section(changelog: str, number: str) -> str:
    """
    Return the text of a version in the changelog, without its heading.
    """
    found = re.search(rf"^## \[{re.escape(number)}\][^\n]*\n(.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def problems(number: str, notes: str) -> "list[str]":
    """
    Return why the release cannot be made, one sentence each.
    """
    found = []
    if git("status", "--porcelain"):
        found.append("There are changes that are not committed. Commit or remove them.")
    if git("tag", "--list", f"v{number}"):
        found.append(f"The tag v{number} exists. Raise the version in sgextended/_version.py.")
    if not notes:
        found.append("The changelog has no changes for this version.")
    return found


def main() -> int:
    """
    Show or make the release, and return the exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", action="store_true", help="make the commit and the tag")
    run = parser.parse_args().run
    number, day = version(), datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    before = CHANGELOG.read_text(encoding="utf-8")
    after = dated(before, number, day)
    notes = section(after, number)
    wrong = problems(number, notes)
    for line in wrong:
        print(line, file=sys.stderr)
    if wrong and run:
        return 1
    NOTES.parent.mkdir(exist_ok=True)
    NOTES.write_text(notes + "\n", encoding="utf-8")
    print(f"Notes of {number}: {NOTES.relative_to(ROOT)}, {len(notes.splitlines())} lines.")
    verb = "Done" if run else "Would be done"
    if after != before:
        print(f"{verb}: CHANGELOG.md gets the heading [{number}] - {day}, and a commit.")
    print(f"{verb}: tag v{number}.")
    if run:
        if after != before:
            CHANGELOG.write_text(after, encoding="utf-8")
            git("commit", "--quiet", "--message", f"Release {number}", "CHANGELOG.md")
        git("tag", "--annotate", f"v{number}", "--message", f"sgextended {number}")
        print(f"Next: git push origin main v{number}. The workflow 'release' then publishes the packages.")
    else:
        print("Nothing was changed. Run: make release RUN=yes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
