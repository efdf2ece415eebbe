"""
Text search and the navigation tree.
"""
# fmt: off

from typing import Any, Dict, List

from live_facts.fact import Facts, Says

fact = Facts()


def named(live: Any, text: str, *types: str, **options: Any) -> List[str]:
    """
    Return the names that a text search finds, in the order of the answer.
    """
    found = live.sg.text_search(text, {each: [] for each in types or ("Shot",)}, **options)
    return [match["name"] for match in found["matches"]]


def tree_project(live: Any) -> Dict[str, Any]:
    """
    Make a project for a tree of its own.
    """
    project: Dict[str, Any] = live.make("Project", name=live.name("tree"))
    return project


def children(live: Any, project: Dict[str, Any], path: str = "") -> List[Dict[str, Any]]:
    """
    Return the nodes one level below a node of a project's tree.
    """
    found: List[Dict[str, Any]] = live.sg.nav_expand(f"/Project/{project['id']}{path}")["children"]
    return found


def labels(live: Any, project: Dict[str, Any], path: str = "/Shot") -> List[str]:
    """
    Return the labels of the nodes one level below a node.
    """
    return [each["label"] for each in children(live, project, path)]


@fact("F553", "053", "M S", "each word must occur, in any case, anywhere in the name; _ parts no words; in any order")
def _words(live):
    word, other = live.name("Wolf"), live.name("Hut")
    live.make("Shot", code=f"x{word}_{other}")
    good = f"{word} {other}", f"{other} {word}".upper(), f"{word}_{other}".lower(), word[1:]
    bad = f"{word} zz", f"{other}_{word}"
    return [len(named(live, text)) for text in (*good, *bad)], [1, 1, 1, 1, 0, 0]


@fact("F554", "053", "M S", "a version is found by the name of the shot it links to; descriptions are not searched")
def _by_link(live):
    word, hidden = live.name("bear"), live.name("cave")
    live.make("Version", code="v1", entity=live.make("Shot", code=word), description=hidden)
    return (named(live, word, "Version"), named(live, hidden, "Version")), (["v1"], [])


@fact("F555", "053", "M S", "the shortest names come first, across types, whatever order the types are in")
def _shortest(live):
    word = live.name("lynx")
    live.make("Shot", code=f"{word} long")
    live.make("Asset", code=f"{word} s")
    live.make("Shot", code=word)
    wanted = [word, f"{word} s", f"{word} long"]
    return (named(live, word, "Shot", "Asset"), named(live, word, "Asset", "Shot")), (wanted, wanted)


fact("F557", "063", "M S", "a filter by a field that the type lacks fails the whole search",
     lambda live: (live.fault(live.sg.text_search, "abc", {"Shot": [], "Asset": [["sg_sequence", "is", None]]}),
                   Says("sg_sequence doesn't exist")))


@fact("F558", "053", "M R", "25 matches come at most",
      differs="25 is the size of a page of REST; API3 takes the limit from its caller.")
def _most_matches(live):
    word = live.name("goat")
    live.sg.batch([{"request_type": "create", "entity_type": "Shot",
                    "data": {"code": f"{word} {number}", "project": live.project}} for number in range(30)])
    return len(named(live, word)), 25


fact("F559", "046", "M S", "expanding a project that is not there",
     lambda live: (live.fault(live.sg.nav_expand, "/Project/999999999"),
                   Says("Unexpected result looking for project: 999999999: 0 found.")))


@fact("F560", "064", "M S", "grouped by a link, the bucket of what has no group stands after every group")
def _buckets(live):
    project = tree_project(live)
    groups = [live.make("Sequence", project=project, code=code) for code in ("q1", "q0")]
    live.make("Shot", project=project, code="s", sg_sequence=groups[0])
    live.make("Shot", project=project, code="lone")
    live.make("Shot", project=project, code="lone too")
    bucket = "Shots with no Sequence"
    came = children(live, project, "/Shot")
    return ([each["label"] for each in came], came[1] == came[3]), (["q0", bucket, "q1", bucket], True)


@fact("F562", "064", "M S", "sequences without shots are groups too, each with one child 'No Shots'")
def _empty_group(live):
    project = tree_project(live)
    group = live.make("Sequence", project=project, code="q")
    below = children(live, project, f"/Shot/sg_sequence/Sequence/{group['id']}")
    came = labels(live, project), [(each["label"], each["ref"]["kind"]) for each in below]
    return came, (["q"], [("No Shots", "empty")])


@fact("F563", "064", "M S", "shots without a sequence in the project: one child 'No Shots'; the bucket's path has them")
def _no_groups(live):
    project = tree_project(live)
    live.make("Shot", project=project, code="lone")
    top = [(each["label"], each["ref"]["kind"]) for each in children(live, project, "/Shot")]
    below = labels(live, project, "/Shot/sg_sequence/Sequence/__none__")
    return (top, below), ([("No Shots", "empty")], ["lone"])


@fact("F564", "064", "M S", "the bucket's ref names the type where a link groups, the list's place where a list does")
def _refs(live):
    project = tree_project(live)
    live.make("Sequence", project=project)
    live.make("Shot", project=project)
    live.make("Asset", project=project)
    came = children(live, project, "/Shot")[1]["ref"], children(live, project, "/Asset")[0]["ref"]
    return came, ({"kind": "entity_type", "value": "Shot"}, {"kind": "list", "value": "__none__"})


@fact("F565", "064", "M S", "both spellings of the bucket are answered")
def _spellings(live):
    project = tree_project(live)
    live.make("Shot", project=project, code="lone")
    paths = "/Shot/sg_sequence/Sequence/__none__", "/Shot/sg_sequence/__none__"
    return [labels(live, project, path) for path in paths], [["lone"]] * 2


@fact("F566", "046", "M S", "a project's children are Assets and Shots, of kind entity_type, with has_children")
def _project(live):
    came = [(each["label"], each["ref"]["kind"], each["has_children"]) for each in children(live, tree_project(live))]
    return came, [("Assets", "entity_type", True), ("Shots", "entity_type", True)]
