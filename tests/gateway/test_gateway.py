"""Who is asked, and who answers where the specialist does not."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import metier
from metier import app as door
from metier.gateway import settings
from metier.gateway.base import Answer, Ask, Unanswerable, UnknownModel
from metier.gateway.gateway import Gateway
from metier.gateway.ledger import Ledger
from metier.gateway.prices import Price
from metier.gateway.upstream import Bill, Budget, Upstream
from metier.registry import Registry
from metier.testing.servers import running

LIFE, CARD = "В чём смысл жизни?", "I lost my card"


def answered(opened: Any, *asks: Ask, **said: Any) -> list[Answer]:
    async def run() -> list[Answer]:
        async with opened(**said) as gateway:
            return [await gateway.answer(ask) for ask in asks]

    return asyncio.run(run())


def upstream_at(address: str) -> Upstream:
    said = settings.Upstream(url=f"{address}/v1", model="big")
    price = Price(input=Decimal(1), output=Decimal(2))
    return Upstream(said, price=price, budget=Budget(calls=1000, dollars=Decimal(1)))


def app(label: str) -> Starlette:
    async def reply(request: Request) -> JSONResponse:
        await request.body()
        message = {"role": "assistant", "content": json.dumps({"label": label})}
        usage = {"prompt_tokens": 50, "completion_tokens": 5}
        return JSONResponse({"choices": [{"index": 0, "message": message}], "usage": usage})

    return Starlette(routes=[Route("/v1/chat/completions", reply, methods=["POST"])])


def test_the_same_decision_as_in_process(opened: Any, shelf: Path) -> None:
    (answer,) = answered(opened, Ask(cells=[CARD, LIFE, "", None], model="bank"))
    alone = metier.load(shelf / "bank").predict([CARD, LIFE, "", None])
    for outcome, decision in zip(answer.outcomes, alone, strict=True):
        assert outcome.decision.label == decision.label
        assert outcome.decision.probability == decision.probability
    assert answer.served == "bank@1"


def test_auto_takes_the_one_whose_trade_it_is(opened: Any, bank_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(bank_folder, tmp_path / "bank")
    greetings = [(f"{hi} {name}", hi) for hi in ("hello", "goodbye") for name in map(chr, range(97, 123))]
    metier.train(greetings, output=tmp_path / "greeting", effort="quick")
    banking, greeting, neither = answered(
        opened, *(Ask(cells=[cell], model="auto") for cell in (CARD, "hello z", "zinc oxide")), folder=tmp_path
    )
    assert (banking.model, greeting.model) == ("bank", "greeting")
    assert neither.outcomes[0].decision.label is None


def test_a_question_finds_its_specialist_by_name_or_by_its_options(opened: Any, bank: metier.Specialist) -> None:
    by_name, by_options = answered(
        opened,
        Ask(cells=[CARD], model="somebody-else", question="bank"),
        Ask(cells=[CARD], options=tuple(reversed(bank.labels))),
    )
    assert by_name.model == by_options.model == "bank"
    assert by_options.outcomes[0].decision.label == "report_lost_or_stolen_card"


def test_other_options_than_the_taught_ones_are_nobodys_without_an_upstream(opened: Any) -> None:
    (answer,) = answered(opened, Ask(cells=[CARD], model="bank", options=("a", "b")))
    outcome = answer.outcomes[0]
    assert (outcome.decision.label, outcome.served_by) == (None, "nobody")
    assert "not the 36 labels" in (outcome.decision.error or "")


def test_an_unknown_model_is_an_error_that_names_those_there_are(opened: Any) -> None:
    with pytest.raises(UnknownModel, match="nearest first: bank"):
        answered(opened, Ask(cells=[CARD], model="bnak"))


def test_what_is_not_accepted_goes_upstream_and_the_rest_does_not(opened: Any) -> None:
    with running(app("freeze_card")) as address:
        (answer,) = answered(
            opened, Ask(cells=[CARD, LIFE, None], model="bank"), upstream=upstream_at(address),
            fallback="upstream",
        )  # fmt: skip
    card, life, gap = answer.outcomes
    assert (card.served_by, life.served_by, gap.served_by) == ("specialist", "upstream", "specialist")
    assert life.decision.label == "freeze_card"
    assert life.decision.probability == pytest.approx(life.probabilities["freeze_card"])
    assert gap.decision.reason == "bad_input"


def test_other_options_step_back_to_the_upstream(opened: Any) -> None:
    with running(app("b")) as address:
        known, unknown = answered(
            opened,
            Ask(cells=[CARD], model="bank", options=("a", "b")),
            Ask(cells=[CARD], model="gpt", options=("a", "b")),
            upstream=upstream_at(address),
        )
    assert [one.outcomes[0].decision.label for one in (known, unknown)] == ["b", "b"]


def test_when_the_upstream_is_down_specialists_go_on(opened: Any) -> None:
    down = upstream_at("http://127.0.0.1:9")
    (answer,) = answered(opened, Ask(cells=[CARD, LIFE], model="bank"), upstream=down, fallback="upstream")
    assert answer.outcomes[0].decision.label == "report_lost_or_stolen_card"
    assert answer.outcomes[1].decision.label is None


def test_an_abstention_is_an_error_where_that_is_asked_for(opened: Any) -> None:
    with pytest.raises(Unanswerable, match="bank does not answer this"):
        answered(opened, Ask(cells=[LIFE], model="bank"), fallback="error")


def test_everything_is_noted_with_what_it_cost(opened: Any) -> None:
    class Kept:
        def __init__(self) -> None:
            self.seen: list[tuple[str, int, int]] = []

        def note(self, ask: Ask, answer: Answer, bills: Sequence[Bill | None]) -> None:
            self.seen.append((ask.id, len(answer.outcomes), sum(bill is not None for bill in bills)))

        def shadowed(self, *_: Any) -> None:
            raise AssertionError("there is no shadow")

    kept = Kept()
    with running(app("none of these")) as address:
        answered(
            opened, Ask(cells=[CARD, LIFE], model="bank", id="one"), upstream=upstream_at(address),
            fallback="upstream", notes=[kept],
        )  # fmt: skip
    assert kept.seen == [("one", 2, 1)]


def test_memory_is_kept_by_letting_the_least_used_go(opened: Any, bank_folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        rows = [(f"{word} {name} {i}", word) for word in ("red", "blue") for i in range(30)]
        metier.train(rows, output=tmp_path / name, effort="quick")

    async def run() -> list[str]:
        async with opened(folder=tmp_path, memory_mb=1, specialists={"one": settings.Own(pinned=True)}) as gateway:
            most = 0.0
            for name in ("one", "two", "three", "two"):
                await gateway.answer(Ask(cells=["red"], model=name))
                most = max(most, gateway.pool.megabytes)
            sizes = [sum(one.files.values()) for one in gateway.pool.loaded]
            assert most <= 1 + max(sizes) / 1e6
            return sorted(one.entry.name for one in gateway.pool.loaded)

    assert "one" in asyncio.run(run())


def test_a_chat_that_is_nobodys_goes_on_as_it_is_and_is_noted(shelf: Path, tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path / "ledger.db"))
    with running(app("hello")) as behind:
        gateway = Gateway(
            Registry.open(shelf), settings.Settings(registry=str(shelf)), upstream=upstream_at(behind), ledger=ledger
        )
        with running(door.build(gateway)) as address:
            body = {"model": "big", "messages": [{"role": "user", "content": "a joke, please"}]}
            said = httpx.post(f"{address}/v1/chat/completions", json=body)
            assert said.json()["choices"][0]["message"]["content"] == '{"label": "hello"}'
            assert said.headers["x-served-by"] == "upstream"
            ledger.flush()
            (line,) = ledger.latest()
    assert (line["served_by"], line["tokens_in"], line["billed"]) == ("upstream", 50, "0.00006")
