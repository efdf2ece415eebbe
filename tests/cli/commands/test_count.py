"""
``sgextended count``.
"""


def test_count_prints_the_number_alone(command, environment, sg):
    """
    The number of matching entities is the whole output.
    """
    expected = sg.count("Shot", [["sg_status_list", "is", "ip"]])

    assert command("count", "Shot", "--filter", "sg_status_list is ip") == (0, f"{expected}\n", "")
