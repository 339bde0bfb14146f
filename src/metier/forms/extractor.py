"""An extractor: stages of a tagger, a field over what it says, and what makes its sums honest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metier.extraction.extractor import Extractor
from metier.extraction.stage import SpanStage
from metier.forms.base import Parts, Slot


class ExtractorForm:
    """Stages as an extractor has them."""

    slots: Mapping[str, Slot] = {
        "tagger": Slot(name="tagger", folder="extraction", member="TAGGER"),
        "field": Slot(name="field", folder="extraction", member="FIELD"),
        "spans": Slot(name="spans", folder="decide", member="CALIBRATOR"),
        "texts": Slot(name="texts", folder="decide", member="CALIBRATOR"),
        "scope": Slot(name="scope", folder="extraction", member="SCOPE"),
        "exit": Slot(name="exit", folder="decide", member="EXIT"),
    }

    def apart(self, learnt: Extractor) -> list[Parts]:
        """Its stages."""
        return [{slot: getattr(stage, slot) for slot in self.slots} for stage in learnt.stages]

    def together(self, stages: Sequence[Parts], **common: Any) -> Extractor:
        """The extractor with these stages."""
        return Extractor(stages=tuple(SpanStage(**stage) for stage in stages), **common)


FORM = ExtractorForm()
