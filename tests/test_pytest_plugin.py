"""
The pytest plugin, as a studio's tests use it.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from processes import unmeasured, unmeasured_pytest

from sgextended.localsite import LocalSite

EXAMPLES = Path(__file__).parent.parent / "examples" / "studio"
GUARD = 60  # seconds


@pytest.fixture
def studio(pytester, monkeypatch):
    """
    Runs a file of tests in a folder of its own, in this process, and returns the result.
    """
    monkeypatch.delenv("SHOTGUN_URL", raising=False)

    def run(source, *words, ini=""):
        pytester.makeini(f"[pytest]\naddopts = --import-mode=importlib\n{ini}")
        pytester.makepyfile(test_studio=source)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *words)

    return run


def test_plugin_that_is_not_used_imports_nothing(tmp_path):
    """
    In a run of tests that use no fixture of it, the package is not imported.
    """
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test():\n"
        "    assert 'pytest_sgextended' in sys.modules\n"
        "    assert [name for name in sys.modules if name.partition('.')[0] in ('sgextended', 'shotgun_api3')] == []\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(
        command, cwd=tmp_path, env=unmeasured(), capture_output=True, text=True, timeout=GUARD, check=False
    )

    assert done.returncode == 0, done.stdout


def test_each_test_has_a_fresh_site(studio):
    """
    Rows, schema, files, faults and ledger are reset before each test.
    """
    source = """
        import pytest

        @pytest.mark.parametrize("number", [1, 2, 3])
        def test_fresh(sg, sg_site, sg_ledger, tmp_path, number):
            assert sg_ledger.count() == 0
            assert sg.find("Project", []) == []
            assert "sg_mood" not in sg.schema_field_read("Shot")
            assert sg_site.store.media.files("attachments") == []
            project = sg.create("Project", {"name": "A"})
            assert project["id"] == 1
            sg.schema_field_create("Shot", "text", "Mood")
            (tmp_path / "a.txt").write_text("a")
            assert sg.upload("Project", 1, str(tmp_path / "a.txt")) == 1
            sg_site.faults.latency = 0.0001

        def test_of_the_demo(sg, sg_demo_site, sg_project):
            assert sg.find_projects("ember*")
            assert sg.find_shots(sg_project) == []
        """

    studio(source).assert_outcomes(passed=4)


def test_site_that_misbehaved_is_replaced(studio):
    """
    After a test with faults the next test has a new site, so that no client backs off from it.
    """
    source = """
        import pytest
        from sgextended import HTTPStatusError

        urls = []

        def test_busy(sg, sg_site, sg_faults):
            urls.append(sg_site.url)
            sg_faults.add("status=503:retry-after=600")
            with pytest.raises(HTTPStatusError), sg.deadline(5):
                sg.find("Shot", [])

        def test_next(sg, sg_site):
            assert sg_site.url not in urls
            assert sg.find("Shot", []) == []
        """

    studio(source).assert_outcomes(passed=2)


def test_sites_over_tls(studio):
    """
    With --sg-tls the sites are served over HTTPS, to ``SGExtended()`` too.
    """
    source = """
        from sgextended import SGExtended

        def test_tls(sg, sg_site):
            assert sg_site.url.startswith("https://")
            assert sg.find("Shot", []) == SGExtended().find("Shot", [])
        """

    studio(source, "--sg-tls").assert_outcomes(passed=1)


def test_studios_own_class_is_used(studio, pytester):
    """
    ``sg`` is of the class that the setting names, and ``current()`` returns it.
    """
    pytester.makepyfile(studio="from sgextended import SGExtended\nclass StudioSG(SGExtended):\n    pass\n")
    source = """
        import sgextended

        def test_own(sg):
            assert type(sg).__name__ == "StudioSG"
            assert sgextended.current() is sg
        """

    studio(source, ini="sg_class = studio:StudioSG\npythonpath = .").assert_outcomes(passed=1)


@pytest.mark.parametrize("named", ["nowhere:Studio", "os:sep"])
def test_class_that_is_none_is_told(studio, named):
    """
    A setting that names no class is one message.
    """
    result = studio("def test_own(sg): pass", ini=f"sg_class = {named}")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*sg_class = {named} *"])


def test_one_test_has_one_site(studio):
    """
    A test that uses both sites fails with a message.
    """
    result = studio("def test_two(sg_site, sg_demo_site): pass")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*The test uses sg_site and sg_demo_site, but has only one site*"])


def test_live_site_is_cleaned_up(studio, any_site, make_sg, monkeypatch):
    """
    With --sg-live each test has a project of its own, deleted afterwards; tests that need a local site are skipped.
    """
    for name, value in any_site.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SHOTGUN_URL", "https://elsewhere.example")
    outside = make_sg(any_site)
    before = {entity_type: outside.count(entity_type) for entity_type in ("Project", "Shot", "Task", "Version")}
    source = """
        import sgextended

        def test_work(sg, sg_project):
            shot = sg.create("Shot", {"project": sg_project, "code": "A"})
            sgextended.SGExtended().create("Task", {"project": sg_project, "entity": shot, "content": "b"})
            assert len(sg.find_tasks(shot)) == 1

        def test_local(sg_site): pass
        def test_demo(sg_demo_site): pass
        def test_calls(sg, sg_ledger): pass
        """

    studio(source, "--sg-live", any_site.url).assert_outcomes(passed=1, skipped=3)
    assert {entity_type: outside.count(entity_type) for entity_type in before} == before


def test_data_of_the_studio_is_there(studio, pytester):
    """
    With the setting ``sg_data`` each test begins with the records of a folder.
    """
    from sgextended.localsite.demo.folder_dump import dump

    with LocalSite(script_name="pipeline") as site, site.store.reading() as tx:
        dump(tx, pytester.path / "data")
    source = """
        def test_data(sg):
            assert {script["firstname"] for script in sg.find("ApiUser", [], ["firstname"])} > {"pipeline"}
        """

    studio(source, ini="sg_data = data").assert_outcomes(passed=1)


@pytest.mark.parametrize(("ini", "outcome"), [("", "failed"), ("sg_strict = false", "passed")])
def test_sites_are_strict_by_default(studio, ini, outcome):
    """
    A site refuses what a live site may refuse, unless the setting ``sg_strict`` is false.
    """
    source = """
        def test_smart_field(sg, sg_project):
            sg.create("Shot", {"project": sg_project, "code": "A", "smart_cut_in": 5})
        """

    studio(source, ini=ini).assert_outcomes(**{outcome: 1})


def test_examples_run_in_parallel():
    """
    The tests of ``examples/studio`` pass on several workers, each with sites of its own.
    """
    words = ["-q", "-n", "2", "-p", "no:cacheprovider", "-k", "fresh or second or own or overloaded or lost or costs"]
    command = [sys.executable, "-m", "pytest", *words]
    done = subprocess.run(
        command,
        cwd=EXAMPLES,
        env=unmeasured_pytest("xdist.plugin"),
        capture_output=True,
        text=True,
        timeout=GUARD,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "18 passed" in done.stdout
