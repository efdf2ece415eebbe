"""
Text fields.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()

DESCRIPTION = "Version.description"


def over(live, relation, value):
    """
    Return the places found, of a row with a text (0) and one without (1).
    """
    rows = [live.make("Version", description="lighting"), live.make("Version")]
    return live.found(rows, ["description", relation, value])


def display_name(live):
    """
    Return what cached_display_name reads after a write to it, and after a rename.
    """
    shot = live.make("Shot", code="before")
    live.update(shot, cached_display_name="ignored")
    written = live.get(shot, "cached_display_name")
    live.update(shot, code="after")
    return written, live.get(shot, "cached_display_name")


fact("F001", "text", "M S", "outer spaces of a text are not stored", lambda live: (live.stored(DESCRIPTION, "  a b "), "a b"))
fact("F002", "text", "M S", "a text of spaces alone reads null", lambda live: (live.stored(DESCRIPTION, "   "), None))
fact("F003", "text", "M S", "an empty text is stored as null, on create and on update", lambda live: ((live.stored(DESCRIPTION, "", description="was"), live.get(live.make("Version", description=""), "description")), (None, None)))
fact("F005", "text", "M S", "100 000 characters are stored", lambda live: (live.stored(DESCRIPTION, "x" * 100_000), "x" * 100_000))
fact("F006", "text", "M S", "an int for a text is refused", lambda live: (live.refusal(DESCRIPTION, 1), Says(r"expected \[String, NilClass\].* got Integer")))
fact("F007", "text", "M S", "true for a text is refused", lambda live: (live.refusal(DESCRIPTION, True), Says(r"expected \[String, NilClass\].* got TrueClass")))
fact("F008", "text", "M S", "a list for a text is refused", lambda live: (live.refusal(DESCRIPTION, ["x"]), Says(r"expected \[String, NilClass\].* got Array")))
fact("F009", "text", "M S", "a dict for a text is refused", lambda live: (live.refusal(DESCRIPTION, {"a": 1}), Says(r"expected \[String, NilClass\].* got Hash")))
fact("F010", "text", "M S", "is finds the equal text", lambda live: (over(live, "is", "lighting"), [0]))
fact("F012", "text", "M S", "is null finds the rows without a text", lambda live: (over(live, "is", None), [1]))
fact("F013", "text", "M S", "is '' finds the rows without a text", lambda live: (over(live, "is", ""), [1]))
fact("F014", "text", "M S", "is_not another text finds the rows without one", lambda live: (over(live, "is_not", "lighting"), [1]))
fact("F015", "text", "M S", "is_not null finds the filled row", lambda live: (over(live, "is_not", None), [0]))
fact("F016", "text", "M S", "is_not '' finds the filled row", lambda live: (over(live, "is_not", ""), [0]))
fact("F018", "text", "M S", "contains ignores case", lambda live: (over(live, "contains", "IGHT"), [0]))
fact("F020", "text", "M S", "not_contains finds the rows without a text", lambda live: (over(live, "not_contains", "ight"), [1]))
fact("F021", "text", "M S", "starts_with finds the filled row", lambda live: (over(live, "starts_with", "light"), [0]))
fact("F022", "text", "M S", "ends_with finds the filled row", lambda live: (over(live, "ends_with", "ing"), [0]))
fact("F023", "text", "M S", "in finds a row whose text is one of several", lambda live: (over(live, "in", ["lighting", "comp"]), [0]))
fact("F024", "text", "M S", "in [''] finds nothing", lambda live: (over(live, "in", [""]), []))
fact("F026", "text", "M S", "is a text that no row has finds nothing", lambda live: (over(live, "is", "ZZZNOPE"), []))
fact("F027", "text", "M S", "in [null] is a fault of the database", lambda live: (live.fault(over, live, "in", [None]), Says(r"Read failed for entity type \[Version\]")))
fact("F028", "text", "M S", "an unknown relation is refused and the eight are named", lambda live: (live.fault(over, live, "resembles", "x"), Says(r'Valid relations: \["contains", "not_contains", "is", "is_not", "starts_with", "ends_with", "in", "not_in"\]')))
fact("F029", "text/028", "M S", "cached_display_name takes a write, drops it, and follows a rename", lambda live: (display_name(live), ("before", "after")))
