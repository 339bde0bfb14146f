"""What a conversation does in every state, whatever the author wrote."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

# each brings a conversation to another state: nothing open, a slot, a yes or no, a confirmation, a switch, did-you-mean
STATES: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "slot": ("I lost my card",),
    "yes or no": ("I lost my card", "the green one"),
    "confirmation": ("I lost my card", "green", "yes"),
    "amount": ("I want to top up my account",),
    "switch": ("I want to top up my account", "what's my balance?"),
    "done": ("I lost my card", "green", "no", "yes"),
}


@pytest.mark.parametrize("state", STATES)
def test_a_person_is_one_message_away(line: Any, state: str) -> None:
    for text in STATES[state]:
        line(text)
    assert "hands off asked" in line.does("I want to speak to a human")


@pytest.mark.parametrize("state", [state for state in STATES if state not in ("nothing", "done")])
def test_cancel_ends_it_and_says_that_nothing_was_changed(line: Any, state: str) -> None:
    for text in STATES[state]:
        line(text)
    turn = line("cancel")
    assert turn.state.job is None
    assert turn.state.pending is None
    assert "nothing was changed" in turn.replies[0].text
    assert not line.calls("freeze") + line.calls("top_up")


@pytest.mark.parametrize("state", [state for state in STATES if state not in ("nothing", "done", "switch")])
def test_a_side_question_is_answered_and_the_open_question_comes_again(line: Any, state: str) -> None:
    for text in STATES[state]:
        line(text)
    before = line.said[-1].state.pending
    turn = line("what does a new card cost?")
    assert turn.replies[0].id == "cards.md#replacement-fee"
    assert turn.state.pending == before
    assert turn.replies[-1].id.startswith("jobs.")


def test_marked_words_fill_slots_in_whatever_order_they_come(line: Any) -> None:
    line("I'll be away until 9 March, so note that I am in New Zealand from 4 March")
    held = line.said[-1].state.job
    assert held.name == "trip"
    assert held.slots["country"] == "New Zealand"
    assert (held.slots["start"]["date"], held.slots["end"]["date"]) == ("2027-03-04", "2027-03-09")


def test_one_day_answers_one_of_two_questions(line: Any) -> None:
    line("can you note that I'm travelling")
    line("Costa Rica")
    turn = line("tomorrow")
    assert set(turn.state.job.slots) == {"country", "start"}
    assert [event.name for event in turn.events if event.verb == "asks"] == ["end"]


def test_a_name_and_an_address_reach_no_disk(line: Any, tmp_path: Path) -> None:
    line("my name is Priya Nowak, I live at 12 Oak Lane, Leeds LS1 4AB, and my card is lost")
    written = b"".join(path.read_bytes() for path in tmp_path.glob("log.db*"))
    assert b"card is lost" in written
    for told in (b"Nowak", b"nowak", b"Oak Lane"):
        assert told not in written


def test_repeat_says_the_same_again(line: Any) -> None:
    asked = line("I lost my card").replies
    assert line("say that again").replies == asked


def test_what_was_answered_can_be_put_right_at_the_confirmation(line: Any) -> None:
    for text in STATES["confirmation"]:
        line(text)
    turn = line("no wait, the blue one")
    assert turn.replies[-1].text == "Freeze Blue now and send a new card?"
    assert not line.calls("freeze")


def test_yes_with_a_change_is_shown_again(line: Any) -> None:
    line("top up £20 from my green card")
    assert line.does("yes but make it 30")[-1] == "confirms"
    assert not line.calls("top_up")


@pytest.mark.parametrize("text", ["please, no", "no please don't", "ok no", "don't do it", "yes no", "um, nope"])
def test_what_holds_a_no_is_never_a_yes(line: Any, text: str) -> None:
    for said in STATES["confirmation"]:
        line(said)
    line(text)
    assert not line.calls("freeze")


def test_a_confirmation_left_for_long_is_shown_again_before_it_counts(line: Any) -> None:
    for text in STATES["confirmation"]:
        line(text)
    turn = line("yes", after=timedelta(hours=2))
    assert "Welcome back" in turn.replies[0].text
    assert turn.replies[-1].text == "Freeze Green now and send a new card?"
    assert not line.calls("freeze")
    line("yes")
    assert line.calls("freeze") == 1


def test_three_answers_that_say_nothing_go_to_a_person(line: Any) -> None:
    line("I lost my card")
    line("flurb")
    line("flurb dibble")
    assert any(one.startswith("hands off") for one in line.does("dibble flurb"))


def test_the_assistant_is_silent_while_a_person_has_the_conversation(line: Any) -> None:
    line("let me talk to a human")
    line("I lost my green card")
    turn = line("are you there")
    assert turn.state.owner == "person"
    assert turn.replies == []
    assert not line.calls("cards")


def test_every_reply_is_a_template_or_a_section_with_its_id(line: Any) -> None:
    for texts in STATES.values():
        for text in texts:
            line(text)
    known = line.talk.script.knowledge
    for reply in (reply for turn in line.said for reply in turn.replies):
        assert reply.id in known or reply.id.split(".")[0] in ("say", "jobs", "person")


def test_a_message_without_words_is_no_answer(line: Any) -> None:
    line("I lost my card")
    assert line("   ").replies[0].id == "say.empty"
    assert line.said[-1].state.job is not None


def test_nobody_is_served_without_logging_in(line: Any) -> None:
    line.customer = None
    assert line("I lost my card").replies[0].id == "say.login"
    assert line.talk.caller.made == []


def test_the_trace_says_what_each_specialist_thought(line: Any) -> None:
    trace = {thought.step: thought for thought in line("I lost my card").trace}
    assert trace["intent says"].said == "report_lost_or_stolen_card"
    assert 0 < trace["intent says"].score <= 1
    assert trace["scope"].ms >= 0


BEHAVIOURS: dict[str, tuple[str, tuple[str, ...]]] = {
    "greet": ("hello", ("says greet",)),
    "thanks": ("thank you", ("says thanks",)),
    "a program": ("are you a bot?", ("says bot",)),
    "what it can do": ("what can you do?", ("says capability",)),
    "repeat": ("say that again", ("repeats",)),
    "a person": ("a person please", ("hands off asked",)),
    "decline": ("what is the meaning of life?", ("declines",)),
    "side question": ("what does a new card cost?", ("answers cards.md#replacement-fee",)),
    "cancel": ("cancel", ("cancels", "says")),
    "another job": ("I want to dispute a payment", ("switches dispute", "starts dispute")),
}
OPEN = [state for state in STATES if state not in ("nothing", "done", "switch")]


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("state", STATES)
def test_what_nobody_wrote_works_in_every_state(line: Any, state: str, behaviour: str) -> None:
    for text in STATES[state]:
        line(text)
    text, verbs = BEHAVIOURS[behaviour]
    before = line.said[-1].state.pending if line.said else None
    turn = line(text)
    did = [f"{event.verb} {event.name}".strip() for event in turn.events]
    if behaviour == "cancel" and state not in OPEN and state != "switch":
        assert turn.replies[0].id == "say.nothing"
        return
    assert any(one.startswith(verbs) for one in did), did
    assert turn.replies
    assert not [event for event in turn.events if event.verb == "calls" and event.name in ("freeze", "top_up")]
    if state in OPEN and behaviour not in ("a person", "cancel", "another job"):
        assert turn.state.pending == before  # the open question still is
        assert behaviour == "repeat" or turn.replies[-1].id.startswith("jobs.")


def test_that_card_is_the_one_of_the_job_before(line: Any) -> None:
    for text in STATES["done"]:
        line(text)
    turn = line("top up £20 from that card")
    assert "Green" in turn.replies[-1].text


@pytest.mark.parametrize("whose", ["ben", None])
def test_what_somebody_else_began_is_not_gone_on_with(line: Any, whose: str | None) -> None:
    line("my blue card is lost")
    assert "confirms" in line.does("no")
    line.customer = whose
    assert "calls freeze" not in line.does("yes")
    assert line("repeat").replies[0].id == "say.nothing"
    line.customer = "ana"
    assert "calls freeze" not in line.does("yes")
    assert not line.calls("freeze")
