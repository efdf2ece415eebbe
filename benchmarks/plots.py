"""
The plots of the figures, as SVG: the same figures give the same files.

Drawn by ``run.py``; ``python benchmarks/plots.py`` draws them again from ``docs/benchmarks/results.json``.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any, Dict, List

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
except ImportError:
    sys.exit("The plots need matplotlib: pip install -e '.[bench]'. The figures themselves are written.")

FOLDER = Path(__file__).parent.parent / "docs" / "benchmarks"
# Told apart by those who see no red or green, too.
COLOURS = {"shotgun_api3": "#999999", "sg-python-api": "#e69f00", "SGExtended": "#0072b2", "floor": "#dddddd"}
STYLE = {
    "svg.hashsalt": "sgextended",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}

Result = Dict[str, Any]


def draw(report: Dict[str, Any], folder: Path) -> None:
    """
    Write all plots of a report into a folder.
    """
    wanted, beside = ({result["row"]: result for result in report[name]} for name in ("wanted", "beside"))
    with mpl.rc_context(STYLE):
        plots = {
            "ratios.svg": ratios([result for result in wanted.values() if result["unit"] == "s"]),
            "find.svg": finds([wanted[key] for key in "1234"]),
            "memory.svg": memory(beside["7d"], [beside["7c"], wanted["7"]]),
        }
        for name, figure in plots.items():
            figure.savefig(folder / name, metadata={"Date": None, "Creator": None})


def ratios(results: List[Result]) -> Figure:
    """
    Return how many times as fast as the official client the others are, row by row, and what was wanted.
    """
    figure = Figure(figsize=(8.5, 0.42 * len(results) + 1.2))
    axes = figure.subplots()
    for at, result in enumerate(results):
        medians = _medians(result)
        for offset, client in ((-0.2, "SGExtended"), (0.2, "sg-python-api")):
            if client in medians:
                ratio = medians["shotgun_api3"] / medians[client]
                axes.barh(at + offset, ratio, 0.38, color=COLOURS[client], label=client if at == 0 else None)
                axes.text(ratio + 0.15, at + offset, f"{math.floor(ratio * 10) / 10}", va="center", fontsize=7)
        ends = [at - 0.42, at + 0.42]
        axes.plot([result["wanted"]] * 2, ends, color="black", linewidth=1.5, label="wanted" if at == 0 else None)
    axes.axvline(1, color=COLOURS["shotgun_api3"], linewidth=1)
    axes.set_yticks(range(len(results)), [f"{_plain(result)}  ({result['row']})" for result in results])
    axes.invert_yaxis()
    axes.set_xlabel("times as fast as shotgun_api3")
    axes.margins(y=0.01)
    figure.legend(loc="outside upper right", ncols=3)
    return figure


def finds(results: List[Result]) -> Figure:
    """
    Return the seconds of a find by latency, for each client.
    """
    figure = Figure(figsize=(8.5, 3.6))
    axes = figure.subplots()
    clients = list(COLOURS)
    for place, client in enumerate(clients):
        for at, result in enumerate(results):
            seconds = _medians(result).get(client)
            if seconds is not None:
                x = at + (place - 1.5) * 0.2
                axes.bar(x, seconds, 0.19, color=COLOURS[client], label=client if at == 0 else None)
                axes.text(x, seconds, f"{seconds:.2f}", ha="center", va="bottom", fontsize=7)
    axes.set_xticks(range(len(results)), [_plain(result).replace("find, ", "") for result in results])
    axes.set_ylabel("seconds")
    axes.set_title("find of 20 000 records", loc="left")
    axes.legend(loc="upper left")
    return figure


def memory(find: Result, find_iters: List[Result]) -> Figure:
    """
    Return the peak memory of find, by client, and of find_iter.
    """
    bars = [(f"find of 20 000\n{client}", megabytes, client) for client, megabytes in _medians(find).items()]
    for result in find_iters:
        label = _plain(result).replace(", peak memory", "").replace(" over", "\nover")
        bars.append((label, _medians(result)["SGExtended"], "SGExtended"))
    figure = Figure(figsize=(8.5, 3.2))
    axes = figure.subplots()
    for at, (_, megabytes, client) in enumerate(bars):
        axes.bar(at, megabytes, 0.6, color=COLOURS[client])
        axes.text(at, megabytes, f"{megabytes:.0f}", ha="center", va="bottom", fontsize=8)
    limit, last = find_iters[-1]["wanted"], len(bars) - 1
    axes.plot([last - 0.4, last + 0.4], [limit, limit], color="black", linewidth=1.5)
    axes.text(last, limit, f"wanted: under {limit:g}", ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(bars)), [label for label, _, _ in bars])
    axes.set_ylabel("MB above the idle process")
    return figure


def _medians(result: Result) -> Dict[str, float]:
    return {client: column["median"] for client, column in result["columns"].items()}


def _plain(result: Result) -> str:
    text: str = result["work"].replace("`", "")
    return text


if __name__ == "__main__":
    draw(json.loads((FOLDER / "results.json").read_text(encoding="utf-8")), FOLDER)
