"""An ask in, an answer out: which specialist, its decision, the upstream where it abstains, a line in the ledger.

Knows no protocol. Read `answer` from top to bottom: it is the whole way.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from time import monotonic, perf_counter
from typing import Any, Protocol

import numpy as np

from metier.gateway import vectors, watch
from metier.gateway.base import (
    AUTO,
    Answer,
    Ask,
    Embedded,
    Outcome,
    Overloaded,
    TooLarge,
    TooLate,
    Trouble,
    Unanswerable,
    Unavailable,
    UnknownModel,
)
from metier.gateway.keys import Keys
from metier.gateway.ledger import Ledger
from metier.gateway.metrics import Metrics
from metier.gateway.pool import Loaded, Pool, Shelf
from metier.gateway.settings import Settings
from metier.gateway.traces import Traces
from metier.gateway.upstream import Bill, Upstream, text_of
from metier.gateway.watch import Alarm
from metier.types import Candidate, Decision, Probabilities

LOG = logging.getLogger("metier.gateway")
LANES_A_CORE = 2  # where others use the cores as well, a batch that waits for one is no reason for the next to wait


class Notes(Protocol):
    """Who writes down what was answered; never in the way of an answer."""

    def note(self, ask: Ask, answer: Answer, bills: Sequence[Bill | None]) -> None:
        """Take note; what is written, and when, is its affair."""
        ...

    def shadowed(self, ask: Ask, answer: Answer, version: str, decisions: Sequence[Decision]) -> None:
        """What the version that only watches would have said."""
        ...


class Gateway:
    """What protocols talk to. `start` before the first ask, `stop` after the last."""

    def __init__(
        self,
        shelf: Shelf,
        settings: Settings,
        *,
        upstream: Upstream | None = None,
        ledger: Ledger | None = None,
        keys: Keys | None = None,
        traces: Traces | None = None,
        notes: Sequence[Notes] = (),
    ) -> None:
        lanes = max(2, LANES_A_CORE * (os.cpu_count() or 1) // settings.workers)
        self.shelf, self.settings, self.upstream, self.ledger, self.keys = shelf, settings, upstream, ledger, keys
        self.metrics, self.traces = Metrics(), traces
        self.notes: Sequence[Notes] = (self.metrics, *(one for one in (ledger, traces) if one is not None), *notes)
        self._executor = ThreadPoolExecutor(max_workers=lanes, thread_name_prefix="specialist")
        self.pool = Pool(shelf, settings, self._executor, lanes=lanes)
        self.ready, self.draining = False, False
        self.alarms: Sequence[Alarm] = ()
        self.parts: dict[type, Any] = {}  # what else is served here, by its kind; protocols know which they need
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Load what is in production and begin to follow the registry; ready once every golden row was replayed."""
        await self.pool.start()
        self._keep(asyncio.create_task(self.pool.follow()))
        if self.ledger is not None:
            self._keep(asyncio.create_task(self._watch(self.ledger)))
        self.ready = True

    async def stop(self) -> None:
        """End what runs beside asks; the asks themselves were waited for."""
        self.ready = False
        for task in list(self._tasks):
            task.cancel()
        for task in list(self._tasks):
            with suppress(asyncio.CancelledError):
                await task
        if self.upstream is not None:
            await self.upstream.close()
        if self.ledger is not None:
            await asyncio.to_thread(self.ledger.close)
        if self.traces is not None:
            await asyncio.to_thread(self.traces.close)
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def answer(self, ask: Ask) -> Answer:
        """One outcome for each cell.

        Raises: Trouble: UnknownModel, Overloaded, TooLate, Unavailable, TooLarge, Unanswerable.
        """
        started = perf_counter()
        if len(ask.cells) > self.settings.most_rows:
            raise TooLarge(
                f"{len(ask.cells):,} rows in one ask; expected {self.settings.most_rows:,} at most. Split it."
            )
        deadline = ask.deadline or monotonic() + self.settings.deadline_s
        loaded = await self._found(ask)
        try:
            async with asyncio.timeout(deadline - monotonic()):
                outcomes = await self._outcomes(loaded, ask)
        except TimeoutError:
            raise TooLate(
                "The deadline passed before the specialist answered. Give it longer, or ask for less."
            ) from None
        bills: list[Bill | None] = [None] * len(outcomes)
        if self._may_step_back(loaded, ask):
            outcomes, bills = await self._stepped_back(loaded, ask, outcomes, deadline)
        if loaded is not None and self.settings.fallback_of(loaded.entry.name) == "error":
            _refuse(loaded, outcomes)
        answer = Answer(
            id=ask.id,
            model=loaded.entry.name if loaded else ask.model or AUTO,
            version=loaded.entry.version if loaded else "",
            task=loaded.specialist.task if loaded else "classify",
            labels=loaded.specialist.labels if loaded else ask.options or (),
            outcomes=outcomes,
            milliseconds=(perf_counter() - started) * 1000,
        )
        for notes in self.notes:
            notes.note(ask, answer, bills)
        self._shadow(loaded, ask, answer)
        return answer

    def passed_on(self, ask: Ask, bill: Bill) -> None:
        """Take note of what the upstream was asked as it came, being no specialist's business."""
        outcome = replace(_nobody("passed on", ask.id), served_by="upstream")
        answer = Answer(
            id=ask.id, model=bill.model, version="", task="chat", labels=(), outcomes=[outcome], milliseconds=0.0
        )
        for notes in self.notes:
            notes.note(ask, answer, [bill])

    async def embed(self, model: str | None, texts: Sequence[str], *, request: str) -> Embedded:
        """Vectors of texts by a specialist's encoder.

        Raises: Trouble.
        """
        if len(texts) > self.settings.most_rows:
            raise TooLarge(f"{len(texts):,} texts in one ask; expected {self.settings.most_rows:,} at most. Split it.")
        loaded = await self.pool.get(self.pool.entry(model or self._only(), request=request))
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._executor, vectors.vectors_of, loaded.specialist, texts)
        entry = loaded.entry
        headers = {"x-served-by": "specialist", "x-model-version": f"{entry.name}@{entry.version}"}
        return Embedded(model=entry.name, version=entry.version, vectors=found, headers=headers)

    async def similar(self, model: str | None, query: str, texts: Sequence[str], *, request: str) -> list[float]:
        """How alike each text is to the query, by the cosine of their vectors.

        Raises: Trouble.
        """
        embedded = await self.embed(model, [query, *texts], request=request)
        alike: list[float] = (embedded.vectors[1:] @ embedded.vectors[0]).tolist()
        return alike

    async def loaded(self, model: str | None, *, request: str = "") -> Loaded:
        """The specialist that answers to a name; without one, the only one there is.

        Raises: Trouble.
        """
        return await self.pool.get(self.pool.entry(model or self._only(), request=request))

    async def _found(self, ask: Ask) -> Loaded | None:
        """Whose trade it is; None where it is nobody's and an upstream may say."""
        if ask.model == AUTO:
            return await self._auto(ask)
        try:
            return await self.pool.get(self.pool.entry(ask.model or "", request=ask.id))
        except UnknownModel:
            meant = await self._by_question(ask)
            if meant is not None:
                return meant
            if ask.options and self.upstream is not None:
                return None
            if ask.model is None or ask.model in ("", "dummy", "tgi"):  # what clients say that cannot name a model
                return await self.pool.get(self.pool.entry(self._only(), request=ask.id))
            raise

    async def _by_question(self, ask: Ask) -> Loaded | None:
        production = self.pool.catalogue.production
        if ask.question is not None and ask.question in production:
            return await self.pool.get(self.pool.entry(ask.question, request=ask.id))
        if ask.options:
            wanted = frozenset(ask.options)
            for loaded in self.pool.loaded:
                current = production.get(loaded.entry.name)
                if current == loaded.entry and frozenset(loaded.specialist.labels) == wanted:
                    return loaded
        return None

    async def _auto(self, ask: Ask) -> Loaded | None:
        """The specialist in whose scope the cells lie furthest; None where they lie in nobody's."""
        best: tuple[float, float] = (0.0, 0.0)
        found: Loaded | None = None
        for entry in self.pool.catalogue.production.values():
            loaded = await self.pool.get(entry)
            decisions = [one for told, _ in await loaded.queue.told(ask.cells) for one in told]
            inside = [one for one in decisions if one.reason not in ("out_of_scope", "bad_input")]
            if not inside:
                continue
            mean = float(np.mean([one.scope for one in inside])) * len(inside) / len(decisions)
            rank = mean, float(np.mean([one.probability for one in inside]))
            if rank > best:
                best, found = rank, loaded
        return found

    def _only(self) -> str:
        names = sorted(self.pool.catalogue.production)
        if len(names) != 1:
            raise UnknownModel(
                f"No model was named, and there are {len(names)} here: {', '.join(names[:8])}. Name one, or 'auto'.",
                param="model",
            )
        return names[0]

    async def _outcomes(self, loaded: Loaded | None, ask: Ask) -> list[Outcome]:
        if loaded is None:
            why = "it is the trade of no specialist here"
            return [_nobody(why, _row_id(ask, i)) for i in range(len(ask.cells))]
        specialist = loaded.specialist
        if ask.options is not None and frozenset(ask.options) != frozenset(specialist.labels):
            why = (
                f"the options asked for are not the {len(specialist.labels)} labels that {specialist.name} was taught: "
                f"{', '.join(specialist.labels[:5])}"
            )
            return [_nobody(why, _row_id(ask, i)) for i in range(len(ask.cells))]
        outcomes: list[Outcome] = []
        for decisions, probabilities in await loaded.queue.told(ask.cells):
            outcomes += [
                Outcome(
                    decision=decision,
                    probabilities=_by_label(specialist.labels, row),
                    id=_row_id(ask, len(outcomes) + i),
                )
                for i, (decision, row) in enumerate(zip(decisions, probabilities, strict=True))
            ]
        return outcomes

    def _may_step_back(self, loaded: Loaded | None, ask: Ask) -> bool:
        if self.upstream is None:
            return False
        if loaded is None:
            return True
        other = ask.options is not None and frozenset(ask.options) != frozenset(loaded.specialist.labels)
        return other or self._broken(loaded) or self.settings.fallback_of(loaded.entry.name) == "upstream"

    def _broken(self, loaded: Loaded) -> bool:
        """Whether its promise is: its upstream is asked in its place, where there is one."""
        entry = loaded.entry
        return any(a.broken and (a.specialist, a.version) == (entry.name, entry.version) for a in self.alarms)

    async def _watch(self, ledger: Ledger) -> None:
        """Look, for as long as the gateway runs, whether promises are kept."""
        while True:
            await asyncio.sleep(watch.EVERY_S)
            rules = {(one.entry.name, one.entry.version): one.specialist.rule for one in self.pool.loaded}
            try:
                self.alarms = await asyncio.to_thread(watch.alarms, ledger, rules)
            except Exception:  # the ledger may be away for a while; answers go on
                LOG.exception("the ledger could not be read")
            for alarm in self.alarms:
                LOG.warning("%s@%s: %s", alarm.specialist, alarm.version, alarm.text)

    async def _stepped_back(
        self, loaded: Loaded | None, ask: Ask, outcomes: list[Outcome], deadline: float
    ) -> tuple[list[Outcome], list[Bill | None]]:
        """What is not accepted, asked of the upstream, side by side; where that fails the abstention stands."""
        labels = ask.options or (tuple(loaded.specialist.labels) if loaded else ())
        distrusted = loaded is not None and self._broken(loaded)
        both = [
            self._asked(outcome, ask, cell, labels, deadline)
            if (distrusted or not outcome.decision.accepted) and outcome.decision.reason != "bad_input"
            else _as_it_is(outcome)
            for outcome, cell in zip(outcomes, ask.cells, strict=True)
        ]
        done = await asyncio.gather(*both)
        return [outcome for outcome, _ in done], [bill for _, bill in done]

    async def _asked(
        self, outcome: Outcome, ask: Ask, cell: Any, labels: Sequence[str], deadline: float
    ) -> tuple[Outcome, Bill | None]:
        text = text_of(cell)
        if text is None or not labels or self.upstream is None:
            return outcome, None
        try:
            chosen = await self.upstream.choose(text, labels, instructions=ask.instructions, deadline=deadline)
        except (Unavailable, TooLate, Overloaded) as trouble:
            LOG.warning("upstream: %s", trouble)
            return outcome, None
        if chosen.label is None:
            return outcome, chosen.bill
        # what the specialist itself gives the label: calibrated, and an upstream's own word for it is not
        known = outcome.probabilities.get(chosen.label, 0.0)
        decision = replace(
            outcome.decision,
            label=chosen.label,
            probability=known,
            accepted=True,
            reason=None,
            candidates=(Candidate(label=chosen.label, probability=known),),
            error=None,
        )
        return replace(outcome, decision=decision, served_by="upstream"), chosen.bill

    def _shadow(self, loaded: Loaded | None, ask: Ask, answer: Answer) -> None:
        """Ask the version that only watches, once the answer is given; when there is much to do, leave it."""
        if loaded is None:
            return
        aliases = self.pool.catalogue.aliases.get(loaded.entry.name)
        if aliases is None or aliases.shadow is None or aliases.shadow == loaded.entry.version:
            return
        if loaded.queue.waiting == 0 and len(self._tasks) < 64:
            self._keep(asyncio.create_task(self._watched(f"{loaded.entry.name}@{aliases.shadow}", ask, answer)))

    async def _watched(self, name: str, ask: Ask, answer: Answer) -> None:
        try:
            loaded = await self.pool.get(self.pool.entry(name, request=ask.id))
            decisions = [one for told, _ in await loaded.queue.told(ask.cells) for one in told]
        except Trouble as trouble:
            LOG.info("shadow %s: %s", name, trouble)
            return
        for notes in self.notes:
            notes.shadowed(ask, answer, loaded.entry.version, decisions)

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _as_it_is(outcome: Outcome) -> tuple[Outcome, Bill | None]:
    return outcome, None


def _row_id(ask: Ask, place: int) -> str:
    return ask.id if len(ask.cells) == 1 else f"{ask.id}.{place}"


def _nobody(why: str, row: str) -> Outcome:
    decision = replace(Decision.unread(why), reason="out_of_scope")
    return Outcome(decision=decision, probabilities={}, served_by="nobody", id=row)


def _by_label(labels: Sequence[str], row: Probabilities) -> dict[str, float]:
    """The probability of every label; nothing where the columns are no labels, as with numbers."""
    return dict(zip(labels, row.tolist(), strict=True)) if len(labels) == len(row) else {}


def _refuse(loaded: Loaded, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if not outcome.decision.accepted:
            raise Unanswerable(
                f"{loaded.entry.name} does not answer this: {outcome.decision.reason}. It is set to say so as an error."
            )
