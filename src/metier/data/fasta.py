"""One sequence out of a cell: a string, bytes, FASTA text or the path of such a file.

Knows the FASTA format and limits; which letters a sequence may hold is its domain's affair. Ours, since reading one
record is a few lines; a test holds it against Biopython.

Source: NCBI, "BLAST topics: FASTA format".
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path
from typing import Any

from metier.errors import BadCell

ENDINGS = (".fasta", ".fa", ".fna", ".faa", ".ffn", ".txt")


def places(low: int, high: int) -> str:
    """A window of a sequence in words, its letters counted from one."""
    return f"place {high}" if high - low == 1 else f"places {low + 1} to {high}"


def sequence(cell: Any, *, allowed: Set[str], called: str, least: int, most: int) -> str:
    """The letters of a cell in capitals, without white space.

    Raises: BadCell where there is none, several records, too many letters, or one that is not `allowed`.
    """
    where = ""
    if isinstance(cell, Path):
        where, cell = f"{cell}: ", _file(cell, most)
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if not isinstance(cell, str):
        found = "nothing" if cell is None else f"{type(cell).__name__} {str(cell)[:40]!r}"
        raise BadCell(f"{found} is no {called} sequence. Expected letters, or a FASTA file; fix it or leave it out.")
    if len(cell) > 2 * most + 10_000:
        raise BadCell(f"{where}{len(cell):,} characters are too many. Expected at most {most:,} letters; cut it up.")
    letters = "".join((_record(cell, where) if cell.lstrip()[:1] in (">", ";") else cell).split()).upper()
    if len(letters) > most:
        raise BadCell(f"{where}{len(letters):,} letters are too many. Expected at most {most:,}; cut it up.")
    if unknown := set(letters) - allowed:
        at, letter = next((i, letter) for i, letter in enumerate(letters) if letter in unknown)
        raise BadCell(
            f"{where}{letter!r} at place {at + 1} is no letter of {called}. Expected {''.join(sorted(allowed))}; "
            "fix the cell or leave it out."
        )
    if len(letters.replace("-", "")) < least:
        raise BadCell(
            f"{where}{letters[:40]!r} is too short for a {called} sequence. Expected {least} letters or more."
        )  # fmt: skip
    return letters


def looks_like(cell: Any, allowed: Set[str], least: int) -> bool:
    """Whether a cell may be such a sequence, by its beginning: FASTA, or nothing but capitals that are allowed."""
    if isinstance(cell, Path):
        return cell.suffix.lower() in ENDINGS[:-1]
    if not isinstance(cell, str):
        return False
    if cell.startswith(">"):
        cell = "".join(cell.splitlines()[1:])
    start = cell[:400].strip()
    return len(start) >= least and set(start) <= allowed and any(c.isalpha() for c in start)


def _record(text: str, where: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(";")]
    names = [line for line in lines if line.startswith(">")]
    if len(names) > 1:
        raise BadCell(
            f"{where}{len(names):,} records, such as {names[1][:40]!r}. Expected one sequence in a cell; "
            "give each a row of its own."
        )
    return "".join(line for line in lines if not line.startswith(">"))


def _file(path: Path, most: int) -> bytes:
    if path.suffix.lower() not in ENDINGS:
        raise BadCell(f"{path}: the ending '{path.suffix}' is no FASTA. Expected one of {', '.join(ENDINGS)}.")
    try:
        size = path.stat().st_size
        if size > 2 * most + 10_000:
            raise BadCell(f"{path}: {size:,} bytes are too many. Expected at most {most:,} letters; cut it up.")
        return path.read_bytes()
    except OSError as error:
        raise BadCell(f"{path}: {error.strerror}. Expected a FASTA file that can be read.") from error
