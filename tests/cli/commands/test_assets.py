"""
``sgextended assets``, and errors that all commands report alike.
"""

import csv
import io
import json
import socket

import pytest

from sgextended.cli.commands import assets
from sgextended.http import retry


def counted_by_hand(make_sg, site):
    """
    Return the number of assets by project and status, counted from the entities.
    """
    sg = make_sg(site)
    counts = {project["name"]: {} for project in sg.find_projects()}
    for asset in sg.find("Asset", [], ["project", "sg_status_list"], include_archived_projects=False):
        of_project = counts[asset["project"]["name"]]
        status = asset["sg_status_list"] or ""
        of_project[status] = of_project.get(status, 0) + 1
    return counts


def test_json_has_the_counts(command, environment, demo_site, make_sg):
    """
    The JSON has the assets by project and status, the totals, and the requests: one a project and at most two more.
    """
    status, out, err = command("assets", "--format", "json")
    report = json.loads(out)
    expected = counted_by_hand(make_sg, demo_site)

    assert (status, err) == (0, "")
    assert {project["name"]: project["statuses"] for project in report["projects"]} == expected
    assert report["assets"] == sum(sum(counts.values()) for counts in expected.values()) > 0
    assert len(expected) + 1 <= report["requests"] <= len(expected) + 2  # info, if no other test sent it before


def test_table_ends_with_time_and_requests(command, environment):
    """
    The line below the table has the time and the number of requests. There is no progress bar in a pipe.
    """
    status, out, err = command("assets", "--workers", "2")

    assert (status, err) == (0, "")
    assert "Assets by project and status" in out
    assert "with 2 workers" in out.splitlines()[-1]
    assert "requests to the site" in out.splitlines()[-1]


def test_csv_has_a_column_for_each_status(command, environment, demo_site, make_sg):
    """
    The counts in the CSV equal those of the entities.
    """
    status, out, _err = command("assets", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    expected = counted_by_hand(make_sg, demo_site)

    assert status == 0
    assert {row["project"]: int(row["assets"]) for row in rows} == {
        name: sum(counts.values()) for name, counts in expected.items()
    }
    for row in rows:
        counts = {name or "": count for name, count in expected[row["project"]].items()}
        assert all(int(row[code or "no status"]) == count for code, count in counts.items())


def test_project_chooses_by_name_in_the_order_given(command, environment, demo_site, make_sg):
    """
    Names match in any case; each project is counted once; archived projects can be named too.
    """
    sg = make_sg(demo_site)
    archived = sg.find_projects(archived=True)[0]["name"]
    other = sg.find_projects()[-1]["name"]
    words = ["--project", other.upper(), "--project", archived, "--project", other]

    _status, out, _err = command("assets", "--format", "json", *words)

    assert [project["name"] for project in json.loads(out)["projects"]] == [other, archived]


def test_unknown_project_is_one_message_with_a_hint(command, environment, demo_site, make_sg):
    """
    An unknown project ends in one message with the nearest name, and status 1.
    """
    name = make_sg(demo_site).find_projects()[0]["name"]
    status, out, err = command("assets", "--project", name + "x")

    assert (status, out) == (1, "")
    assert f"There is no project {name + 'x'!r}" in err
    assert f"Did you mean {name!r}?" in err


def test_a_project_that_cannot_be_counted_is_reported(command, environment, demo_site, make_sg, monkeypatch):
    """
    The other projects are counted; stderr has the failed project and the reason; the status is 1.
    """
    first, *others = make_sg(demo_site).find_projects()
    count = assets.count_project_assets

    def count_project_assets(sg, project):
        if project["id"] == first["id"]:
            raise PermissionError("not yours")
        return count(sg, project)

    monkeypatch.setattr(assets, "count_project_assets", count_project_assets)
    status, out, err = command("assets", "--format", "csv")

    assert status == 1
    assert [row["project"] for row in csv.DictReader(io.StringIO(out))] == [project["name"] for project in others]
    assert "PermissionError: not yours" in err
    assert f"Project {first['id']} ({first['name']})" in err
    assert (
        "Not done: 1 item. No record of the finished items was kept: the same command processes all items again.\n"
        in err
    )


def test_missing_credentials_are_named(command, nobody):
    """
    The message names each environment variable that is missing.
    """
    status, out, err = command("assets")

    assert (status, out) == (1, "")
    assert "SHOTGUN_URL is not set" in err
    assert "SHOTGUN_SCRIPT_NAME and SHOTGUN_API_KEY are not set" in err
    assert "Traceback" not in err


def test_wrong_key_says_what_to_check(command, environment, monkeypatch):
    """
    A rejected key ends in the site's message and the variables to check, without the key.
    """
    monkeypatch.setenv("SHOTGUN_API_KEY", "not-the-key")
    status, out, err = command("assets")

    assert (status, out) == (1, "")
    assert "Can't authenticate script" in err
    assert "Check SHOTGUN_SCRIPT_NAME and SHOTGUN_API_KEY" in err
    assert "not-the-key" not in err
    assert "Traceback" not in err


def test_an_unreachable_site_is_named(command, environment, monkeypatch):
    """
    An unreachable site ends in a message with its address, and status 1.
    """
    with socket.socket() as taken:  # bound and never listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("SHOTGUN_URL", url)
        monkeypatch.setitem(retry.send_with_retries.__kwdefaults__, "sleep", lambda seconds: None)
        status, out, err = command("assets")

    assert (status, out) == (1, "")
    assert f"{url} does not accept connections" in err
    assert "Traceback" not in err


def test_an_untrusted_certificate_says_what_to_set(command, any_tls_site, monkeypatch):
    """
    A certificate of an unknown authority ends in a message with the variable to set.
    """
    for name, value in any_tls_site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SHOTGUN_API_CACERTS")
    status, out, err = command("assets")

    assert (status, out) == (1, "")
    assert "SHOTGUN_API_CACERTS" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [["--workers", "0"], ["--format", "xml"], ["--no-such-option"], ["extra"]])
def test_a_wrong_argument_is_a_usage_error(command, environment, words):
    """
    A wrong option or argument ends with status 2 and the usage.
    """
    status, out, err = command("assets", *words)

    assert (status, out) == (2, "")
    assert "Usage: sgextended assets" in err
