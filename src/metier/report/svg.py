"""A small plot as inline SVG: axes, lines, bars, points and words, coloured by the page's style sheet.

Knows nothing of what is plotted. Written here because a page must open from disk with no script and no request, also
where no plotting library is installed.

Units: the data's own for x and y; `width`, `height` and margins in pixels of the drawing, which the page scales.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
Range: TypeAlias = tuple[float, float]


def escaped(text: str) -> str:
    """Any text from data, harmless in HTML and writable as UTF-8 (half of a surrogate pair is neither)."""
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"))


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers from low to high, at most this many and one."""
    rough = (high - low) / most or 1.0
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= rough * 0.999)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


@dataclass(kw_only=True)
class Plot:
    """Shapes in data units, gathered one by one.

    Plot(x=(0, 1), y=(0, 1)).line([(0, 0), (1, 1)]).svg("A title", "What it shows")
    """

    x: Range
    y: Range
    width: int = 440
    height: int = 300
    left: int = 46
    right: int = 30
    top: int = 30
    bottom: int = 40
    log_x: bool = False
    parts: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> Point:
        """Where a point of the data lies in the drawing."""
        low, high, here = (*self.x, x) if not self.log_x else tuple(math.log10(v) for v in (*self.x, x))
        across = (here - low) / (high - low)
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        inner = self.height - self.top - self.bottom
        return self.left + across * (self.width - self.left - self.right), self.top + (1 - up) * inner

    def axis_x(self, values: Iterable[float], text: Callable[[float], str], name: str) -> Plot:
        """Light lines upward at these values, with their text, and the name of the axis below."""
        for value in values:
            (x, bottom), (_, top) = self.at(value, self.y[0]), self.at(value, self.y[1])
            self._add(f'<path class="grid" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>')
            self.words(value, self.y[0], text(value), dy=16, anchor="middle", kind="tick")
        place = f'x="{self.width - self.right}" y="{self.height - 6}" text-anchor="end"'
        return self._add(f'<text class="axis" {place}>{escaped(name)}</text>')

    def axis_y(self, values: Iterable[float], text: Callable[[float], str], name: str) -> Plot:
        """Light lines across at these values, with their text, and the name of the axis above."""
        for value in values:
            (left, y), (right, _) = self.at(self.x[0], value), self.at(self.x[1], value)
            self._add(f'<path class="grid" d="M{left:.1f} {y:.1f}H{right:.1f}"/>')
            self.words(self.x[0], value, text(value), dx=-6, dy=4, anchor="end", kind="tick")
        return self._add(f'<text class="axis" x="4" y="14">{escaped(name)}</text>')

    def line(self, points: Sequence[Point], kind: str = "a") -> Plot:
        """A line through the points."""
        steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.at(*p) for p in points))
        return self._add(f'<polyline class="line {kind}" points="{steps}"/>')

    def point(self, x: float, y: float, kind: str = "a", radius: float = 3.5) -> Plot:
        """A dot."""
        across, down = self.at(x, y)
        return self._add(f'<circle class="dot {kind}" cx="{across:.1f}" cy="{down:.1f}" r="{radius}"/>')

    def bar(self, x: Range, y: Range, kind: str = "a") -> Plot:
        """A filled rectangle."""
        (left, top), (right, bottom) = self.at(x[0], y[1]), self.at(x[1], y[0])
        size = f'width="{max(right - left, 0):.1f}" height="{max(bottom - top, 0):.1f}"'
        return self._add(f'<rect class="bar {kind}" x="{left:.1f}" y="{top:.1f}" {size}/>')

    def words(
        self, x: float, y: float, text: str, *, dx: float = 0, dy: float = 0, anchor: str = "start", kind: str = ""
    ) -> Plot:
        """Text at a point of the data, moved by dx and dy pixels."""
        across, down = self.at(x, y)
        place = f'x="{across + dx:.1f}" y="{down + dy:.1f}" text-anchor="{anchor}"'
        return self._add(f'<text class="{kind}" {place}>{escaped(text)}</text>')

    def svg(self, title: str, description: str) -> str:
        """The drawing; `description` is what a reader who cannot see it is told."""
        size, told = f"0 0 {self.width} {self.height}", escaped(f"{title}. {description}")
        return f'<svg viewBox="{size}" role="img" aria-label="{told}">{"".join(self.parts)}</svg>'

    def _add(self, part: str) -> Plot:
        self.parts.append(part)
        return self
