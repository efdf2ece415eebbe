"""
Checkbox fields.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()

FLAGGED = "Version.flagged"
CLASSES = r"expected \[String, FalseClass, TrueClass\] data type\(s\) but got "


def over(live, relation, value):
    """
    Return the places found, of a ticked row (0) and one that was never set (1).
    """
    rows = [live.make("Version", flagged=True), live.make("Version")]
    return live.found(rows, ["flagged", relation, value])


fact("F030", "checkbox", "M S", "a checkbox never set reads false and matches is false", lambda live: ((live.get(live.make("Version"), "flagged"), over(live, "is", False)), (False, [1])))
fact("F031", "checkbox", "M S", "the texts true and false are taken", lambda live: ([live.stored(FLAGGED, "true"), live.stored(FLAGGED, "false", flagged=True)], [True, False]))
fact("F032", "checkbox", "M S", "null is refused on update", lambda live: (live.refusal(FLAGGED, None), Says(CLASSES + "NilClass")))
fact("F033", "checkbox", "M S", "null is refused on create", lambda live: (live.fault(live.make, "Version", flagged=None), Says(CLASSES + "NilClass")))
fact("F034", "checkbox", "M S", "1 and 0 are refused", lambda live: ([live.refusal(FLAGGED, 1), live.refusal(FLAGGED, 0)], [Says(CLASSES + "Integer: 1"), Says(CLASSES + "Integer: 0")]))
fact("F035", "checkbox", "M S", "the texts '1', '0', 'yes' and '' are refused as data of a checkbox", lambda live: ([live.refusal(FLAGGED, text) for text in ("1", "0", "yes", "")], [Says("Invalid data for 'checkbox' data type")] * 4))
fact("F036", "checkbox", "M S", "a checkbox filter takes is and is_not alone, and names them", lambda live: (live.fault(over, live, "in", [True]), Says(r'Valid relations: \["is", "is_not"\]')))
fact("F037", "checkbox/020", "M S", "a filter by null is refused", lambda live: (live.fault(over, live, "is", None), Says(CLASSES + "NilClass")))
fact("F038", "checkbox", "M S", "a filter takes the texts true and false", lambda live: ([over(live, "is", "true"), over(live, "is", "false"), over(live, "is_not", "true")], [[0], [1], [1]]))
