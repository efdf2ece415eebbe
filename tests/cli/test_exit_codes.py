"""
The exit status of every command: 0, 1 or 2, as ``docs/cli.md`` has it, and never a traceback.
"""

import pytest

from sgextended import SGExtended
from sgextended.cli.app import app
from sgextended.localsite import LocalSite

#: The first arguments of each command that reads or writes entities.
QUERIES = (["find"], ["count"], ["export", "out.csv"], ["map", "tools:nothing"])
TARGETS = (
    ["get"],
    ["update"],
    ["delete"],
    ["revive"],
    ["upload"],
    ["download"],
    ["note"],
    ["publish"],
)
#: What follows the id in some commands.
AFTER_ID = {"update": ["code=a"], "delete": ["--yes"], "upload": ["tools.py"], "note": ["text"], "publish": ["scene"]}
#: Commands without a query and without an entity.
OTHERS = {
    "create",
    "schema",
    "doctor",
    "whoami",
    "assets",
    "check",
    "stubs",
    "pull",
    "site",
    "demo",
    "events",
    "import",
}


@pytest.fixture(scope="module")
def small_site():
    """
    Return a site with two shots of the same name, in two projects.
    """
    with LocalSite() as site:
        sg = SGExtended(site.url, site.script_name, site.api_key)
        for name in ("One", "Two"):
            sg.create("Shot", {"code": "twin", "project": sg.create("Project", {"name": name})})
        yield site


@pytest.fixture(autouse=True)
def connected(small_site, monkeypatch, folder):
    """
    Set the environment variables for that site, in a folder with the module ``tools`` and a table.
    """
    (folder / "rows.csv").write_text("code\na\n")
    for name, value in small_site.environment().items():
        monkeypatch.setenv(name, value)


def query(words, *more):
    """
    Return the words of a command with the type Shot and more words.
    """
    name, *first = words
    return [name, "Shot", *first, *more] if name == "export" else [name, *first, "Shot", *more]


def targets(name, reference, *more):
    return [name, "Shot", reference, *AFTER_ID.get(name, []), *more]


def is_refused(done, status, text):
    """
    Return whether a command printed nothing but one message with a text, and had an exit status.
    """
    ended, out, err = done
    assert (ended, out) == (status, ""), done
    assert err.startswith(("sgextended: ", "Usage: ")), err
    assert text in err
    assert "Traceback" not in err
    return True


def test_all_commands_are_tested():
    """
    Each command is in one of the tables of this module.
    """
    names = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}

    assert {words[0] for words in (*QUERIES, *TARGETS)} | OTHERS >= names


@pytest.mark.parametrize("words", QUERIES, ids=lambda words: words[0])
def test_a_query(command, words):
    """
    A query that finds nothing has the status 0 and says so; a wrong one has 2; a project that does not exist has 1.
    """
    status, _out, err = command(*query(words, "--filter", "code is nothing"))
    nothing = command(*query(words, "--filter", "project is Project:99"))

    assert status == 0
    assert "No Shot matches" in err
    assert nothing[0] == 0
    assert "There is no Project with the id 99" in nothing[2]
    for value, text in (
        ("sg_status_list is bogus", "'bogus' is not a valid value of Shot.sg_status_list"),
        ("codee is a", "Did you mean 'code'?"),
        ("sg_sequence name_starts_with B", "has no operator 'name_starts_with'"),
        ("sg_cut_in is ten", "takes a number"),
    ):
        assert is_refused(command(*query(words, "--filter", value)), 2, text)
    assert is_refused(command(*[word.replace("Shot", "Shto") for word in query(words)]), 2, "Did you mean 'Shot'?")
    assert is_refused(command(*query(words, "--project", "No")), 1, "There is no project 'No'")
    assert is_refused(command(*query(words, "--filter", "project is Onee")), 1, "Did you mean 'One'?")
    assert is_refused(command(*query(words, "--filer", "x")), 2, "--filter")


@pytest.mark.parametrize("words", TARGETS, ids=lambda words: words[0])
def test_an_entity(command, words):
    """
    An entity that does not exist has the status 1. A wrong type, an ambiguous name and a missing id have 2.
    """
    [name] = words

    assert is_refused(command(*targets(name, "99")), 1, "99")
    assert is_refused(command(*targets(name, "nobody")), 1, "with the name 'nobody'")
    if name != "revive":
        assert is_refused(command(*targets(name, "twin")), 2, "Shot:2  twin (Two)")
    assert is_refused(command(name, "Shto", *targets(name, "1")[2:]), 2, "Did you mean 'Shot'?")
    assert is_refused(command(name, "Shot"), 2, "")
    assert is_refused(command(*targets(name, "1", "--projet", "x")), 2, "--project")


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["create", "Shto", "code=a"], 2, "Did you mean 'Shot'?"),
        (["create", "Shot", "code=a", "project=Onee"], 1, "Did you mean 'One'?"),
        (["create", "Shot", "code=a", "sg_status_list=bogus"], 2, "is not a valid value"),
        (["schema", "Shto"], 2, "Did you mean 'Shot'?"),
        (["assets", "--project", "No"], 1, "There is no project 'No'"),
        (["pull", "-o", "out", "--project", "No"], 1, "There is no project 'No'"),
        (["pull", "-o", "out"], 2, "--whole-site"),
        (["whoami", "--profile", "nobody"], 2, "profile"),
        (["stubs", "--projet", "x"], 2, "No such option"),
        (["check", "no_such_file.py"], 2, "no_such_file.py"),
        (["site", "--db", "tools.py"], 1, "tools.py"),
        (["demo", "--workers", "0"], 2, "workers"),
        (["fnd", "Shot"], 2, "fnd"),
        (["import", "none.csv", "Shot"], 2, "none.csv"),
        (["import", "rows.csv", "Shto"], 2, "Did you mean 'Shot'?"),
        (["events", "run", "no_such_module"], 2, "no_such_module"),
        (["events", "--from", "someday"], 2, "someday"),
        (["events", "--from", "1", "--project", "No"], 1, "There is no project 'No'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_other_commands(command, words, status, text):
    """
    Other commands have the same statuses.
    """
    assert is_refused(command(*words), status, text)


@pytest.mark.parametrize("name", sorted({words[0] for words in (*QUERIES, *TARGETS)} | OTHERS))
def test_help_has_a_short_name(command, name):
    """
    ``-h`` prints the same as ``--help``, for each command.
    """
    short = command(name, "-h")

    assert short[0] == 0
    assert "Usage: sgextended" in short[1]
    assert short == command(name, "--help")


def test_a_site_that_refuses_or_is_gone(command, monkeypatch):
    """
    A wrong key and a site that does not respond have the status 1.
    """
    monkeypatch.setenv("SHOTGUN_API_KEY", "wrong")
    assert is_refused(command("find", "Shot"), 1, "rejects these credentials")
    monkeypatch.setenv("SHOTGUN_URL", "http://127.0.0.1:9")
    assert is_refused(command("whoami"), 1, "127.0.0.1:9")
