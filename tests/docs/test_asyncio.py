"""
The examples of ``docs/asyncio.md`` run in order and print the output that the page shows.
"""

from fix_docs import examples_of, printed_by


def test_the_examples_print_what_is_shown(reader):
    """
    Each example of the page prints the output that is shown below it.
    """
    examples = examples_of("asyncio.md")

    assert len(examples) == 4
    for source, shown in examples:
        assert printed_by(source, reader) == (shown or "")
