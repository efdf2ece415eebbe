"""
Number, duration, percent, float and timecode fields.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()

COUNT, BID, PERCENT, FLOAT = "Version.frame_count", "Task.est_in_mins", "Booking.percent_allocation", "Version.sg_movie_aspect_ratio"
FLOATS = r"expected \[String, BigDecimal, Float, NilClass\].* got "


def over(live, relation, value, field="frame_count", values=(1001, 0, None, None), entity_type="Version"):
    """
    Return how many of new rows with these values a filter finds.
    """
    rows = [live.make(entity_type, **{field: each}) for each in values]
    return len(live.found(rows, [field, relation, value]))


def floats(live, relation, value):
    """
    Return the places found, of rows with 2.0, 0.0 and null.
    """
    rows = [live.make("Version", sg_movie_aspect_ratio=each) for each in (2.0, 0.0, None)]
    return live.found(rows, ["sg_movie_aspect_ratio", relation, value])


def filtered(live, field, value):
    """
    Return the fault of a filter on a field (`"Booking.percent_allocation"`), None when it is answered.
    """
    entity_type, name = field.split(".")
    return live.fault(live.ids, entity_type, [name, "is", value])


def timecodes(live):
    """
    Return a new timecode field, as `"Version.sg_name"`.
    """
    return "Version." + live.sg.schema_field_create("Version", "timecode", live.name("timecode"))


def grouped_timecodes(live, values):
    """
    Return the names of the groups of timecodes, by value.
    """
    name = timecodes(live).partition(".")[2]
    for value in values:
        live.make("Version", **{name: value})
    counted = live.sg.summarize("Version", [[name, "is_not", None]], [{"field": "id", "type": "count"}], grouping=[{"field": name, "type": "exact", "direction": "asc"}])
    return {group["group_value"]: group["group_name"] for group in counted["groups"]}


fact("F040", "number", "M S", "a float for a number is refused", lambda live: (live.refusal(COUNT, 1.5), Says(r"expected \[String, Integer, NilClass\].* got Float")))
fact("F041", "number", "M S", "true for a number is refused", lambda live: (live.refusal(COUNT, True), Says(r"expected \[String, Integer, NilClass\].* got TrueClass")))
fact("F044", "number", "M S", "2**31 is refused on update", lambda live: (live.refusal(COUNT, 2**31), Says(r"Update failed for \[Version.frame_count\]: Invalid statement\.")))
fact("F045", "number", "M S", "2**31 is refused on create", lambda live: (live.fault(live.make, "Version", frame_count=2**31), Says(r"Create failed for \[Version\]: PG::NumericValueOutOfRange.*integer out of range")))
fact("F047", "number", "M S", "of 1001, 0, null, null, is 1001 finds 1", lambda live: (over(live, "is", 1001), 1))
fact("F048", "number", "M S", "of these, is 0 finds 1", lambda live: (over(live, "is", 0), 1))
fact("F049", "number", "M S", "of these, is '1001' finds 1", lambda live: (over(live, "is", "1001"), 1))
fact("F050", "number", "M S", "of these, is null finds 2", lambda live: (over(live, "is", None), 2))
fact("F051", "number", "M S", "of these, is_not 1001 finds 3", lambda live: (over(live, "is_not", 1001), 3))
fact("F052", "number", "M S", "of these, is_not null finds 2", lambda live: (over(live, "is_not", None), 2))
fact("F053", "number", "M S", "of these, greater_than 0 finds 1", lambda live: (over(live, "greater_than", 0), 1))
fact("F054", "number", "M S", "of these, greater_than -1 finds 2", lambda live: (over(live, "greater_than", -1), 2))
fact("F055", "number", "M S", "of these, less_than 1 finds 1", lambda live: (over(live, "less_than", 1), 1))
fact("F056", "number", "M S", "of these, less_than 1001 finds 1", lambda live: (over(live, "less_than", 1001), 1))
fact("F057", "number", "M S", "of these, in [1001, 0] finds 2", lambda live: (over(live, "in", [1001, 0]), 2))
fact("F058", "number", "M S", "of these, in ['1001'] finds 1", lambda live: (over(live, "in", ["1001"]), 1))
fact("F059", "number", "M S", "of these, in [999999] finds 0", lambda live: (over(live, "in", [999999]), 0))
fact("F060", "number", "M S", "of these, not_in [1001] finds 3", lambda live: (over(live, "not_in", [1001]), 3))
fact("F061", "number", "M S", "of these, not_in [999999] finds 4", lambda live: (over(live, "not_in", [999999]), 4))
fact("F063", "number", "M S", "of these, between [2000, 3000] finds 0", lambda live: (over(live, "between", [2000, 3000]), 0))
fact("F064", "number", "M S", "not_between is no relation of a number; the seven are named", lambda live: (live.fault(over, live, "not_between", [1, 2]), Says(r'Valid relations: \["is", "is_not", "greater_than", "less_than", "between", "in", "not_in"\]')))
fact("F065", "number", "M S", "between with one value is refused", lambda live: (live.fault(over, live, "between", [1]), Says("expects a 2-element array")))
fact("F066", "duration", "M S", "not_between is no relation of a duration", lambda live: (live.fault(live.ids, "Task", ["est_in_mins", "not_between", [1, 2]]), Says("doesn't support 'not_between' 'relation'")))
fact("F067", "duration", "M S", "a duration takes an integer, a numeric text and a padded one", lambda live: ([live.stored(BID, value) for value in (90, "90", " 90 ")], [90, 90, 90]))
fact("F068", "duration", "M S", "a float duration is cut towards zero", lambda live: ([live.stored(BID, value) for value in (90.9, -90.6, 0.4)], [90, -90, 0]))
fact("F069", "duration", "M S", "'2:30', '1h' and '' are refused for a duration", lambda live: ([live.refusal(BID, text) for text in ("2:30", "1h", "")], [Says("Invalid data for 'duration' data type")] * 3))
fact("F070", "duration", "M S", "a bool for a duration is refused", lambda live: (live.refusal(BID, True), Says(r"expected \[String, Integer, NilClass, Float\].* got TrueClass")))
fact("F071", "duration", "M S", "a duration filter coerces: '480', 480.0 and 480.6 find 480", lambda live: ([over(live, "is", value, "est_in_mins", (480, 90), "Task") for value in ("480", 480.0, 480.6)], [1, 1, 1]))
fact("F072", "duration", "M S", "0 and null are two durations; is null does not find 0", lambda live: (over(live, "is", None, "est_in_mins", (0, None, None), "Task"), 2))
fact("F073", "percent", "M S", "a percent is any whole number", lambda live: ([live.stored(PERCENT, value) for value in (-1, 101, 1_000_000)], [-1, 101, 1_000_000]))
fact("F074", "percent", "M S", "a percent takes integers and null alone", lambda live: ([live.refusal(PERCENT, "42"), live.refusal(PERCENT, 0.5), live.stored(PERCENT, None)], [Says(r"expected \[Integer, NilClass\].* got String"), Says(r"expected \[Integer, NilClass\].* got Float"), None]))
fact("F075", "percent", "M S", "a percent filter refuses '50' and 50.0", lambda live: ([filtered(live, PERCENT, "50"), filtered(live, PERCENT, 50.0)], [Says(r"expected \[Integer, NilClass\].* got String"), Says(r"expected \[Integer, NilClass\].* got Float")]))
fact("F076", "float", "M S", "an integer for a float is refused", lambda live: ([live.refusal(FLOAT, 2), live.fault(live.make, "Version", sg_movie_aspect_ratio=2)], [Says(FLOATS + "Integer: 2")] * 2))
fact("F077", "float", "M S", "an integer in a float filter is refused, also in a list", lambda live: ([live.fault(floats, live, *each) for each in (("is", 2), ("in", [2.0, 2]), ("greater_than", 2))], [Says(FLOATS + "Integer: 2")] * 3))
fact("F078", "float", "M S", "a float is rounded to 6 decimals when it is written", lambda live: ([live.stored(FLOAT, 1.23456789), live.stored(FLOAT, 1e-9)], [1.234568, 0.0]))
fact("F079", "float", "M S", "a numeric text, padded or not, is taken for a float", lambda live: ([live.stored(FLOAT, "2.5"), live.stored(FLOAT, " 2.5 ")], [2.5, 2.5]))
fact("F080", "float", "M S", "'abc', '' and true are refused for a float", lambda live: ([live.refusal(FLOAT, value) for value in ("abc", "", True)], [Says("Invalid data for 'float' data type"), Says("Invalid data for 'float' data type"), Says(FLOATS + "TrueClass")]))
fact("F082", "float", "M ?", "a float reads as a text with a decimal point", lambda live: (live.stored(FLOAT, 2.5), "2.5"), differs="REST sends floats as texts; API3 sends numbers, as its documentation says, and the official client does not convert them")
fact("F083", "float", "M S", "null and 0.0 are two values; is null does not find 0.0", lambda live: ([floats(live, "is", None), floats(live, "is", 0.0)], [[2], [1]]))
fact("F084", "timecode", "M S", "a timecode stores milliseconds as sent", lambda live: ([live.stored(timecodes(live), value) for value in (3_600_000, -1, 86_400_001, 2**31 - 1)], [3_600_000, -1, 86_400_001, 2**31 - 1]))
fact("F085", "timecode", "M S", "texts and floats are refused for a timecode", lambda live: ([live.refusal(timecodes(live), value) for value in ("01:00:00:00", "3600000", 1.5)], [Says(r"expected \[Integer, NilClass\]")] * 3))
fact("F086", "timecode", "M S", "a timecode filter refuses '3600000' and 3600000.0", lambda live: ([filtered(live, timecodes(live), value) for value in ("3600000", 3_600_000.0)], [Says(r"expected \[Integer, NilClass\]")] * 2))
fact("F087", "timecode", "M X", "a group's name has frames at 23.976 a second, rounded", lambda live: (grouped_timecodes(live, (500, 813, 814, 980, 981)), {500: "00:00:00:12", 813: "00:00:00:19", 814: "00:00:00:20", 980: "00:00:00:23", 981: "00:00:01:00"}))
