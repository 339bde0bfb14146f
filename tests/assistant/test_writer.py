"""A language model at the last step, as a small real server that writes what a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

pytest.importorskip("starlette")
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from metier.assistant import read, strict
from metier.assistant.actions import Outside
from metier.assistant.turn import Rules
from metier.testing.servers import running

QUESTION = "could you tell me what the charge is when a metal card has to be made anew?"
FEE = "A replacement card costs £5. It is free if the card was stolen."


class Model:
    """What it is told to write, and what it was asked."""

    def __init__(self) -> None:
        self.writes, self.asked, self.keys = "", list[Any](), list[str]()

    async def answer(self, request: Request) -> JSONResponse:
        self.asked.append(await request.json())
        self.keys.append(request.headers.get("authorization", ""))
        return JSONResponse({"choices": [{"message": {"role": "assistant", "content": self.writes}}]})


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def asked(line: Any, model: Model, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A conversation with the example bank where nothing else knows an answer, and a model is named."""
    monkeypatch.setenv("LLM_KEY", "s3cret")
    folder = line.talk.script.folder
    written = (folder / "assistant.yaml").read_text(encoding="utf-8")
    named = 'writer: {post: "{llm}/chat/completions", model: small, key_env: LLM_KEY}'
    script = read.script(strict.read(f"{written}\n{named}\n", "assistant.yaml"), folder)
    with running(Starlette(routes=[Route("/v1/chat/completions", model.answer, methods=["POST"])])) as address:
        minds = line.talk.rules.minds
        shy = replace(minds, scope=None, intent=Unsure(minds.intent), library=Shy(minds.library))
        line.talk.versions.serve(Rules(script, shy))
        line.talk.caller = Outside(script.folder, {"llm": f"{address}/v1"})
        yield line
        line.talk.caller.close()


class Unsure:
    """A specialist that never knows."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def predict(self, cells: Any) -> Any:
        return [
            replace(one, label=None, accepted=False, reason="unsure", candidates=())
            for one in self._inner.predict(cells)
        ]


class Shy:
    """Knowledge that is sure of nothing, and still knows what is near."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def find(self, question: str) -> Any:
        found = self._inner.find(question)
        return None if found is None else replace(found, sure=False)

    def near(self, question: str, most: int) -> Any:
        return self._inner.near(question, most)


def test_what_the_sections_bear_out_is_shown_as_what_it_is(asked: Any, model: Model) -> None:
    model.writes = "A replacement card costs £5, and it is free if the card was stolen."
    turn = asked(QUESTION)
    assert turn.replies[0].id == "say.written"
    assert turn.replies[0].text.startswith("A language model reads our pages so: A replacement card costs £5")
    assert turn.replies[0].source == "Replacement fee"
    assert FEE in model.asked[0]["messages"][0]["content"]
    assert model.asked[0]["model"] == "small"
    assert model.keys == ["Bearer s3cret"]
    assert asked.talk.replay(asked.name)  # from the log alone
    assert len(model.asked) == 1


@pytest.mark.parametrize(
    "wrote",
    [
        "NONE",
        "",
        "A replacement card costs £7.",
        "I have ordered a replacement card for you.",
        "Replacement is free, see https://nova.example/cards.",
        "Philosophers disagree about whether existence carries any purpose beyond itself.",
        "A replacement card costs £5. " * 20,
    ],
)
def test_what_they_do_not_is_dropped(asked: Any, model: Model, wrote: str) -> None:
    model.writes = wrote
    turn = asked(QUESTION)
    assert [one.id for one in turn.replies] == ["say.unsure_again"]
    assert [event.outcome for event in turn.events if event.verb == "writes"] == ["dropped"]


def test_it_is_told_nothing_personal_and_never_while_a_job_waits(asked: Any, model: Model) -> None:
    model.writes = "NONE"
    asked("what does it cost me, with card 4539 1488 0343 6467?")
    assert "4539" not in str(model.asked)
    asked.talk.caller.close()
    asked.talk.caller = Outside(asked.talk.script.folder, {"llm": "http://127.0.0.1:9/v1"})  # nobody is there
    assert asked(QUESTION).replies[0].id == "say.unsure_again"


def test_none_is_asked_where_none_is_named(line: Any) -> None:
    assert line.talk.script.writer is None
    assert not [event for event in line("what is it with the thing?").events if event.verb == "writes"]
