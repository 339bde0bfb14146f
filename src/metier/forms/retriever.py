"""A retriever: one stage, a library of passages and what weighs its candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metier.forms.base import Parts, Slot
from metier.retrieval.retriever import Retriever


class RetrieverForm:
    """The library and the weigher."""

    slots: Mapping[str, Slot] = {
        "library": Slot(name="library", folder="retrieval", member="PART"),
        "weigher": Slot(name="weigher", folder="retrieval", member="PART"),
    }

    def apart(self, learnt: Retriever) -> list[Parts]:
        """Its one stage."""
        return [{"library": learnt.library, "weigher": learnt.weigher}]

    def together(self, stages: Sequence[Parts], **common: Any) -> Retriever:
        """The retriever with this stage."""
        (stage,) = stages
        return Retriever(**stage, **common)


FORM = RetrieverForm()
