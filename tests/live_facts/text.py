"""
Text fields.
"""
# ruff: noqa: E501
# fmt: off

from live_facts.fact import Facts, Says

fact = Facts()

fact("F001", "text", "M S", "outer spaces of a text are not stored", lambda live: (live.stored("Version.description", "  a b "), "a b"))
fact("F002", "text", "M S", "a text of spaces alone reads null", lambda live: (live.stored("Version.description", "   "), None))
fact("F006", "text", "M S", "an int for a text is refused", lambda live: (live.refusal("Version.description", 1), Says(r"expected \[String, NilClass\].* got Integer")))
