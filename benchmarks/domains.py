"""How does each trade do beside the usual baselines of its field? Every file of `trades/`, peers on the same rows.

    python benchmarks/domains.py                  # all: hours on two cores
    python benchmarks/domains.py table molecule   # some; what others gave before stays

Writes results/domains.json and domains.md after every figure, so that a run that is stopped keeps what it has.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # a trade is a module of the folder that this file lies in

from benchmarks.machine import commit, machine
from benchmarks.trades.base import Trade

HERE = Path(__file__).parent
JSON, PAGE = HERE / "results" / "domains.json", HERE / "results" / "domains.md"
Found = dict[str, dict[str, Any]]


def main(asked: list[str]) -> None:
    known = sorted(file.stem for file in (HERE / "trades").glob("*.py") if file.stem not in ("__init__", "base"))
    if unknown := sorted(set(asked) - set(known)):
        raise SystemExit(f"{', '.join(unknown)}: no such trade. Expected some of {', '.join(known)}.")
    found: Found = json.loads(JSON.read_text()) if JSON.exists() else {}
    for name in asked or known:
        trade: Trade = importlib.import_module(f"benchmarks.trades.{name}")  # type: ignore[assignment]
        about = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), **machine(list(range(os.cpu_count() or 1)))}
        figures: list[dict[str, Any]] = []
        for figure in trade.run():
            figures.append(asdict(figure))
            found[name] = {"run": about, "figures": figures}
            JSON.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
            PAGE.write_text(page(found))
            print(f"{name:9} {figure.data}: {figure.measure}, {figure.who}: {figure.value:.4g}", flush=True)


def page(found: Found) -> str:
    """All figures as one Markdown table a trade."""
    lines = [
        "# Trades beside the baselines of their fields",
        "",
        "Ranges are of 95 % confidence where they were measured. Times are of shared machines: read them as ratios.",
        *flattery(found),
    ]
    for name, one in sorted(found.items()):
        run = one["run"]
        lines += [
            "",
            f"## {name}",
            "",
            f"{run['date']}, commit {run['commit']}, {run['cpu']}, {run['cores']} cores, Python {run['python']}.",
            "",
            "| data | split | measure | who | value | range | training, s | note |",
            "|---|---|---|---|---:|---|---:|---|",
        ]
        for figure in one["figures"]:
            low, high, seconds = figure["low"], figure["high"], figure["seconds"]
            wide = "" if low is None else f"{low:.4g} to {high:.4g}"
            took = "" if seconds is None else f"{seconds:.3g}"
            cells = (figure["data"], figure["split"], figure["measure"], figure["who"])
            lines.append(f"| {' | '.join(cells)} | {figure['value']:.4g} | {wide} | {took} | {figure['note']} |")
    return "\n".join(lines) + "\n"


def flattery(found: Found) -> list[str]:
    """The same rows held out by group or time and at random, side by side: the first is what new rows will get."""
    ways: dict[tuple[str, ...], dict[str, float]] = {}
    for _, one in sorted(found.items()):
        for figure in one["figures"]:
            if way := figure.get("held_out"):
                key = (figure["data"], figure["measure"], figure["who"])
                ways.setdefault(key, {})[way] = figure["value"]
    lines = [
        "", "## What rows held out at random would flatter by", "",
        "| data | measure | who | by group or time | at random | gap |", "|---|---|---|---:|---:|---:|",
    ]  # fmt: skip
    for key, values in ways.items():
        honest = values.get("group", values.get("time"))
        if honest is not None and "random" in values:
            cells = f"{honest:.4g} | {values['random']:.4g} | {abs(values['random'] - honest):.3g}"
            lines.append(f"| {' | '.join(key)} | {cells} |")
    return lines if len(lines) > 5 else []


if __name__ == "__main__":
    main(sys.argv[1:])
