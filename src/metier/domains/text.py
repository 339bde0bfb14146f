"""Text: a sentence, a message, a page, in any language; the cheap stage sees its n-grams, the costly one its meaning.

A cell is a string, UTF-8 bytes, or the path of a text file. Knows nothing of what is asked of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metier.encoders.base import Encoder
from metier.errors import BadCell
from metier.types import Effort, Table

MOST_CHARACTERS = 8 * 1024 * 1024
MOST_PARTS = 60
MOST_LIKELY = 0.9
TEXT_ENDINGS = ("", ".txt", ".text", ".md", ".eml")


class Text:
    """The domain of words."""

    name = "text"
    needs: tuple[str, ...] = ()
    sample = Table(
        columns={
            "input": [
                "My card has not come yet",
                "Where is the card you sent me?",
                "still waiting for my new card",
                "How long does a replacement card take?",
                "I was charged twice for one coffee",
                "There is a payment I never made",
                "why did you take 20 euros from me",
                "A shop billed me two times 😠",
            ],
            "target": ["card"] * 4 + ["charge"] * 4,
        },
        source="the sample of the domain 'text'",
    )

    def likely(self, cells: Sequence[Any]) -> float:
        """The share of cells that hold a letter and are no number, or name a file of text, less a tenth."""
        seen = [cell for cell in cells if cell is not None]
        if not seen:
            return 0.0
        # nearly anything reads as text: a domain that knows the cells for its own goes first
        return MOST_LIKELY * sum(_reads_like_text(cell) for cell in seen) / len(seen)

    def read(self, cell: Any) -> str:
        """The text of a cell, white space at its ends removed.

        Raises: BadCell where there is none: a gap, a blank, a number, bytes that are not UTF-8, over 8 million signs.
        """
        if isinstance(cell, Path):
            cell = _file(cell)
        if isinstance(cell, bytes):
            cell = _decoded(cell)
        if not isinstance(cell, str):
            found = "nothing" if cell is None else f"{type(cell).__name__} {str(cell)[:40]!r}"
            raise BadCell(
                f"{found} is not text. Expected a string, UTF-8 bytes or a file; fix the cell or leave it out."
            )
        text = cell.strip()
        if not any(c.isprintable() and not c.isspace() for c in text[:1000]):
            raise BadCell(f"{cell[:40]!r} has nothing to read. Expected a few words; fix the cell or leave it out.")
        if len(text) > MOST_CHARACTERS:
            raise BadCell(f"{len(text):,} characters are too many. Expected at most {MOST_CHARACTERS:,}; cut it up.")
        return text

    def group(self, values: Sequence[str]) -> NDArray[np.int64] | None:
        """Near-duplicates share a number."""
        from metier.encoders.near import near_groups
        from metier.encoders.ngrams import NgramEncoder

        return near_groups(NgramEncoder().fit(values).encode(values))

    def named(self, label: str) -> str | None:
        """The words of a label's name, "lost_or_stolen-Card" read as "lost or stolen card"; None where it has none."""
        apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label)
        words = re.findall(r"[^\W\d_]{2,}", apart)
        return " ".join(words).lower() if words else None

    def encoders(self, effort: Effort) -> Sequence[Encoder]:
        """Hashed n-grams; from `standard` on a sentence encoder; at `thorough` one that is fine-tuned as well."""
        from metier.encoders.ngrams import NgramEncoder

        stages: list[Encoder] = [NgramEncoder()]
        if effort != "quick":
            from metier.encoders.sentence import SentenceEncoder

            # two hidden layers side by side: a kernel head makes 0.3 points more of them, at no cost in time
            sentences = SentenceEncoder.build(layers=(4, 6))
            sentences.threads = os.cpu_count() or 1
            stages.append(sentences)
        if effort == "thorough":
            from metier.encoders.finetuned import FinetunedEncoder

            stages.append(FinetunedEncoder.build())
        return stages

    def backbone(self, source: str) -> Encoder:
        """A sentence encoder: a folder that sentence-transformers saved, or a name on the hub."""
        from metier.encoders.sentence import SentenceEncoder

        sentences = SentenceEncoder.build(source)
        sentences.threads = os.cpu_count() or 1
        return sentences

    def parts(self, value: str) -> list[tuple[str, str]]:
        """The words of a text; of a long one as many words together as make 60 parts."""
        words = [(m.start(), m.end()) for m in re.finditer(r"\S+", value)]
        together = -(-len(words) // MOST_PARTS)
        if len(words) < 2:
            return []
        spans = [
            (some[0][0], some[-1][1]) for some in (words[i : i + together] for i in range(0, len(words), together))
        ]
        return [(value[a:b], " ".join((value[:a] + value[b:]).split())) for a, b in spans]


def _reads_like_text(cell: Any) -> bool:
    if isinstance(cell, Path):
        return cell.suffix.lower() in TEXT_ENDINGS
    return isinstance(cell, str) and any(c.isalpha() for c in cell) and not cell.replace(".", "").isnumeric()


def _decoded(cell: bytes) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadCell(
            f"byte {cell[error.start]:#04x} at {error.start} is not UTF-8. Expected UTF-8 text; convert it first."
        ) from error


def _file(path: Path) -> bytes:
    try:
        if path.stat().st_size > 4 * MOST_CHARACTERS:
            raise BadCell(f"{path}: {path.stat().st_size:,} bytes are too many. Expected a text file; cut it up.")
        return path.read_bytes()
    except OSError as error:
        raise BadCell(f"{path}: {error.strerror}. Expected a text file that can be read.") from error


DOMAIN = Text()
