"""
Color and entity_type fields.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()

COLOR = "Task.color"
NAMED = {"Blue": "2,149,216", "Orange": "253,141,3", "Pink": "254,125,179", "Red": "253,1,0", "Green": "29,215,46", "Purple": "183,0,188", "Grey": "129,129,129", "Black": "45,45,45"}
TOKEN = "Value is not a valid color token"
RANGE = "At least one component value is out of range"
EXPRESSION = "The value is not a valid color expression"


def step_color(live):
    """
    Return the color of a new task and that of its step, read in one call.
    """
    step = live.make("Step", code=live.name("step"), entity_type="Shot", color="1,2,3")
    row = live.row(live.make("Task", step=step), "color", "step.Step.color")
    return row["color"], row["step.Step.color"]


def over(live, relation, value):
    """
    Return the places found, of a step for shots (0) and one without an entity type (1).
    """
    rows = [live.make("Step", code=live.name("step"), entity_type="Shot"), live.make("Step", code=live.name("step"))]
    return live.found(rows, ["entity_type", relation, value])


fact("F147", "color", "M S", "a task's color is pipeline_step by default", lambda live: (live.get(live.make("Task"), "color"), "pipeline_step"))
fact("F148", "color", "M S", "a task's legacy color names are stored as three numbers", lambda live: ({name: live.stored(COLOR, name) for name in NAMED}, NAMED))
fact("F149", "color", "M S", "legacy names are taken in any case", lambda live: ([live.stored(COLOR, name) for name in ("red", "GREY", "bLACK")], ["253,1,0", "129,129,129", "45,45,45"]))
fact("F150", "color", "M S", "hex and other names are refused for a task's color", lambda live: ([live.refusal(COLOR, text) for text in ("#ff8000", "Gray", "White", "Cyan")], [Says(r"Update failed for \[Task.color\]")] * 4))
fact("F151", "color", "M S", "the fault says which kind of mistake it was, and gives the grammar", lambda live: ([live.refusal(COLOR, text) for text in ("White", "300,0,0", "1,2")], [Says(TOKEN + ".*pipeline_step"), Says(RANGE + ".*pipeline_step"), Says(EXPRESSION + ".*pipeline_step")]))
fact("F152", "color", "M S", "spaces, negative parts, decimals, 300 and a wrong number of parts are refused", lambda live: ([live.refusal(COLOR, text) for text in ("1, 2, 3", "-1,2,3", "1.5,2,3", "300,0,0", "1,2", "1,2,3,4")], [Says(r"Update failed for \[Task.color\]")] * 6))
fact("F153", "color", "M S", "a task's color cannot be cleared", lambda live: ([live.refusal(COLOR, None), live.refusal(COLOR, ""), live.fault(live.make, "Task", color=None)], [Says(r"Value cannot be nil for Task\.color"), Says(r"Update failed for \[Task.color\]"), Says(r"Value cannot be nil for Task\.color")]))
fact("F154", "color", "M S", "a color filter on tasks is exact", lambda live: ([live.found([live.make("Task")], ["color", "is", text]) for text in ("PIPELINE_STEP", "pipeline_step")], [[], [0]]))
fact("F155", "color", "M S", "a malformed color in a filter is refused on steps and projects; on tasks it finds nothing", lambda live: ([live.fault(live.ids, "Step", ["color", "is", "x"]), live.fault(live.ids, "Project", ["color", "in", ["1,2,3", "1,2"]]), live.ids("Task", ["color", "is", "x"])], [Says("invalid format for color value"), Says("invalid format for color value"), []]))
fact("F156", "color", "M S", "the color of a task's step is read in the same call", lambda live: (step_color(live), ("pipeline_step", "1,2,3")))
fact("F157", "entity_type", "M S", "an entity_type is a schema name; others are refused and the valid ones named", lambda live: ([live.fault(live.make, "Step", code="x", entity_type=name) for name in ("shot", "shots", "Bogus")], [Says("is not a valid entity type. Valid entity types: .*'Asset'.*'Shot'")] * 3))
fact("F158", "entity_type", "M S", "an entity_type takes built-in names that the site has not enabled", lambda live: ([live.stored("ActionMenuItem.entity_type", name, title=live.name("item")) for name in ("CustomEntity08", "CustomThreadedEntity05", "CustomNonProjectEntity17")], ["CustomEntity08", "CustomThreadedEntity05", "CustomNonProjectEntity17"]))
fact("F159", "entity_type", "M S", "an entity_type filter minds case and takes is, is_not, in, not_in", lambda live: ([over(live, "is", "Shot"), over(live, "is", "shot"), over(live, "is_not", "Shot"), over(live, "in", ["Shot", "Asset"]), over(live, "not_in", ["Shot"]), live.fault(over, live, "contains", "Shot")], [[0], [], [1], [0], [1], Says(r'Valid relations: \["is", "is_not", "in", "not_in"\]')]))
fact("F160", "entity_type", "M S", "Step.entity_type is editable on create only", lambda live: (live.refusal("Step.entity_type", "Asset", code=live.name("step"), entity_type="Shot"), Says("editable on create only")))
fact("F161", "entity_type", "M S", "'' and null clear an entity_type", lambda live: ([live.stored("ActionMenuItem.entity_type", value, title=live.name("item"), entity_type="Shot") for value in ("", None)], [None, None]))
