"""
The examples of ``docs/studio.md`` build a studio's class step by step, and each step runs.
"""

import re
from pathlib import Path

from sgextended.localsite import LocalSite

TEXT = (Path(__file__).parent.parent.parent / "docs" / "studio.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_examples_run(make_site, tmp_path, monkeypatch, capsys):
    """
    The examples run in order, and do and print what the page says.
    """
    monkeypatch.chdir(tmp_path)
    with LocalSite(demo=True, tls=True) as local:
        names = {"site": make_site(local), "__name__": "studio"}
        for block in BLOCKS:
            exec(compile(block, "studio.md", "exec"), names)
        shot = names["sg"].get("Shot", names["shot"], fields=["description"])
    printed = capsys.readouterr().out

    assert names["late"]
    assert names["Measured"].seconds > 0
    assert shot["description"] == "The last of the bridge."
    assert "done: create Shot" in printed
    assert "Projects are retired by production" in printed
    assert "created with read_only=True" in printed
    assert re.search(r"create Shot +project", printed)
    assert "4 undone, 0 not undone." in printed
