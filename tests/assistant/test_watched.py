"""Promises on real conversations: what is asked about, what counts, when there is an alarm, and the data behind it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from metier.assistant import judged, learn, outcomes, served, watched
from metier.assistant.drifted import BEFORE, DECLINED, HANDED, HELD, SURE, drifted
from metier.assistant.judged import NEITHER, BadJudgement, Heard
from metier.assistant.learn import OUTSIDE, Apart
from metier.assistant.scope import OURS
from metier.assistant.state import WHOLE
from metier.assistant.store import Log, open_log
from metier.cli import command_line
from metier.decide.measure import clopper_pearson

NOW = datetime.now(UTC) + timedelta(days=60)  # what is learnt for these tests has answered for long
DECLINES, STARTS, SETS = [{"verb": "declines"}], [{"verb": "starts", "name": "balance"}], [{"verb": "sets"}]


def put(
    log: Log,
    name: str,
    text: str,
    events: Sequence[Any] = STARTS,
    *,
    days: float = 1,
    ms: float | None = 10.0,
    sure: float | None = 0.9,
    ours: float = 0.99,
    turn: int = 1,
) -> int:
    """A turn as the log keeps it; where the message stands."""
    at, seq = (NOW - timedelta(days=days)).isoformat(), len(log.entries(name))
    log.append(name, seq, "received", {"id": str(seq), "text": text, "at": at, "customer": None}, at)
    ended = {
        "message": str(seq),
        "events": list(events),
        "replies": [{"id": "r", "text": "Said."}],
        "state": {"turn": turn},
    }
    log.append(name, seq + 1, "ended", ended, at)
    steps = [] if sure is None else [{"step": "intent says", "ms": 1.0, "said": "x", "score": sure}]
    steps += [{"step": "scope says", "ms": 1.0, "said": "x", "candidates": [["outside", round(1 - ours, 4)]]}]
    log.trace(name, turn, [*steps, *([] if ms is None else [{"step": WHOLE, "ms": ms}])])
    return seq


def judge(log: Log, name: str, seq: int, verdict: str, *, drawn: bool = True) -> None:
    judged.judge(log, name, seq, verdict, who="Ann", drawn=drawn)


def filled(log: Log, counts: dict[tuple[str, str], int]) -> None:
    """Judged conversations of a message each: (what people say, what the assistant did) and how many."""
    for (verdict, did), count in counts.items():
        for n in range(count):
            name = f"{verdict}-{did}-{n}"
            judge(log, name, put(log, name, f"{name} please", DECLINES if did == "declined" else STARTS), verdict)


def by_name(found: watched.Watched) -> dict[str, watched.Kept]:
    return {one.name: one for one in found.promises}


def test_the_whole_of_a_turn_is_timed_and_no_part_of_what_specialists_took(line: Any) -> None:
    turn = line("how much is in savings?")
    (one,) = judged.heard(line.talk.log)
    steps = {step["step"]: step["ms"] for step in line.talk.log.traces(line.name)[1]}
    assert one.ms == steps[WHOLE] == turn.trace[-1].ms
    assert steps[WHOLE] > sum(ms for step, ms in steps.items() if step in ("acts", "scope", "intent"))
    (told,) = outcomes.outcomes(line.talk.log, NOW)
    assert told.ms[0] < steps[WHOLE]
    assert (one.text, one.begins, one.declined) == ("how much is in savings?", True, False)
    assert one.sure is None or 0 < one.sure <= 1
    assert one.ours is None or 0.5 < one.ours <= 1


def test_answers_talk_and_what_a_person_has_are_not_asked_about(line: Any) -> None:
    line("hello")
    line("my card is lost")
    line("the blue one")
    line("what is the meaning of life?")
    line("a person please")
    line("are you there")
    some = {one.text: one for one in judged.heard(line.talk.log)}
    assert {text for text, one in some.items() if one.begins} == {
        "my card is lost",
        "what is the meaning of life?",
        "a person please",
    }
    assert "are you there" not in some  # a person has it
    assert some["what is the meaning of life?"].declined
    assert some["what is the meaning of life?"].before.startswith("Should I send a new one")
    assert some["a person please"].handed == "asked"


def test_thirds_are_asked_about_and_the_order_is_nobodys_choice(log: Log) -> None:
    for n in range(90):
        put(log, f"c{n}", f"message {n} x", DECLINES if n < 20 else STARTS, ours=0.6 if n < 50 else 0.99)
    order = []
    while (one := judged.unasked(log, judged.heard(log), 0.7)) is not None and len(order) < 30:
        order.append(one)
        judge(log, one.conversation, one.seq, OURS)
    places = [int(one.conversation[1:]) for one in order]
    assert [sum(place in side for place in places) for side in (range(20), range(20, 50), range(50, 90))] == [10] * 3
    others = [place for place in places if place >= 50]
    assert others != sorted(others)
    again = judged.heard(log)
    random.Random(4).shuffle(again)
    assert judged.unasked(log, again, 0.7) == one  # whoever asks, and in whatever order they come


def test_where_nobody_knows_who_is_barely_ours_a_third_is_of_those_declined(log: Log) -> None:
    for n in range(60):
        put(log, f"c{n}", f"message {n} x", DECLINES if n < 20 else STARTS, ours=0.1)
    for _ in range(30):
        one = judged.unasked(log, judged.heard(log), 0.0)
        assert one is not None
        judge(log, one.conversation, one.seq, OURS)
    assert sum(one.declined for one in judged.heard(log) if one.drawn) == 10


def test_what_is_taught_or_judged_already_is_not_asked_again(log: Log) -> None:
    put(log, "c1", "what do I have left", DECLINES)
    put(log, "c2", "who wrote faust", DECLINES)
    judge(log, "c3", put(log, "c3", "my balance"), NEITHER, drawn=False)
    last = put(log, "c4", "nobody knows this one")
    taught = [("what do I have left", "job:balance"), ("who wrote faust", OUTSIDE)]
    one = judged.unasked(log, judged.heard(log, taught=taught), 0.5)
    assert one is not None
    judge(log, "c4", last, OURS)
    assert judged.unasked(log, judged.heard(log, taught=taught), 0.5) is None
    said = {one.conversation: (one.verdict, one.who, one.drawn) for one in judged.heard(log)}
    assert said == {
        "c1": (OURS, "taught", True),
        "c2": (OUTSIDE, "taught", True),
        "c3": (NEITHER, "Ann", True),
        "c4": (OURS, "Ann", True),
    }


def test_the_last_word_counts_and_a_draw_stays_one(log: Log) -> None:
    seq = put(log, "c1", "my balance")
    judge(log, "c1", seq, OUTSIDE)
    judge(log, "c1", seq, OURS, drawn=False)
    (one,) = judged.heard(log)
    assert (one.verdict, one.drawn) == (OURS, True)
    for where, verdict in ((("c1", seq + 1), OURS), (("c9", 0), OURS), (("c1", seq), "maybe")):
        with pytest.raises(BadJudgement):
            judge(log, *where, verdict)


def test_a_share_where_all_were_judged_is_exact(bank_script: Any, log: Log) -> None:
    filled(log, {(OURS, "declined"): 9, (OURS, "taken"): 91, (OUTSIDE, "declined"): 40, (NEITHER, "taken"): 5})
    found = watched.watched(bank_script, log, NOW)
    refused, caught = by_name(found)["false_refusal"], by_name(found)["out_of_scope_caught"]
    assert (refused.found, refused.of) == (0.09, 100)
    assert (refused.low, refused.high) == clopper_pearson(9, 100)
    assert (caught.found, caught.of, caught.low) == (1.0, 40, clopper_pearson(40, 40)[0])
    assert (refused.verdict, caught.verdict) == ("broken", "kept")  # 4.2 % at least, where 2 % is promised
    assert len(refused.cases) == 9
    assert {one.text for one in refused.cases} == {f"{OURS}-declined-{n} please" for n in range(9)}
    assert any(one.startswith("false_refusal: 9.0%") for one in found.alarms)


def test_judgements_that_were_not_asked_for_move_no_share(bank_script: Any, log: Log) -> None:
    """People look at what looks wrong: by their own choice they would find nothing but false refusals."""
    filled(log, {(OURS, "declined"): 1, (OURS, "taken"): 149})
    for n in range(30):
        judge(log, f"x{n}", put(log, f"x{n}", f"my card {n}", DECLINES), OURS, drawn=False)
    refused = by_name(watched.watched(bank_script, log, NOW))["false_refusal"]
    assert refused.of == 150
    assert len(refused.cases) == 20  # of 31; what was found by looking is shown all the same
    assert "judged were 1 of 31 declined, 0 of 0 barely yours and 149 of 149 others" in refused.about


def test_a_false_refusal_that_was_taught_is_shown_before_anybody_judges_it(bank_script: Any, log: Log) -> None:
    put(log, "c1", "what do I have left", DECLINES)
    taught = replace(bank_script, taught=(("what do I have left", "job:balance"),))
    refused = by_name(watched.watched(taught, log, NOW))["false_refusal"]
    assert [(one.text, one.who) for one in refused.cases] == [("what do I have left", "taught")]
    assert refused.of == 0  # nobody was asked for it


def test_few_judgements_raise_no_alarm(bank_script: Any, log: Log) -> None:
    filled(log, {(OURS, "declined"): 1, (OURS, "taken"): 9, (OUTSIDE, "taken"): 1})
    found = watched.watched(bank_script, log, NOW)
    assert {one.verdict for one in found.promises} == {"not shown"}
    assert by_name(found)["false_refusal"].found == 0.1
    assert found.alarms == []
    assert by_name(watched.watched(replace(bank_script, promise={}), log, NOW))["false_refusal"].verdict == ""


@pytest.mark.parametrize(("slow", "verdict"), [(0, "kept"), (10, "not shown"), (30, "broken")])
def test_whole_turns_are_held_to_their_95th_percentile(bank_script: Any, log: Log, slow: int, verdict: str) -> None:
    times = [150 + n for n in range(1, slow + 1)] + [20 + n * 0.1 for n in range(200 - slow)]
    for n, ms in enumerate(times):
        put(log, f"c{n}", "my balance", SETS, ms=ms)  # answers to questions, too
    put(log, "untimed", "my balance", ms=None)
    one = by_name(watched.watched(bank_script, log, NOW))["reply_p95"]
    assert (one.of, one.verdict) == (200, verdict)
    assert one.low is not None
    assert one.high is not None
    assert one.low <= (one.found or 0) <= one.high
    low, high = clopper_pearson(slow, 200)  # of those that took longer: the same said of a share
    assert verdict == ("kept" if high < 0.05 else "broken" if low > 0.05 else "not shown")
    assert one.cases[0].ms == max(times)


def test_only_what_is_served_now_and_not_long_ago_counts(bank_script: Any, log: Log, tmp_path: Path) -> None:
    for days in (40, 29, 12, 1):
        put(log, f"c{days}", "my balance", days=days)
    assert watched.watched(bank_script, log, NOW).conversations == 3
    assert watched.watched(bank_script, log, NOW, days=2).conversations == 1
    promoted = replace(bank_script, workshop=tmp_path)
    (tmp_path / learn.SERVED).write_text((NOW - timedelta(days=10)).isoformat(), encoding="utf-8")
    assert watched.watched(promoted, log, NOW).conversations == 1


def heard(name: str, *, days: float, declined: bool = False, handed: str = "", sure: float = 0.9) -> Heard:
    return Heard(
        conversation=name, seq=0, at=(NOW - timedelta(days=days)).isoformat(), text=name, before="", did="",
        declined=declined, handed=handed, begins=True, ms=1.0, sure=sure, ours=0.9,
    )  # fmt: skip


def test_what_moved_is_said_against_training_and_against_the_days_before() -> None:
    draw = random.Random(1)
    then = [heard(f"a{n}", days=20, declined=n % 20 == 0, sure=draw.uniform(0.8, 1)) for n in range(300)]
    now = [
        heard(f"b{n}", days=2, declined=n % 4 == 0, handed="asked" if n % 5 == 0 else "", sure=draw.uniform(0.5, 0.9))
        for n in range(300)
    ]
    recent = (NOW - timedelta(days=7)).isoformat()
    apart = Apart(ours=[1.0] * 300, strange=[-9.0] * 100, sure=[draw.uniform(0.8, 1) for _ in range(300)], handed=6)
    found = {(one.name, one.against): one for one in drifted(apart, [*then, *now], recent)}
    assert {key: one.verdict for key, one in found.items()} == {
        (name, against): "moved" for name in (DECLINED, HANDED, SURE) for against in (HELD, BEFORE)
    }
    declined = found[DECLINED, BEFORE]
    assert (declined.then, declined.now, declined.then_of, declined.now_of) == (0.05, 0.25, 300, 300)
    assert declined.low is not None
    assert 0.05 < declined.low < 0.2 < (declined.high or 0)
    assert {one.declined for one in declined.cases} == {True}
    assert "25% are not yours" in found[DECLINED, HELD].about  # of 300 none held out was declined, of 100 others all
    sure = found[SURE, HELD]
    assert (sure.high or 0) < -0.05
    assert sure.cases == sorted(sure.cases, key=lambda one: one.sure or 0)
    same = drifted(apart, [*then, *(msgspec.structs.replace(one, at=now[0].at) for one in then)], recent, margin=0.1)
    assert {one.verdict for one in same} == {"as it was"}
    few = drifted(Apart(ours=[], strange=[]), then[:10], recent)
    assert {one.verdict for one in few} == {"not shown"}


def test_a_person_by_what_is_said_and_not_by_misunderstandings() -> None:
    recent, apart = (NOW - timedelta(days=7)).isoformat(), Apart(ours=[], strange=[])
    whys = ["asked", "report_scam", "2 misunderstandings", "off", ""]
    now = [heard(f"b{n}", days=2, handed=whys[n % 5]) for n in range(200)]
    then = [heard(f"a{n}", days=20) for n in range(200)]
    found = {(one.name, one.against): one for one in drifted(apart, [*then, *now], recent)}
    assert found[HANDED, BEFORE].now == 0.4


def test_training_keeps_what_drift_is_measured_against(bank_script: Any) -> None:
    apart = learn.apart(bank_script)
    assert len(apart.sure) == len(apart.ours) > 100
    assert all(0 <= one <= 1 for one in apart.sure)
    assert 0 < apart.handed < len(apart.ours) / 2  # complaints and scams are a person's
    assert 0.5 < apart.barely < 1
    assert datetime.fromisoformat(learn.at_work_since(bank_script.workshop)) < datetime.now(UTC)


def test_the_commands_judge_watch_and_end_with_an_alarm(line: Any, tmp_path: Path) -> None:
    line.at = datetime.now(UTC)
    for n, text in enumerate(("how much is in savings?", "what is the meaning of life?", "who won the cup in 1966?")):
        line.name = f"c{n}"
        line(text)
    folder, log = str(line.talk.script.folder), ["--log", str(tmp_path / "log.db")]

    def run(*words: str, said: str = "") -> Result:
        return CliRunner().invoke(command_line(), ["assistant", *words], input=said)

    told = run("judge", folder, *log, "--as", "Ann", said="x\nn\nn\n")
    assert told.exit_code == 0
    assert "One letter: o, n, t or q." in told.output
    assert "2 judged" in told.output
    assert "It did: declines" in told.output
    assert "1 judged" in run("judge", folder, *log, "--as", "Bob", said="o\no\n").output  # what is left
    assert "0 judged" in run("judge", folder, *log, "--as", "Bob", said="o\n").output
    calm = run("promises", folder, *log)
    assert calm.exit_code == 0
    assert "false_refusal" in calm.output
    assert [e.kind for e in line.talk.log.entries("c0")].count("viewed") == 1  # who saw it is written down
    found = msgspec.json.decode(run("promises", folder, *log, "--json").stdout, type=watched.Watched)
    assert (found.turns, found.drawn) == (3, 3)
    for n in range(200):
        put(line.talk.log, f"slow{n}", "my balance", days=59, ms=400.0)
    alarmed = run("promises", folder, *log)
    assert alarmed.exit_code == 1
    assert "Alarm: reply_p95: 400 ms at the 95th percentile of 203 turns. 200 took longer than 150ms." in " ".join(
        alarmed.output.split()
    )
    assert "  slow" in alarmed.output


def test_a_server_says_an_alarm_in_its_log(bank_script: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = open_log(tmp_path / "kept.db")
    for n in range(200):
        put(kept, f"slow{n}", "my balance", days=59, ms=400.0)
    kept.close()
    with served.opened(bank_script.folder, log=str(tmp_path / "kept.db")):
        until = time.monotonic() + 20
        while "alarm" not in caplog.text and time.monotonic() < until:
            time.sleep(0.05)
    assert "alarm of Nova Bank helper, reply_p95: 400 ms" in caplog.text
