"""
The examples of ``docs/tracing.md`` print the table that the page shows, and create spans for OpenTelemetry.
"""

import re

import pytest
from fix_docs import examples_of

EXAMPLES = examples_of("tracing.md")


def test_the_table_is_what_is_printed(reader, capsys):
    """
    The trace prints the table of the page, except for the figures, which differ in each run.
    """
    source, shown = EXAMPLES[0]
    exec(compile(source, "report.py", "exec"), reader)
    printed = re.sub(r"\d+\.\d+(?= s\b|  )", lambda found: re.sub(r"\d", "N", found.group()), capsys.readouterr().out)
    printed = re.sub(r"\d+ kB", "N kB", printed)

    assert [line.split() for line in printed.splitlines()] == [line.split() for line in shown.splitlines()]


def test_spans_are_made_and_have_their_parent(reader):
    """
    Each request creates a span with its name, duration and parent; a failed request creates a span with an error.
    """
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed")
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from shotgun_api3 import Fault

    spans, provider = InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    exec(EXAMPLES[1][0], reader)
    reader["tracer"] = provider.get_tracer("test")
    sg = reader["Studio"]()
    with reader["tracer"].start_as_current_span("publish"):
        list(sg.find_iter("Shot", [], page_size=400, read_ahead=2))
    with pytest.raises(Fault):
        sg.find("NoSuchType", [])
    read = [span for span in spans.get_finished_spans() if span.name == "read Shot"]
    (outer,) = (span for span in spans.get_finished_spans() if span.name == "publish")
    failed = spans.get_finished_spans()[-1]

    assert len(read) > 2
    assert {span.parent.span_id for span in read} == {outer.context.span_id}
    assert all(outer.start_time <= span.start_time + 50_000_000 and span.end_time > span.start_time for span in read)
    assert (failed.status.status_code, failed.status.description) == (trace.StatusCode.ERROR, "Fault")
