"""The desk: who waits, one person at a time, a silent assistant, what is written down, what is turned off."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("starlette")
from starlette.routing import Mount

from metier import app
from metier.assistant import served, web
from metier.assistant.base import EVERYTHING, Result
from metier.assistant.desk import Desk, NotYours, UnknownConversation
from metier.assistant.store import open_log
from metier.assistant.talk import Talk
from metier.assistant.turn import Rules
from metier.gateway.gateway import Gateway
from metier.gateway.keys import Keys
from metier.gateway.settings import Settings
from metier.registry import Registry
from metier.testing.servers import running


@pytest.fixture
def desk(line: Any) -> Desk:
    return Desk(line.talk)


def handed_over(line: Any) -> str:
    line("my blue card is lost")
    line("a person please")
    return str(line.name)


def test_who_is_handed_over_waits_in_the_queue_with_what_was_told(line: Any, desk: Desk) -> None:
    name = handed_over(line)
    (one,) = desk.queue()
    assert (one.conversation, one.standing, one.why, one.last) == (name, "waiting", "asked", "a person please")
    assert one.told["job"] == "lost_card"
    assert one.told["card"]["name"] == "Blue"


def test_one_person_has_it_at_a_time_and_the_assistant_is_silent(line: Any, desk: Desk) -> None:
    name = handed_over(line)
    desk.take(name, "Ann")
    desk.take(name, "Ann")  # twice is once
    for act in (desk.take, desk.give_back, lambda name, who: desk.say(name, who, "Hello")):
        with pytest.raises(NotYours, match="Ann has this conversation"):
            act(name, "Bob")
    desk.say(name, "Ann", "Hello, I'm Ann.")
    assert line("it was stolen").replies == []
    assert line("yes").events[0].verb == "forwards"
    assert [one.standing for one in desk.queue()] == ["taken"]
    desk.give_back(name, "Ann")
    assert desk.queue() == []
    assert line.does("how much is in savings?")[0] == "starts balance"
    shown = [(one["from"], one["text"]) for one in web.seen(line.talk.log.entries(name))]
    assert ("person", "Hello, I'm Ann.") in shown
    assert ("notice", "Ann is here now.") in shown


def test_of_twenty_that_reach_for_it_at_once_one_has_it(line: Any, desk: Desk) -> None:
    name, got = handed_over(line), []

    def reach(who: str) -> None:
        try:
            desk.take(name, who)
            got.append(who)
        except NotYours:
            pass

    threads = [threading.Thread(target=reach, args=(f"p{n}",)) for n in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(got) == 1
    assert desk.look(name, got[0]).who == got[0]


def test_any_conversation_can_be_taken_over_in_the_middle_of_a_job(line: Any, desk: Desk) -> None:
    line("I lost my card")
    desk.take(line.name, "Ann")
    assert [(one.standing, one.told["job"]) for one in desk.queue()] == [("taken", "lost_card")]
    assert line("blue").replies == []
    desk.give_back(line.name, "Ann")
    assert line.does("yes") == []  # what was asked before is over
    assert line.calls("freeze") == 0


def test_it_outlives_a_restart_and_replays_to_the_same_bytes(line: Any, desk: Desk, tmp_path: Path) -> None:
    name = handed_over(line)
    desk.take(name, "Ann")
    line("hello?")
    desk.give_back(name, "Ann")
    line("what's my balance?")
    again = Talk(line.talk.rules, open_log(tmp_path / "log.db"), line.talk.caller)
    assert again.state(name) == line.talk.state(name)
    ended = [one for one in again.log.entries(name) if one.kind == "ended"]
    assert len(again.replay(name)) == len(ended)
    assert Desk(again).look(name, "Ann").who == ""


def test_a_turn_left_open_by_a_killed_process_does_not_undo_a_take_over(line: Any, desk: Desk) -> None:
    line("my blue card is lost")
    kept = {"id": "x", "text": "yes", "at": line.at.isoformat(), "customer": "ana"}
    line.talk.log.append(line.name, len(line.talk.log.entries(line.name)), "received", kept, kept["at"])
    desk.take(line.name, "Ann")
    assert line("hello?").replies == []
    assert desk.look(line.name, "Ann").who == "Ann"


def test_every_look_is_written_down_once_an_hour(line: Any) -> None:
    name, clock = handed_over(line), [datetime(2026, 11, 25, 12, 0, tzinfo=UTC)]
    desk = Desk(line.talk, now=lambda: clock[0])
    for _ in range(3):
        desk.look(name, "Ann")
    desk.look(name, "Bob")
    clock[0] += timedelta(hours=2)
    seen = desk.look(name, "Ann")
    assert [one["who"] for one in seen.entries if one["kind"] == "viewed"] == ["Ann", "Bob", "Ann"]


def test_a_look_shows_what_each_specialist_thought_and_what_may_answer(line: Any, desk: Desk) -> None:
    line("tell me how much you charge for another card")
    seen = desk.look(line.name, "Ann")
    turn = next(one for one in seen.entries if one["kind"] == "ended")
    assert {"intent says", "scope says"} & {thought["step"] for thought in turn["trace"]}
    assert seen.suggested[0].id == "cards.md#replacement-fee"
    assert seen.customer == "ana"
    assert all("state" not in one and "key" not in one for one in seen.entries)


def test_what_is_personal_is_redacted_in_what_people_write_too(line: Any, desk: Desk, tmp_path: Path) -> None:
    name = handed_over(line)
    desk.take(name, "Ann")
    desk.say(name, "Ann", "Is 4539 1488 0343 6467 your card?")
    desk.note(name, "Ann", "rang +44 20 7946 0958")
    written = b"".join(path.read_bytes() for path in tmp_path.glob("log.db*"))
    assert b"4539" not in written
    assert b"7946" not in written
    assert all("rang" not in one["text"] for one in web.seen(line.talk.log.entries(name)))  # a note is for the desk


def test_who_is_not_there_and_texts_are_looked_for(line: Any, desk: Desk) -> None:
    handed_over(line)
    with pytest.raises(UnknownConversation, match="no such conversation"):
        desk.look("nobody", "Ann")
    assert [one.conversation for one in desk.found("blue card")] == [line.name]
    assert desk.found("50% \\ off_") == []
    line.name = "c2"
    line("hello")
    assert {one.conversation for one in desk.found("")} == {"c1", "c2"}
    line.talk.log.forget("c1")
    assert desk.queue() == []


def test_a_job_that_is_turned_off_is_a_persons(line: Any, desk: Desk) -> None:
    line("my blue card is lost")
    desk.turn("lost_card", "Ann", on=False)
    turn = line("yes")  # in the middle of it
    assert [one.verb for one in turn.events] == ["hands off"]
    assert turn.replies[0].id == "say.off"
    line.name = "c2"
    assert line.does("I lost my card") == ["hands off off"]
    line.name = "c3"
    assert line.does("how much is in savings?")[0] == "starts balance"
    desk.turn("lost_card", "Ann", on=True)
    line.name = "c4"
    assert line.does("I lost my card")[0] == "starts lost_card"
    assert line.calls("freeze") == 0
    for name in ("c1", "c2"):
        ended = [one for one in line.talk.log.entries(name) if one.kind == "ended"]
        assert len(line.talk.replay(name)) == len(ended)
    with pytest.raises(UnknownConversation, match=r"no job 'x'. Known: lost_card"):
        desk.turn("x", "Ann", on=False)


def test_with_everything_off_people_answer(line: Any, desk: Desk) -> None:
    desk.turn(EVERYTHING, "Ann", on=False)
    assert line.does("what does a new card cost?") == ["hands off off"]
    assert list(desk.off()) == [EVERYTHING]


class Heard:
    """What a desk elsewhere is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def call(self, action: Any, values: Any, *, key: str | None, timeout_s: float = 10.0) -> Result:
        self.told.append({"to": action.target, **values})
        return Result(outcome="ok", value=None)


def test_a_number_left_at_night_goes_to_who_calls_and_nowhere_else(line: Any, tmp_path: Path) -> None:
    rules, heard = line.talk.rules, Heard()
    asks = replace(rules.script.desk, to="{desk}/calls", closed="Leave a number and we'll call at {next_open}.")
    line.talk = Talk(Rules(replace(rules.script, desk=asks), rules.minds), line.talk.log, heard)
    line.at = datetime(2026, 11, 25, 23, 0, tzinfo=UTC)
    assert "Leave a number" in line("a person please").replies[0].text
    line("you can reach me on +44 20 7946 0958")
    assert heard.told[-1]["number"] == "+44 20 7946 0958"
    assert (heard.told[-1]["to"], heard.told[-1]["text"]) == ("{desk}/calls", "you can reach me on [PHONE_1]")
    assert b"7946" not in b"".join(path.read_bytes() for path in tmp_path.glob("log.db*"))
    assert [one.standing for one in Desk(line.talk).queue()] == ["call back"]


def test_at_night_the_desk_built_in_is_written_to(line: Any, desk: Desk) -> None:
    line.at = datetime(2026, 11, 25, 23, 0, tzinfo=UTC)
    assert "answers here from 08:00 on Thursday" in line("a person please").replies[0].text
    assert [one.standing for one in desk.queue()] == ["closed"]
    assert line.does("how much is in savings?")[0] == "starts balance"  # meanwhile the assistant goes on


def test_what_is_older_than_the_author_keeps_is_erased(bank_script: Any, tmp_path: Path) -> None:
    path, now = tmp_path / "kept.db", datetime.now(UTC)
    before = open_log(path)
    for name, days in (("old", bank_script.keep_days + 1), ("new", 1)):
        before.append(name, 0, "received", {"text": "hello"}, (now - timedelta(days=days)).isoformat())
        before.put_card(name, {}, (now - timedelta(days=days)).isoformat())
    before.close()
    with served.opened(bank_script.folder, log=str(path)) as talk:
        for _ in range(100):
            if talk.log.conversations() == ["new"]:
                break
            time.sleep(0.05)
        assert talk.log.conversations() == ["new"]
        assert [card.conversation for card in talk.log.cards()] == ["new"]


Clients = dict[str, httpx.Client]


@pytest.fixture
def clients(line: Any, tmp_path: Path) -> Iterator[Clients]:
    """Who asks a gateway with keys, an assistant and its desk: Ann at the desk, Ops, an app, and a customer."""
    keys = Keys(tmp_path / "keys.json")
    secrets = {"Ann": keys.new("Ann", "correct"), "Ops": keys.new("Ops", "operate"), "app": keys.new("app", "ask")}
    gateway = Gateway(Registry(tmp_path / "shelf"), Settings(registry=str(tmp_path / "shelf")), keys=keys)
    script = line.talk.script  # these speak by the clock of the machine, and the desk is open at any time of it
    line.talk.versions.serve(Rules(replace(script, desk=replace(script.desk, open=None)), line.talk.rules.minds))
    gateway.parts[Desk] = Desk(line.talk)
    mount = Mount("/assistant", web.app(line.talk, who=lambda request: "ana"))
    with running(app.build(gateway, mounts=[mount])) as address, contextlib.ExitStack() as stack:
        yield {
            who: stack.enter_context(httpx.Client(base_url=address, headers=headers, timeout=30))
            for who, headers in {
                **{who: {"authorization": f"Bearer {secret}"} for who, secret in secrets.items()}, "customer": {},
            }.items()
        }  # fmt: skip


def test_a_customer_and_a_person_talk_over_http(clients: Clients) -> None:
    ann, ops, customer = clients["Ann"], clients["Ops"], clients["customer"]
    begun = customer.post("/assistant/conversations").json()
    customer.headers[web.SECRET] = begun["secret"]
    name = begun["conversation"]

    def say(id: str, text: str) -> Any:
        return customer.post(f"/assistant/conversations/{name}/messages", json={"id": id, "text": text}).json()

    assert say("1", "a person please")["owner"] == "person"
    (waiting,) = ann.get("/v1/desk").json()["queue"]
    assert waiting["conversation"] == name
    path = f"/v1/desk/conversations/{name}"
    assert ann.post(f"{path}/take").json() == {"who": "Ann"}
    taken = ops.post(f"{path}/take")
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "conflict")
    assert ann.post(f"{path}/say", json={"text": "Hello"}).status_code == 200
    assert ann.post(f"{path}/say", json={"text": " "}).status_code == 400
    assert ann.post(f"{path}/say", json={"words": "?"}).status_code == 400
    heard = customer.get(f"/assistant/conversations/{name}").json()["entries"]
    assert [(one["name"], one["text"]) for one in heard if one["from"] == "person"] == [("Ann", "Hello")]
    assert ann.post(f"{path}/back").status_code == 200
    assert say("2", "thanks")["owner"] == "assistant"
    assert ann.get("/v1/desk/conversations/none").status_code == 404
    assert ann.get("/v1/desk/found", params={"text": "person"}).json()["found"][0]["conversation"] == name


def test_what_cannot_be_served_is_refused_with_its_reason(clients: Clients) -> None:
    ann, ops = clients["Ann"], clients["Ops"]
    assert ann.post("/v1/desk/teaching/promote", json={}).status_code == 403
    for asked, reason in (({"share": 0.05}, "no candidate"), ({}, "no candidate"), ({"share": 2}, "0 and 100 %")):
        refused = ops.post("/v1/desk/teaching/promote", json=asked)
        assert (refused.status_code, reason in refused.json()["error"]["message"]) == (400, True)
    assert ann.get("/v1/desk/teaching").json()["tried"] == 0.0


def test_jobs_are_turned_off_by_those_who_operate(clients: Clients) -> None:
    wanted = {"name": "lost_card", "on": False}
    assert clients["Ann"].post("/v1/desk/switches", json=wanted).status_code == 403
    assert clients["app"].get("/v1/desk").status_code == 403
    assert clients["Ops"].post("/v1/desk/switches", json=wanted).status_code == 200
    assert clients["Ann"].get("/v1/desk").json()["off"][0]["who"] == "Ops"
    assert clients["Ops"].post("/v1/desk/switches", json={"name": "?", "on": False}).status_code == 404


def test_without_an_assistant_there_is_no_desk(tmp_path: Path) -> None:
    gateway = Gateway(Registry(tmp_path / "shelf"), Settings(registry=str(tmp_path / "shelf")))
    with running(app.build(gateway)) as address:
        answer = httpx.get(f"{address}/v1/desk")
        assert answer.status_code == 404
        assert "metier assistant serve" in answer.json()["error"]["message"]
        assert httpx.get(f"{address}/desk/").status_code == 200
