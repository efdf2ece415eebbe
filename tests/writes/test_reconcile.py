"""
Reconcile: search for the entities of a create with unknown outcome, on the local site, over HTTP and HTTPS.
"""

import datetime

import pytest
from fix_native import meet

from sgextended import BatchesFailed, InvalidArgumentError, OutcomeUnknown, RetryPolicy, SGExtended, Site
from sgextended.localsite import LocalSite, Mishap
from sgextended.writes import reconcile

AT_ONCE = RetryPolicy(attempts=3, first_wait=0, longest_wait=0)


@pytest.fixture(params=["http", "https"], scope="module")
def site(request):
    """
    A local site of these tests alone, since they make it misbehave.
    """
    with LocalSite(tls=request.param == "https") as site:
        yield site


@pytest.fixture
def sg(site, make_sg):
    """
    A wrapper that repeats at once.
    """
    site.faults.clear()
    return make_sg(site, retry=AT_ONCE)


@pytest.fixture
def project(sg, request):
    """
    A project of the test's own.
    """
    return sg.create("Project", {"name": request.node.name, "tank_name": request.node.name})


def link(entity):
    return {"type": entity["type"], "id": entity["id"]}


def uncertain(sg, site, call, kind="close-after"):
    """
    Return the error of a write whose response is lost after the write was done.
    """
    with (
        site.faults.during(Mishap(kind=kind, rpc={"create", "batch"}, next=1)),
        pytest.raises(OutcomeUnknown) as caught,
    ):
        call(sg)
    return caught.value


def test_an_uncertain_create_says_what_it_was(sg, site, project):
    """
    The error has the call, the type, the data and the time.
    """
    data = {"code": "sh010", "project": link(project)}
    error = uncertain(sg, site, lambda sg: sg.create("Shot", data))

    assert (error.rpc, error.entity_type, error.data, error.attempts) == ("create", "Shot", data, 1)
    assert error.sent_at > 1_700_000_000
    assert abs(error.clock_ahead) < 5


def test_what_looks_like_a_secret_is_left_out(sg, site):
    """
    A password among the data is not in the error.
    """
    data = {"login": "new", "firstname": "N", "lastname": "N", "email": "n@x.example", "password_proxy": "hunter2"}
    error = uncertain(sg, site, lambda sg: sg.create("HumanUser", data))

    assert error.data["password_proxy"] == "(hidden)"
    assert "hunter2" not in str(vars(error)) + str(error)


def test_what_an_uncertain_create_made_is_found(sg, site, project):
    """
    The one shot that the site created is returned with its values.
    """
    data = {"code": "sh010", "project": link(project), "sg_cut_in": 1001}
    error = uncertain(sg, site, lambda sg: sg.create("Shot", data))
    (made,) = sg.reconcile(error)

    assert (made["type"], made["code"], made["sg_cut_in"]) == ("Shot", "sh010", 1001)
    assert sg.find("Shot", [["project", "is", project]]) == [{"type": "Shot", "id": made["id"]}]


def test_nothing_is_found_where_nothing_was_made(sg, site, project):
    """
    If the request was lost before it was executed, the search finds nothing.
    """
    data = {"code": "sh010", "project": link(project)}
    error = uncertain(sg, site, lambda sg: sg.create("Shot", data), kind="reset-before")

    assert sg.reconcile(error) == []


def test_what_others_have_made_is_not_found(sg, site, project, make_sg):
    """
    An entity with the same values that another user has created is not found.
    """
    site.add_user(site.url, "pw", role="manager")
    somebody = make_sg(site, retry=AT_ONCE, sudo_as_login=site.url)
    data = {"code": "sh010", "project": link(project)}
    somebody.create("Shot", data)
    error = uncertain(sg, site, lambda sg: sg.create("Shot", data), kind="reset-before")

    assert sg.reconcile(error) == []


def test_what_was_made_long_before_is_not_found(sg, site, project):
    """
    An old version with the same values is not what the uncertain create made.
    """
    data = {"code": "v001", "project": link(project)}
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=2)
    sg.create("Version", {**data, "created_at": before})
    error = uncertain(sg, site, lambda sg: sg.create("Version", data), kind="reset-before")

    assert sg.reconcile(error) == []


def test_the_creates_of_a_batch_are_found(sg, site, project):
    """
    What an uncertain batch created is found, each once and in order; its updates are left aside.
    """
    old = sg.create("Shot", {"code": "old", "project": link(project)})
    requests = [
        {"request_type": "create", "entity_type": "Shot", "data": {"code": f"sh{n}", "project": link(project)}}
        for n in range(3)
    ]
    requests.append({"request_type": "update", "entity_type": "Shot", "entity_id": old["id"], "data": {"code": "new"}})
    error = uncertain(sg, site, lambda sg: sg.batch(requests))

    assert [row["code"] for row in sg.reconcile(error)] == ["sh0", "sh1", "sh2"]


def test_calls_that_create_nothing_cannot_be_reconciled(sg):
    """
    A call that creates no entity raises an error.
    """
    with pytest.raises(InvalidArgumentError, match="'schema_field_create' creates no entity"):
        sg.reconcile(OutcomeUnknown("?", rpc="schema_field_create"))


@pytest.mark.parametrize("kind", ["close-after", "reset-after", "truncated", "garbled", "cut-off", "reset-before"])
def test_unique_by_creates_once(sg, site, project, kind):
    """
    Whether or not the site has created the shot, create returns the only shot, with the requested fields.
    """
    with site.faults.during(Mishap(kind=kind, rpc={"create"}, next=1)) as mishap:
        shot = sg.create(
            "Shot",
            {"code": "sh010", "project": link(project), "sg_cut_in": 1001},
            ["sg_status_list"],
            unique_by=("code", "project"),
        )

    assert mishap.happened == 1
    assert [row["id"] for row in sg.find("Shot", [["project", "is", project]])] == [shot["id"]]
    assert (shot["code"], shot["sg_cut_in"], shot["project"]["id"]) == ("sh010", 1001, project["id"])
    assert "sg_status_list" in shot


def test_unique_by_gives_up_in_the_end(sg, site, project):
    """
    If every create is lost, the call raises OutcomeUnknown after the allowed number of attempts.
    """
    data = {"code": "sh010", "project": link(project)}
    with site.faults.during(Mishap(kind="reset-before", rpc={"create"})) as mishap, pytest.raises(OutcomeUnknown):
        sg.create("Shot", data, unique_by=("code", "project"))

    assert mishap.happened == AT_ONCE.attempts


def test_unique_by_names_no_winner_among_several(sg, site, project):
    """
    If another caller has created an entity with the same keys meanwhile, none of them is returned as the caller's own.
    """
    data = {"code": "sh010", "project": link(project)}
    ids = [sg.create("Shot", data)["id"]]
    with (
        site.faults.during(Mishap(kind="close-after", rpc={"create"}, next=1)),
        pytest.raises(OutcomeUnknown, match=f"by another caller: {ids[0]}, ") as caught,
    ):
        sg.create("Shot", data, unique_by=("code", "project"))

    assert len(sg.reconcile(caught.value)) == 2


def test_unique_by_is_safe_in_many_threads(sg, site, project):
    """
    Eight threads whose creates are all lost after execution leave eight shots.
    """
    with site.faults.during(Mishap(kind="close-after", rpc={"create"})):
        meet(
            *[
                lambda n=n: sg.create("Shot", {"code": f"sh{n}", "project": link(project)}, unique_by=("code",))
                for n in range(8)
            ]
        )
    codes = sorted(row["code"] for row in sg.find("Shot", [["project", "is", project]], ["code"]))

    assert codes == [f"sh{n}" for n in range(8)]


@pytest.mark.parametrize("keys", [(), ("sg_cut_in",), ("code", "nonsense")])
def test_keys_without_a_value_are_refused(sg, site, project, keys):
    """
    Fields to look by must be in the data; nothing is sent otherwise.
    """
    before = sg.requests_sent

    with pytest.raises(InvalidArgumentError, match="unique_by"):
        sg.create("Shot", {"code": "sh010", "project": link(project), "sg_cut_in": None}, unique_by=keys)
    assert sg.requests_sent == before


@pytest.mark.parametrize("keys", [("code", "sg_frames"), "description", ("sg_movie",)])
def test_keys_that_the_site_cannot_look_for_are_refused(sg, keys):
    """
    A fraction, a long text or a file would be left out of the look, which would then find any other shot.
    """
    before = sg.requests_sent
    data = {"code": "sh010", "sg_frames": 1.5, "description": "x" * 256, "sg_movie": {"url": "https://x.example"}}

    with pytest.raises(InvalidArgumentError, match="cannot search for the value of"):
        sg.create("Shot", data, unique_by=keys)
    assert sg.requests_sent == before


TOLD = {
    "by somebody else": lambda person: {"created_by": person},
    "long ago": lambda _person: {"created_at": datetime.datetime(2020, 2, 3, 4, 5, 6, 789, datetime.timezone.utc)},
}


@pytest.mark.parametrize("tell", TOLD.values(), ids=TOLD)
def test_what_says_when_and_by_whom_it_was_made_is_found(sg, site, project, tell):
    """
    A create that sets created_by or created_at itself is looked for by these, and done once.
    """
    person = sg.create(
        "HumanUser", {"firstname": "B", "lastname": "C", "email": "b@studio.example", "login": project["name"]}
    )
    data = {"code": "v001", "project": link(project), **tell(link(person))}
    error = uncertain(sg, site, lambda sg: sg.create("Version", data))
    (made,) = sg.reconcile(error)
    with site.faults.during(Mishap(kind="close-after", rpc={"create"}, next=1)):
        again = sg.create("Version", {**data, "code": "v002"}, unique_by=("code", "project"))

    assert [row["id"] for row in sg.find("Version", [["project", "is", project]])] == [made["id"], again["id"]]


def test_a_text_with_blanks_around_it_is_found(sg, site, project):
    """
    The site strips texts, so the created entity has another text than was sent.
    """
    with site.faults.during(Mishap(kind="close-after", rpc={"create"}, next=1)):
        shot = sg.create("Shot", {"code": " sh010 ", "project": link(project)}, unique_by=("code", "project"))

    assert [row["id"] for row in sg.find("Shot", [["project", "is", project]])] == [shot["id"]]


def test_another_with_almost_the_same_values_is_not_found(sg, site, project):
    """
    The case of a text, links of several and long texts are compared too, though the site does not look by them.
    """
    asset = sg.create("Asset", {"code": "tree", "project": link(project)})
    data = {"code": "sh010", "project": link(project), "description": "x" * 300, "assets": [link(asset)]}
    for other in ({"code": "SH010"}, {"description": "y" * 300}, {"assets": []}):
        sg.create("Shot", {**data, **other})

    assert sg.reconcile(uncertain(sg, site, lambda sg: sg.create("Shot", data), kind="reset-before")) == []
    assert len(sg.reconcile(uncertain(sg, site, lambda sg: sg.create("Shot", data)))) == 1


@pytest.mark.parametrize("write", ["create", "create_many", "ensure", "create_version", "publish"])
def test_a_site_that_goes_down_after_a_create_leaves_it_unknown(sg, site, project, write):
    """
    If the search for what a lost create has made fails, the error is not the one of the search, which says that nothing
    was sent.
    """
    shot = {**sg.create("Shot", {"code": "sh010", "project": link(project)}), "project": link(project)}
    row = {"code": "v001", "project": link(project)}

    class Down(SGExtended):
        def on_call(self, call):
            if call.rpc in ("create", "batch"):
                site.faults.add(Mishap(kind="reset-before"))

    down = Down(sg)
    calls = {
        "create": lambda: down.create("Version", row, unique_by=("code", "project")),
        "create_many": lambda: down.create_many("Version", [row], unique_by=("code", "project")),
        "ensure": lambda: down.ensure("Version", row),
        "create_version": lambda: down.create_version(shot, "v001"),
        "publish": lambda: down.publish(shot, "scene"),
    }
    site.faults.add(Mishap(kind="close-after", rpc={"create", "batch"}, next=1))
    with pytest.raises((OutcomeUnknown, BatchesFailed)) as caught:
        calls[write]()
    site.faults.clear()

    if write == "create_many":
        assert len(caught.value.report.uncertain) == 1


def test_a_further_attempt_that_is_refused_leaves_the_outcome_unknown(sg, site, monkeypatch):
    """
    The site refuses a second user of the same login, since the lost create has made the first one. That one is
    returned, also if it becomes visible late.
    """
    data = {"login": "new", "firstname": "N", "lastname": "N", "email": "n@x.example"}
    looks, find = [], reconcile.find_created

    def find_late(*args, **options):
        looks.append(1)
        return find(*args, **options) if len(looks) > AT_ONCE.attempts else []

    monkeypatch.setattr(reconcile, "find_created", find_late)
    with site.faults.during(Mishap(kind="close-after", rpc={"create"}, next=1)):
        made = sg.create("HumanUser", data, unique_by="login")

    assert sg.find("HumanUser", [["login", "is", "new"]]) == [{"type": "HumanUser", "id": made["id"]}]


def test_what_the_first_of_two_lost_attempts_made_is_found(monkeypatch):
    """
    The search counts from the first attempt, also after a second one: each may wait for its response for minutes.
    """
    errors = [OutcomeUnknown("lost", rpc="create"), OutcomeUnknown("lost again", rpc="create")]
    since = []

    class Client:
        site = Site(url="http://site.example", retry=RetryPolicy(attempts=2, first_wait=0))

        def create(self, *_):
            raise errors[len(since) // 2]

    monkeypatch.setattr(reconcile, "find_created", lambda _client, _type, _data, error: since.append(error) or [])
    with pytest.raises(OutcomeUnknown, match="lost again"):
        reconcile.create_once(Client(), "Shot", {"code": "a"}, None, ["code"], sleep=lambda _: None)

    assert since == [errors[0]] * 4
