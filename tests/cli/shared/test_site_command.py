"""
What all commands that connect to a site share: the registered class, and ``--trace``.
"""

import json
import re


def test_the_registered_class_is_used(command, environment, monkeypatch, tmp_path):
    """
    The commands use the class that a studio registered. A wrong class ends in one message without a traceback.
    """
    (tmp_path / "studio_cli.py").write_text(
        "from sgextended import SGExtended\n"
        "class One(SGExtended):\n"
        "    def find_projects(self, *args, **kwargs):\n"
        "        return super().find_projects(*args, **kwargs)[:1]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SGEXTENDED_CLASS", "studio_cli:One")
    status, out, _err = command("assets", "--format", "json")
    monkeypatch.setenv("SGEXTENDED_CLASS", "studio_cli:Two")
    wrong, nothing, err = command("assets")

    assert (status, len(json.loads(out)["projects"])) == (0, 1)
    assert (wrong, nothing) == (1, "")
    assert "SGEXTENDED_CLASS names 'studio_cli:Two'" in err
    assert "Traceback" not in err


def test_trace_lists_the_requests(command, environment):
    """
    --trace lists the requests and their cost on stderr; stdout stays unchanged.
    """
    _status, plain, _err = command("count", "Shot")
    status, out, err = command("count", "Shot", "--trace")

    assert (status, out) == (0, plain)
    assert "summarize Shot" in err
    assert "count.py:" in err
    assert re.search(r"^[12] calls, ", err, re.MULTILINE)  # the schema may be in the cache of the process
