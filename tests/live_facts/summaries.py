"""
Summaries and groupings.
"""
# fmt: off

from typing import Any, Dict, List

from live_facts.fact import Facts, Says

fact = Facts()


def summary(live: Any, entity_type: str, rows: List[Dict[str, Any]], asked: Dict[str, str], *grouping: str) -> Any:
    """
    Return the answer to summaries (their kinds by field) of new rows, grouped by fields.
    """
    ids = [live.make(entity_type, **row)["id"] for row in rows] or [0]
    wanted = [{"field": field, "type": kind} for field, kind in asked.items()]
    return live.sg.summarize(entity_type, [["id", "in", ids]], wanted, grouping=[
        {"field": field, "type": "exact", "direction": "asc"} for field in grouping])


def values(live: Any, entity_type: str, rows: List[Dict[str, Any]], **asked: str) -> Dict[str, Any]:
    """
    Return the values of summaries of new rows.
    """
    found: Dict[str, Any] = summary(live, entity_type, rows, asked)["summaries"]
    return found


def groups(live: Any, entity_type: str, field: str, *written: Any) -> List[Any]:
    """
    Return name, value and count of the groups of new rows with these values of a field.
    """
    found = summary(live, entity_type, [{field: value} for value in written], {"id": "count"}, field)["groups"]
    return [(each["group_name"], each["group_value"], each["summaries"]["id"]) for each in found]


def shown(link: Dict[str, Any], name: str) -> Dict[str, Any]:
    """
    Return a link as groups show it.
    """
    return {"type": link["type"], "id": link["id"], "name": name, "valid": "valid"}


fact("F475", "020", "M S", "one group per value; rows without a value form a group named '' with group_value null",
     lambda live: (groups(live, "Version", "sg_status_list", "rev", "rev", "vwd", None),
                   [("rev", "rev", 2), ("vwd", "vwd", 1), ("", None, 1)]))


@fact("F477", "020", "M S", "grouped by a link, the value is {type, id, name, valid}; two of one name are two groups")
def _links(live):
    twins = live.make("Sequence", code="twin"), live.make("Sequence", code="twin")
    came = groups(live, "Shot", "sg_sequence", twins[0], twins[1], twins[1])
    return came, [("twin", shown(twins[0], "twin"), 1), ("twin", shown(twins[1], "twin"), 2)]


fact("F478", "020", "M S", "a checkbox groups as '[ ]' and '[X]'",
     lambda live: (groups(live, "Task", "milestone", True, False, True), [("[ ]", False, 1), ("[X]", True, 2)]))


@fact("F479", "020", "M S", "sum, count, minimum and maximum of no values are 0, the average 0.0")
def _of_nothing(live):
    kinds = "sum", "count", "minimum", "maximum", "average"
    came = [values(live, "Version", rows, frame_count=kind)["frame_count"] for kind in kinds for rows in ([{}], [])]
    return (came, type(came[-1])), ([0] * 8 + [0.0] * 2, float)


fact("F480", "020", "M S", "an unknown summary type names the fourteen",
     lambda live: (live.fault(live.sg.summarize, "Shot", [], [{"field": "id", "type": "zz"}]),
                   Says("type must be one of: record_count, count, sum, maximum, minimum, average, earliest, latest, "
                        "percentage, status_percentage, status_percentage_as_float, status_list, checked, unchecked")))


@fact("F482", "079", "M S", "groupings nest, the innermost has no groups; sums add up; dotted paths group")
def _nested(live):
    shot = live.make("Shot", code="s")
    rows = [{"entity": shot, "milestone": at > 1, "est_in_mins": 10 * at} for at in (1, 2, 3)]
    top = summary(live, "Task", rows, {"est_in_mins": "sum"}, "entity.Shot.code", "milestone")
    outer = top["groups"][0]
    came = [(each["group_name"], each["summaries"]["est_in_mins"], "groups" in each) for each in outer["groups"]]
    return ((top["summaries"]["est_in_mins"], outer["group_name"], outer["summaries"]["est_in_mins"], came),
            (60, "s", 60, [("[ ]", 10, False), ("[X]", 50, False)]))


@fact("F483", "079", "M S", "status_list: one status alone is itself, any mixture is ip, null among them too")
def _common_status(live):
    sets = ["rev", "rev"], ["rev", "vwd"], ["rev", None], ["vwd"]
    came = [values(live, "Version", [{"sg_status_list": each} for each in codes], sg_status_list="status_list")
            for codes in sets]
    return [each["sg_status_list"] for each in came], ["rev", "ip", "ip", "vwd"]


@fact("F485", "079", "M ?", "status_percentage_as_float is the same integer, not a float")
def _as_float(live):
    rows = [{"sg_status_list": code} for code in ("rev", "vwd", "vwd")]
    kinds = "status_percentage", "status_percentage_as_float"
    came = [values(live, "Version", rows, sg_status_list=kind)["sg_status_list"] for kind in kinds]
    return (came[0] == came[1], type(came[1])), (True, int)


fact("F486", "079", "M ?", "status_percentage of rows that are all na is -1",
     lambda live: (values(live, "Version", [{"sg_status_list": "na"}] * 2, sg_status_list="status_percentage"),
                   {"sg_status_list": -1}))
fact("F487", "003r", "M ?", "percentage of a number field is 0",
     lambda live: (values(live, "Version", [{"frame_count": 5}], frame_count="percentage"), {"frame_count": 0}))
fact("F488", "summarize", "M S", "a summary that a field cannot have, such as one of an image, is left out",
     lambda live: (values(live, "Version", [{}], image="sum", code="sum", frame_count="sum"), {"frame_count": 0}))
fact("F489", "image", "M S", "grouping by an image is refused",
     lambda live: (live.fault(groups, live, "Version", "image", None),
                   Says(r"Grouping is not allowed for field Version\.image")))
fact("F490", "calculated", "M S", "workload groups as '1.25 days', its value is a text",
     lambda live: ([group[:2] for group in _by_workload(live)], [("1.25 days", "600.000000")]))
fact("F492", "079", "M S", "dates group by week",
     lambda live: (_by_week(live), [1, 2]))


def _by_workload(live: Any) -> List[Any]:
    found = summary(live, "Task", [{"duration": 600}], {"id": "count"}, "workload")["groups"]
    return [(each["group_name"], each["group_value"]) for each in found]


def _by_week(live: Any) -> List[int]:
    ids = [live.make("Task", due_date=day)["id"] for day in ("2026-03-08", "2026-03-09", "2026-03-15")]
    found = live.sg.summarize("Task", [["id", "in", ids]], [{"field": "id", "type": "count"}], grouping=[
        {"field": "due_date", "type": "week", "direction": "asc"}])["groups"]
    return [each["summaries"]["id"] for each in found]


@fact("F491", "080", "M S", "a list grouped: each distinct set of links is a group, group_value is a list")
def _lists(live):
    one, two = live.make("Shot", code="a"), live.make("Shot", code="b")
    came = groups(live, "Asset", "shots", [one, two], [two, one], [one], [])
    both = [shown(one, "a"), shown(two, "b")]
    return came, [("a", both[:1], 1), ("a, b", both, 2), ("", None, 1)]
