"""Series: measurements one after another, of one channel or several; each row may have a length of its own.

A cell is a list of numbers, a list of such lists (one for each channel), an array (channels, steps), text such as
"1.5, 2, 2.5" with a colon between channels, JSON, or the path of a text file with a line for each step. Gaps are filled
in proportion between their neighbours. Knows nothing of what is asked of it, nor how much time a step takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.types import Effort, Table

LEAST_STEPS = 4
MOST_CHANNELS = 256
MOST_NUMBERS = 1_000_000  # in all channels together
MOST_BYTES = 24 * MOST_NUMBERS
LARGEST = 1e18  # above it the squares that the encoders add up leave single precision
MOST_GAPS = 0.5  # of a channel
SEGMENTS = 8  # that evidence is sought in
GAPS = ("", "?", "nan", "na", "null", "none")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
LOOKED_AT = 400  # characters of a cell, to guess what it holds
FILE_ENDINGS = (".csv", ".txt", ".tsv")

F32 = NDArray[np.float32]


class Series:
    """The domain of what is measured over time."""

    name = "series"
    needs: tuple[str, ...] = ()
    files = True  # a cell may name a file
    sample = Table(
        columns={
            "input": [
                "0.0, 0.7, 1.0, 0.7, 0.0, -0.7, -1.0, -0.7, 0.1, 0.8, 1.0, 0.6",
                "0.1, 0.8, 0.9, 0.6, 0.0, -0.8, -1.1, -0.6, 0.0, 0.7, 0.9, 0.7",
                "0.7, 1.0, 0.7, 0.0, -0.7, -0.9, -0.7, 0.0, 0.7, 1.1",
                "-0.1, 0.6, 1.1, 0.8, 0.1, -0.7, -0.9, -0.8, 0.0, 0.6, 1.0",
                "1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1",
                "0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1",
                "0, 0, 1, 1, 1, 1, 0, 0, 0, 0",
                "1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0",
            ],
            "target": ["wave"] * 4 + ["switch"] * 4,
        },
        source="the sample of the domain 'series'",
    )

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells that hold several numbers in a row."""
        seen = [cell for cell in cells if cell is not None]
        return sum(map(_looks_like_numbers, seen)) / len(seen) if seen else 0.0

    def read(self, cell: Any) -> F32:
        """The series of a cell (channels, steps).

        Raises: BadCell where it holds something else than numbers, too few or too many, or gaps that leave too little.
        """
        if isinstance(cell, Path):
            return _sound(_of_file(cell), f"{cell}: ")
        if isinstance(cell, bytes):
            cell = _decoded(cell)
        if isinstance(cell, str):
            return _sound(_of_text(cell), "")
        if isinstance(cell, np.ndarray):
            cell = cell.tolist() if cell.dtype.kind not in "fiu" else cell
        if isinstance(cell, list | tuple | np.ndarray):
            return _sound(_of_lists(cell), "")
        raise BadCell(
            f"{_shown(cell)} is no series. Expected a list of numbers, one list for each channel, or text such as "
            "'1.5, 2, 2.5'; fix the cell or leave it out."
        )

    def group(self, values: Sequence[F32]) -> NDArray[np.int64] | None:
        """Each stands alone: which of them come from one machine or person, only a column can tell."""
        return None

    def parts(self, value: F32) -> Sequence[tuple[str, F32]]:
        """The series with each eighth of its time drawn as a straight line, and with each channel held at its mean."""
        c, t = value.shape
        ends = np.unique(np.linspace(0, t, SEGMENTS + 1).astype(np.int64))
        found = []
        for low, high in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            without = value.copy()
            before, after = max(low - 1, 0), min(high, t - 1)
            share = np.linspace(0, 1, high - low + 2, dtype=np.float32)[1:-1]
            without[:, low:high] = value[:, before, None] * (1 - share) + value[:, after, None] * share
            found.append((f"steps {low} to {high - 1}", without))
        for channel in range(c if c > 1 else 0):
            without = value.copy()
            without[channel] = value[channel].mean()
            found.append((f"channel {channel + 1}", without))
        return found

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """Summary statistics; from `standard` on random convolutions as well."""
        from metier.encoders.summary import SummaryEncoder

        stages: list[Encoder] = [SummaryEncoder()]
        if effort != "quick":
            from metier.encoders.rocket import RocketEncoder

            stages.append(RocketEncoder())
        return stages


def _looks_like_numbers(cell: Any) -> bool:
    if isinstance(cell, str):
        words = [word for word in re.split(r"[,;:\s\[\]]+", cell[:LOOKED_AT].strip()) if word]
        if len(cell) > LOOKED_AT:
            del words[-1:]  # it may be cut short
        return len(words) >= LEAST_STEPS and all(NUMBER.fullmatch(word) or word.lower() in GAPS for word in words)
    if isinstance(cell, Path):
        return cell.suffix.lower() in FILE_ENDINGS and (cell.suffix.lower() != ".txt" or _begins_with_numbers(cell))
    if isinstance(cell, np.ndarray):
        return cell.dtype.kind in "fiu" and 1 <= cell.ndim <= 2
    if isinstance(cell, list | tuple) and len(cell):
        first = cell[0][0] if isinstance(cell[0], list | tuple) and len(cell[0]) else cell[0]
        return isinstance(first, int | float) and not isinstance(first, bool)
    return False


def _begins_with_numbers(path: Path) -> bool:
    """Whether a text file has a number in its first line or, below names, in its second; most hold words."""
    try:
        with path.open("rb") as file:
            began = file.read(LOOKED_AT).decode("utf-8", "replace").splitlines()
    except OSError:
        return False
    return any(NUMBER.fullmatch(re.split(r"[,;:\s]", line.strip())[0]) for line in began[:2])


def _sound(channels: list[NDArray[np.float64]], where: str) -> F32:
    """Channels of equal length without gaps, in single precision."""
    lengths = sorted({len(channel) for channel in channels})
    if not channels or len(channels) > MOST_CHANNELS:
        raise BadCell(f"{where}{len(channels):,} channels. Expected 1 to {MOST_CHANNELS}; leave some out.")
    if len(lengths) > 1:
        raise BadCell(
            f"{where}channels of {lengths[0]:,} to {lengths[-1]:,} steps. Expected as many in each: one value for each "
            "moment; bring them to one clock first."
        )
    if lengths[0] < LEAST_STEPS:
        raise BadCell(f"{where}{lengths[0]} steps are no series. Expected {LEAST_STEPS} or more; leave it out.")
    series = np.stack(channels)  # (c, t)
    _refuse_too_many(series.size, where)
    _refuse_too_large(series, where)
    for number, channel in enumerate(series, start=1):
        gaps = np.isnan(channel)
        if gaps.any():
            if gaps.mean() > MOST_GAPS:
                raise BadCell(
                    f"{where}channel {number} lacks {gaps.sum():,} of {len(channel):,} values. Expected half of them "
                    "or more; leave the row out."
                )
            places = np.arange(len(channel))
            channel[gaps] = np.interp(places[gaps], places[~gaps], channel[~gaps])
    return series.astype(np.float32)


def _refuse_too_large(series: NDArray[np.float64], where: str) -> None:
    wild = np.argwhere(np.abs(series) > LARGEST)  # a gap compares as false
    if len(wild):
        channel, step = wild[0]
        raise BadCell(
            f"{where}{series[channel, step]} at step {step + 1} of channel {channel + 1} is too large to reckon with. "
            f"Expected numbers up to {LARGEST:g}; leave a gap where nothing was measured."
        )


def _of_lists(cell: Any) -> list[NDArray[np.float64]]:
    if isinstance(cell, np.ndarray):
        if cell.ndim not in (1, 2):
            raise BadCell(f"an array of shape {cell.shape} is no series. Expected (steps,) or (channels, steps).")
        return list(np.atleast_2d(cell).astype(np.float64))
    nested = len(cell) > 0 and isinstance(cell[0], list | tuple | np.ndarray)
    channels = list(cell) if nested else [cell]
    if len(channels) > MOST_CHANNELS or sum(len(c) for c in channels if hasattr(c, "__len__")) > MOST_NUMBERS:
        raise BadCell(
            f"{len(channels):,} channels of too many numbers. Expected at most {MOST_CHANNELS} channels and "
            f"{MOST_NUMBERS:,} numbers; cut it up."
        )
    return [_channel(channel) for channel in channels]


def _channel(cells: Any) -> NDArray[np.float64]:
    if not isinstance(cells, list | tuple | np.ndarray):
        raise BadCell(f"{_shown(cells)} among lists is no channel. Expected a list of numbers for each channel.")
    numbers = np.empty(len(cells), np.float64)
    for i, cell in enumerate(cells):
        if isinstance(cell, bool) or not isinstance(cell, int | float | np.number | None):
            raise BadCell(f"{_shown(cell)} at step {i + 1} is no number. Expected numbers, or null for a gap.")
        try:
            numbers[i] = np.nan if cell is None else cell
        except OverflowError:
            numbers[i] = np.inf
    return numbers


def _of_text(text: str) -> list[NDArray[np.float64]]:
    if len(text) > MOST_BYTES:
        raise BadCell(f"{len(text):,} characters are too many. Expected at most {MOST_BYTES:,}; cut it up.")
    text = text.strip()
    _refuse_too_many(max(text.count(sign) for sign in ",;\t "), "")
    if text.startswith("["):
        try:
            return _of_lists(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise BadCell(f"{_shown(text)} is no JSON list ({type(error).__name__}). Expected [1, 2.5, 3].") from None
    if not text:
        raise BadCell(f"{_shown(text)} has nothing to read. Expected numbers with commas between; leave the row out.")
    if text.count(":") >= MOST_CHANNELS:
        raise BadCell(f"{text.count(':') + 1:,} channels. Expected at most {MOST_CHANNELS}; leave some out.")
    return [_numbers(channel) for channel in text.split(":")]


def _refuse_too_many(numbers: int, where: str) -> None:
    if numbers > MOST_NUMBERS:
        raise BadCell(f"{where}{numbers:,} numbers are too many. Expected at most {MOST_NUMBERS:,}; cut it up.")


def _numbers(text: str) -> NDArray[np.float64]:
    """Numbers with commas, semicolons, tabs or spaces between."""
    sign = next((sign for sign in (",", ";", "\t") if sign in text), None)
    cells = text.split(sign)
    try:
        return np.array([float(cell) for cell in cells], np.float64)
    except ValueError:
        return np.array([_number(i, cell) for i, cell in enumerate(cells)], np.float64)


def _number(i: int, cell: str) -> float:
    if cell.strip().lower() in GAPS:
        return float("nan")
    try:
        return float(cell)
    except ValueError:
        raise BadCell(
            f"{_shown(cell.strip())} at step {i + 1} is no number. Expected numbers such as 1.5, or ? for a gap."
        ) from None


def _of_file(path: Path) -> list[NDArray[np.float64]]:
    """A line for each step with a cell for each channel, with or without names above; or one line with all steps."""
    if path.suffix.lower() not in FILE_ENDINGS:
        raise BadCell(f"{path}: the ending '{path.suffix}' is no series. Expected one of {', '.join(FILE_ENDINGS)}.")
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise BadCell(f"{path}: {size:,} bytes are too many. Expected at most {MOST_BYTES:,}; cut it up.")
        data = path.read_bytes()
    except OSError as error:
        raise BadCell(f"{path}: {error.strerror}. Expected a text file of numbers that can be read.") from error
    try:
        lines = [line for line in _decoded(data).splitlines() if line.strip()]
        if len(lines) == 1:
            return _of_text(lines[0])
        if lines and re.search(r"[a-df-z]", lines[0], re.IGNORECASE):  # names; an e may belong to a number
            del lines[0]
        _refuse_too_many(len(lines) * (1 + max(lines[0].count(sign) for sign in ",;\t ") if lines else 0), "")
        steps = [_numbers(line) for line in lines]
    except BadCell as problem:
        raise BadCell(f"{path}: {problem}") from None
    widths = sorted({len(step) for step in steps})
    if len(widths) != 1:
        found = f"lines of {widths[0]} to {widths[-1]} numbers" if widths else "nothing to read"
        raise BadCell(f"{path}: {found}. Expected a line for each step with a number for each channel.")
    return list(np.array(steps).T)


def _decoded(cell: bytes) -> str:
    try:
        return cell.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadCell(f"byte {cell[error.start]:#04x} at {error.start} is no text. Expected numbers as text.") from None


def _shown(cell: Any) -> str:
    if cell is None:
        return "nothing"
    return repr(cell)[:40] if isinstance(cell, str | int | float) else f"a {type(cell).__name__}"


DOMAIN = Series()
