"""The text comparison as a Markdown table and as a picture. Knows nothing of how a figure was taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Result = dict[str, Any]

COLUMNS: tuple[tuple[str, Callable[[Result], str]], ...] = (
    ("accuracy", lambda row: _percent(row["accuracy"])),
    ("95 % interval", lambda row: f"{_percent(row['accuracy_low'])}–{_percent(row['accuracy_high'])}"),
    ("ECE", lambda row: _percent(row["calibration_error"])),
    ("out-of-scope AUROC", lambda row: f"{row['out_of_scope_auroc']:.3f}"),
    ("one query, µs: median", lambda row: _short(row["single_median_us"])),
    ("mean", lambda row: _short(row["single_mean_us"])),
    ("in bulk, µs a query", lambda row: _short(row["bulk_us"])),
    ("training, s", lambda row: _short(row["train_s"])),
    ("on disk, MB", lambda row: _short(row["size_mb"])),
    ("peak memory, MB", lambda row: _short(row["peak_rss_mb"])),
)
EXPLAINED = """\
Accuracy and ECE in %. ECE: 15 bins of equal mass, confidence of the top label. Out-of-scope: by the largest probability
unless the settings say otherwise. One query: 300 asked one at a time in three rounds, the median round of each; then
median and mean over the 300. In bulk: the whole test at once, median of 3. Training: from raw texts, in one process. On
disk: the files to ship. Peak memory: of the process that answers, Python and packages included. Settings were chosen on
training rows. Times compare within this table only."""


def markdown(result: Result) -> str:
    """Write the table, what each peer was set to, what was not measured and what it all depends on."""
    done = {name: row for name, row in result["peers"].items() if "accuracy" in row}
    ranked = sorted(done, key=lambda name: -done[name]["accuracy"])
    refused = {name: row["not_measured"] for name, row in sorted(result["peers"].items()) if name not in done}
    lines = [
        f"# Text classifiers on {result['data']}",
        "",
        *_circumstances(result["rows"], result["part"], result["machine"]),
        "",
        "| | " + " | ".join(title for title, _ in COLUMNS) + " |",
        "|---" + "|---:" * len(COLUMNS) + "|",
        *(f"| {name} | " + " | ".join(cell(done[name]) for _, cell in COLUMNS) + " |" for name in ranked),
        "",
        EXPLAINED,
        "",
        *(_settings(name, done[name]) for name in ranked),
        *(f"- **{name}**, not measured: {why}" for name, why in {**refused, **result["left_out"]}.items()),
    ]
    return "\n".join(lines) + "\n"


def _circumstances(rows: Result, part: str, machine: Result) -> list[str]:
    held = machine["pinned_to"] if isinstance(machine["pinned_to"], str) else f"held to {machine['threads']} of them"
    return [
        f"Learnt from {rows['train']:,} rows, scored on {rows['test']:,} ({part}) and on {rows['out_of_scope']:,}",
        f"out-of-scope queries of CLINC150. {machine['cpu']}, {machine['cores']} cores, {held},",
        f"{machine['threads']} thread(s); {machine['system']}, Python {machine['python']}.",
    ]


def _settings(name: str, row: Result) -> str:
    versions = ", ".join(f"{package} {version}" for package, version in row["packages"].items())
    return f"- **{name}**: {row['settings']}. {versions}; {row['date']}, commit {row['commit']}."


def draw(results: list[Result], picture: Path) -> None:
    """Draw accuracy against the time of one query, one panel a data set.

    Raises: ValueError when there is no result to draw.
    """
    if not results:
        raise ValueError(
            "no text-*.json in benchmarks/results; measure first: python benchmarks/text.py --data banking77"
        )
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * len(results), 4.2), layout="constrained", dpi=160)
    for axes, result in zip(figure.subplots(1, len(results), squeeze=False)[0], results, strict=True):
        _panel(axes, result)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, metadata={"Software": None})


def _panel(axes: Any, result: Result) -> None:
    done = {name: row for name, row in result["peers"].items() if "accuracy" in row}
    for name, row in done.items():
        x, y = row["single_mean_us"], 100 * row["accuracy"]
        interval = [[y - 100 * row["accuracy_low"]], [100 * row["accuracy_high"] - y]]
        axes.errorbar(x, y, yerr=interval, fmt="o", color=_colour(name), markersize=6, linewidth=1, capsize=2)
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.1)
    axes.set_title(f"{result['data']}: {result['rows']['test']:,} {result['part']}", fontsize=10, loc="left")
    axes.set_xlabel("one query at a time, mean µs (log scale)")
    axes.set_ylabel("accuracy, %, with 95 % interval")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    _name_points(axes, {name: (row["single_mean_us"], 100 * row["accuracy"]) for name, row in done.items()})


def _name_points(axes: Any, points: dict[str, tuple[float, float]]) -> None:
    """Write each name on the inner side of its point, no two names of one side on the same line."""
    low, high = axes.get_ylim()
    (left, right), line = axes.get_xlim(), 0.05 * (high - low)
    taken = {"left": low, "right": low}
    for name, (x, y) in sorted(points.items(), key=lambda item: item[1][1]):
        side = "left" if x * x < left * right else "right"  # of the middle, on a log scale
        taken[side] = max(y, taken[side] + line)
        inward = {"ha": side, "xytext": (8 if side == "left" else -8, 0), "textcoords": "offset points"}
        axes.annotate(name, (x, taken[side]), va="center", color=_colour(name), fontsize=9, **inward)


def _colour(name: str) -> str:
    return "#c2410c" if name.startswith("metier") else "#475569"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _short(value: float) -> str:
    """Three figures that matter: 0.42, 3.14, 27.1, 1,234."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
