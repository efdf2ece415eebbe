"""
The rows of the table: which work, on which site, done how by whom, and what was wanted of it.
"""

from typing import Dict, List, Optional

from attrs import frozen

#: The columns of the table, and the module that each one imports. sg-python-api takes the official client's name.
CLIENTS = {
    "shotgun_api3": "shotgun_api3",
    "SGExtended": "sgextended",
    "sg-python-api": "shotgun_api3",
    "floor": "nothing",
}


@frozen
class Server:
    """
    How the canned server is started: seconds that it holds each answer back, records that it has.
    """

    latency: float = 0.0
    tls: bool = False
    total: int = 20_000


@frozen(kw_only=True)
class Row:
    """
    One row.

    Args:
        key: What ``--only`` takes, or begins with.

        label: What is done, for the reader.

        server: On which site.

        works: The words after ``measure.py`` for each column, those without being empty. Rows share a measurement that
            they have in common.

        figure: Which figure of that counts: ``seconds``, ``megabytes``, or a part of the floor.

        wanted: How many times as fast as the official client it shall be at least; of memory, how many MB at most.
    """

    key: str
    label: str
    server: Server
    works: Dict[str, str]
    figure: str = "seconds"
    wanted: Optional[float] = None

    @property
    def unit(self) -> str:
        """
        What the figures are.
        """
        return "MB" if self.figure == "megabytes" else "s"


@frozen(kw_only=True)
class CostRow:
    """
    A row that says what one operation costs, as a multiple of what it costs with the official client.

    Args:
        key: As for `Row`.

        label: As for `Row`.

        server: As for `Row`.

        works: As for `Row`.

        figures: Which figure is the CPU time (``cpu``), and which the wall time (``wall``).

        unit: The unit of the figures.

        at_most: The largest wanted ratio of SGExtended to the official client. It is for the CPU time, where the row
            has one, and else for the wall time.
    """

    key: str
    label: str
    server: Server
    works: Dict[str, str]
    figures: Dict[str, str]
    unit: str
    at_most: float


def _clients(words: str, **others: str) -> Dict[str, str]:
    """
    Return the same work for the three clients, but for those that do *others*, an underscore for each hyphen.
    """
    works = dict.fromkeys(("shotgun_api3", "SGExtended", "sg-python-api"), words)
    return {**works, **{name.replace("_python_", "-python-"): each for name, each in others.items()}}


NEAR, FAR, FARTHEST = Server(), Server(latency=0.1), Server(latency=0.3)
SECURE, HALFWAY = Server(latency=0.05, tls=True), Server(latency=0.05)
LARGE = Server(latency=0.1, total=200_000)


def _finds() -> List[Row]:
    bare = "bare_find --connections 10"
    works = _clients("find", floor=bare)
    wide = _clients("find", SGExtended="find --connections 24", floor="bare_find --connections 24")
    return [
        Row(key="1", label="`find`, 0 ms", server=NEAR, works=works, wanted=6),
        Row(key="2", label="`find`, 100 ms", server=FAR, works=works, wanted=9),
        Row(key="3", label="`find`, 300 ms", server=FARTHEST, works=works, wanted=7),
        Row(key="4", label="`find`, 300 ms, `connections=24`", server=FARTHEST, works=wide, wanted=10),
    ]


def _workers() -> List[Row]:
    rows = []
    for limit, asked in ((1, "one record"), (500, "a page of 500")):
        for before, process in (("", "fresh process"), (" --asked-before", "one asked before")):
            words = f"first_calls --limit {limit}{before}"
            for more, bound in (("", ""), (" --connections 24", ", `connections=24`")):
                rows.append(
                    Row(
                        key="5" + "abcdefgh"[len(rows)],
                        label=f"16 workers, {asked} each, {process}{bound}",
                        server=SECURE,
                        works=_clients(words, SGExtended=words + more),
                        wanted=8,
                    )
                )
    return rows


def _others() -> List[Row]:
    shared = "create --threads 8"
    return [
        Row(
            key="6",
            label="5 000 creates, 8 threads on one wrapper, 50 ms",
            server=HALFWAY,
            works=_clients("create", SGExtended=shared, sg_python_api=shared),
            wanted=6,
        ),
        Row(
            key="7",
            label="`find_iter` over 200 000, peak memory",
            server=LARGE,
            works={"SGExtended": "find_iter"},
            figure="megabytes",
            wanted=60,
        ),
    ]


def _beside() -> List[Row]:
    """
    Return the rows that nobody asked for, and that say how the others are to be read.
    """
    iterated, parts = {"SGExtended": "find_iter"}, {"floor": "parts --connections 1"}
    without, ahead = "find --without-orjson", "find --page-prefetch 10"
    return [
        Row(
            key="1b",
            label="`find`, 0 ms, orjson not installed",
            server=NEAR,
            works=_clients("find", SGExtended=without),
        ),
        Row(
            key="2b",
            label="`find`, 100 ms, sg-python-api told to prefetch 10 pages",
            server=FAR,
            works=_clients("find", sg_python_api=ahead),
        ),
        Row(
            key="6b",
            label="5 000 creates, one thread each, 50 ms",
            server=HALFWAY,
            works=_clients("create"),
        ),
        Row(key="7b", label="`find_iter` over 200 000, 100 ms", server=LARGE, works=iterated),
        Row(key="7c", label="`find_iter` over 20 000, peak memory", server=FAR, works=iterated, figure="megabytes"),
        Row(key="7d", label="`find` of 20 000, peak memory", server=NEAR, works=_clients("find"), figure="megabytes"),
        Row(key="8a", label="the 40 pages through the socket, one by one", server=NEAR, works=parts, figure="socket"),
        Row(key="8b", label="their JSON read by orjson", server=NEAR, works=parts, figure="orjson"),
        Row(key="8c", label="their JSON read by `json`", server=NEAR, works=parts, figure="json"),
    ]


def _costs() -> List[CostRow]:
    """
    Return the rows of the small calls and of the import.
    """
    blocks = {"trace": "in `with sg.trace()`", "deadline": "in `with sg.deadline(30)`"}
    ways = {"": ("small", ""), "-hook": ("small --hook", ", with an `on_call` hook")}
    ways.update({f"-{block}": (f"small --block {block}", f", {label}") for block, label in blocks.items()})
    small = [
        CostRow(
            key=f"small-{call}{way}",
            label=f"{label}{more}",
            server=NEAR,
            works={"shotgun_api3": "small", "SGExtended": words},
            figures={"cpu": f"{call}_cpu", "wall": f"{call}_wall"},
            unit="us",
            at_most=1,
        )
        for call, label in (
            ("find_one", "`find_one`"),
            ("find", "`find` of one record"),
            ("create", "`create`"),
            ("update", "`update`"),
        )
        for way, (words, more) in ways.items()
    ]
    imported = CostRow(
        key="import",
        label="`import`, less bare Python",
        server=NEAR,
        works=dict.fromkeys(("shotgun_api3", "SGExtended"), "import_client"),
        figures={"wall": "import"},
        unit="ms",
        at_most=2,
    )
    return [*small, imported]


WANTED = [*_finds(), *_workers(), *_others()]
BESIDE = _beside()
COSTS = _costs()
