"""
All facts, by number.
"""

from live_facts import (
    authored_dates,
    changing,
    checkboxes,
    colors,
    computed,
    creating,
    dates,
    dependencies,
    events,
    files,
    link_lists,
    links,
    lists,
    numbers,
    pages,
    people,
    reading,
    relations,
    schema,
    search,
    streams,
    summaries,
    task_dates,
    templates,
    text,
)
from live_facts.fact import by_number

SUBJECTS = (
    text, checkboxes, numbers, dates, lists, colors, links, link_lists, computed, reading, creating, authored_dates,
    changing, relations, task_dates, dependencies, templates, summaries, schema, events, streams, search, files, pages,
    people,
)  # fmt: skip
FACTS = by_number(*(subject.fact.table for subject in SUBJECTS))
