"""
Writes of every kind, for the tests of hooks, read-only wrappers and dry runs.
"""

from fix_extended import SHOT

#: By name: a function that takes a wrapper and calls one method that writes.
WRITES = {
    "create": lambda sg: sg.create("Shot", {"code": "a"}),
    "create that looks": lambda sg: sg.create("Shot", {"code": "a"}, unique_by=["code"]),
    "update": lambda sg: sg.update("Shot", 7, {"code": "a"}),
    "delete": lambda sg: sg.delete("Shot", 7),
    "revive": lambda sg: sg.revive("Shot", 7),
    "batch": lambda sg: sg.batch([{"request_type": "delete", "entity_type": "Shot", "entity_id": 7}]),
    "upload": lambda sg: sg.upload("Shot", 7, __file__),
    "upload_thumbnail": lambda sg: sg.upload_thumbnail("Shot", 7, __file__),
    "forwarded": lambda sg: sg.follow({"type": "HumanUser", "id": 1}, SHOT),
    "schema": lambda sg: sg.schema_field_create("Shot", "text", "Mood"),
    "newer": lambda sg: sg.brand_new("Shot"),
    "through the client": lambda sg: sg._sg.update("Shot", 7, {"code": "a"}),
}
