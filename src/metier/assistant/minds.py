"""The specialists of an assistant, loaded from where its author or `learn` put them. Knows no conversation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from metier import artifact
from metier.assistant import learn, read
from metier.assistant.base import BadAssistant, Decider, Found, Library, Minds, Script
from metier.assistant.spelling import Speller
from metier.assistant.wording import plain
from metier.encoders.sentence import SentenceEncoder
from metier.folder import DESCRIPTION
from metier.gateway.redact import redacted
from metier.types import Extraction, Span

SURE = 0.5  # that a section answers


class Sections:
    """Knowledge by a retriever of the sections."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider

    def find(self, question: str) -> Found | None:
        """The best section, and whether it answers."""
        found = self.near(question, 1)
        return found[0] if found else None  # none: nothing that could be read

    def near(self, question: str, most: int) -> list[Found]:
        """The sections that may answer, the best first."""
        decision = self._decider.predict([question])[0]
        ours = decision.reason != "out_of_scope"
        return [
            Found(id=one.label, score=one.probability, familiar=decision.scope, sure=ours and one.probability >= SURE)
            for one in decision.candidates[:most]
        ]


class Nothing:
    """Knowledge of nothing."""

    def find(self, question: str) -> Found | None:
        """No section."""
        return None

    def near(self, question: str, most: int) -> list[Found]:
        """No section."""
        return []


def trained(script: Script) -> bool:
    """Whether every specialist is there."""
    return all(folder.is_dir() for folder in folders(script).values())


def load(script: Script) -> Minds:
    """Every specialist, each checked as it is loaded.

    Raises: BadAssistant where one was never trained; it says the command.
    """
    places = folders(script)
    missing = [name for name, folder in places.items() if not folder.is_dir()]
    if missing:
        raise BadAssistant(
            f"{script.folder}: not trained yet: {', '.join(missing)}. Run: metier assistant train {script.folder}"
        )
    with ThreadPoolExecutor(4) as pool:
        loaded = dict(zip(places, pool.map(artifact.load, places.values()), strict=True))
    rows = learn.teaching(script)
    library: Library = Sections(loaded["knowledge"]) if "knowledge" in loaded else Nothing()
    return Minds(
        intent=loaded["intent"], acts=loaded.get("acts"), scope=loaded.get("scope"), library=library,
        redact=partial(_redacted, pii=loaded.get("pii"), labels=script.redact), mask=redacted,
        entities=loaded.get("entities"),
        speller=Speller(
            (text for name, several in rows.items() if name not in learn.MARKED for text, _ in several),
            next((one.knows for mind in loaded.values() if isinstance(one := mind.dense, SentenceEncoder)), _nothing),
        ),
        phrases=_phrases(rows.get("intent", [])),
        scope_least=learn.least(script) if "scope" in script.models else 0.0,
        version=version(script),
    )  # fmt: skip


def redactor(script: Script) -> Callable[[str], str]:
    """What takes out of a text what is personal: by its form, and by the specialist where one is trained."""
    place = folders(script).get("pii")
    pii = artifact.load(place) if place is not None and place.is_dir() else None
    return partial(_redacted, pii=pii, labels=script.redact)


def version(script: Script) -> str:
    """The same for the same specialists and the same file of the author's: a digest of both."""
    files = [script.folder / read.FILE, *(place / DESCRIPTION for place in folders(script).values())]
    return hashlib.sha256(b"".join(hashlib.sha256(one.read_bytes()).digest() for one in files)).hexdigest()[:12]


def _nothing(_: str) -> bool:
    return False


def _redacted(text: str, *, pii: Decider | None, labels: Collection[str] | None) -> str:
    """The text without what is personal: by checksum and form, then what the specialist finds of these labels."""
    said = pii.predict([text])[0] if pii is not None and text.strip() else None
    found = said.spans if isinstance(said, Extraction) else ()
    spans = [
        Span(one.start, one.end, one.label) for one in found if one.accepted and (labels is None or one.label in labels)
    ]
    return redacted(text, spans)


def _phrases(rows: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The label of each text by its words, where it has one label alone."""
    labels: dict[str, set[str]] = {}
    for text, label in rows:
        labels.setdefault(plain(text), set()).add(label)
    return {text: next(iter(several)) for text, several in labels.items() if len(several) == 1}


def folders(script: Script) -> dict[str, Path]:
    """Where each specialist of an assistant is, or will be."""
    taught = learn.teaching(script)
    folders = {name: one.folder for name, one in script.models.items() if one.rows is None or name in taught}
    if learn.KNOWLEDGE in taught:
        folders[learn.KNOWLEDGE] = script.workshop / learn.KNOWLEDGE
    return folders
