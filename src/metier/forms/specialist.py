"""A specialist: a cascade of stages, each an encoder, a head and what is decided from its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metier.cascade import Cascade, Stage
from metier.forms.base import Parts, Slot
from metier.specialist import Specialist


class SpecialistForm:
    """Stages as a cascade has them."""

    slots: Mapping[str, Slot] = {
        "encoder": Slot(name="encoder", folder="encoders", member="ENCODER"),
        "head": Slot(name="head", folder="heads", member="HEAD"),
        "calibrator": Slot(name="calibrator", folder="decide", member="CALIBRATOR"),
        "scope": Slot(name="scope", folder="decide", member="SCOPE"),
        "exit": Slot(name="exit", folder="decide", member="EXIT"),
    }

    def apart(self, learnt: Specialist) -> list[Parts]:
        """The stages of its cascade."""
        return [{slot: getattr(stage, slot) for slot in self.slots} for stage in learnt.cascade.stages]

    def together(self, stages: Sequence[Parts], **common: Any) -> Specialist:
        """The specialist with these stages."""
        return Specialist(cascade=Cascade(stages=tuple(Stage(**stage) for stage in stages)), **common)


FORM = SpecialistForm()
