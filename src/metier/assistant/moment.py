"""One message and its conversation while the rules are at work on them: where things stand, and what has come of it.

Decides nothing. Every rule takes a Moment and leaves its events and replies there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from metier.assistant.base import Action, Job, Message, Result, Script
from metier.assistant.opinions import Opinions
from metier.assistant.state import Event, Pending, Reply, Running, State
from metier.assistant.templates import fill

Do: TypeAlias = Callable[[Action, Mapping[str, Any], int], Result]


@dataclass(kw_only=True)
class Moment:
    """`now.say("greet")` replies, `now.event("starts", "top_up")` tells, `now.state.pending` is the open question."""

    script: Script
    by_label: Mapping[str, Job]  # the job that a label starts
    by_phrase: Mapping[str, str]  # the label of an example, by its words
    by_asked: Mapping[str, str]  # the section that is known to answer a question, by its words
    faults: frozenset[str]
    state: State
    message: Message
    text: str  # of the message, its slips of the finger set right
    opinions: Opinions
    do: Do
    events: list[Event] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    def event(
        self, verb: str, name: str = "", *, value: Any = None, args: Mapping[str, Any] | None = None, outcome: str = ""
    ) -> None:
        """One thing was done."""
        self.events.append(Event(verb=verb, name=name, value=value, args=dict(args or {}), outcome=outcome))

    def say(self, name: str, *, choices: Sequence[str] = (), **values: Any) -> None:
        """One of the author's own words under `say`, or what stands for it."""
        titles = [job.title for job in self.script.jobs.values()]
        jobs = ", ".join(titles[:-1]) + f" and {titles[-1]}" if len(titles) > 1 else "".join(titles)
        text = fill(self.script.say[name], {"jobs": jobs, **values})
        self.replies.append(Reply(id=f"say.{name}", text=text, choices=list(choices)))

    def say_of_job(self, part: str, text: str, *, choices: Sequence[str] = ()) -> None:
        """A text of the running job: `jobs.top_up.confirm`."""
        self.replies.append(Reply(id=f"jobs.{self.running.name}.{part}", text=text, choices=list(choices)))

    def tell(self, section: str) -> None:
        """A section of the knowledge."""
        held = self.script.knowledge[section]
        self.state.misses = 0
        self.event("answers", section)
        self.replies.append(Reply(id=section, text=held.text, source=held.title))

    def title(self, job: str) -> str:
        """A job as a customer reads it."""
        return self.script.jobs[job].title if job in self.script.jobs else job

    def spoken(self, label: str) -> str:
        """A label as a customer reads it."""
        return self.title(label[4:]) if label.startswith("job:") else label.replace("_", " ")

    @property
    def pending(self) -> Pending:
        """The open question, where there is one."""
        assert self.state.pending is not None
        return self.state.pending

    @property
    def running(self) -> Running:
        """The job at work, where there is one."""
        assert self.state.job is not None
        return self.state.job

    @property
    def job(self) -> Job:
        """What the author wrote of it."""
        return self.script.jobs[self.running.name]
