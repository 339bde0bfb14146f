"""The ledger on SQLite and on PostgreSQL: the same tests on both."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from metier.errors import BadOption, CannotWrite
from metier.gateway.base import Answer, Ask, Caller, Outcome
from metier.gateway.compare import better
from metier.gateway.energy import Stated
from metier.gateway.ledger import Ledger, Pair
from metier.gateway.prices import Price, price_of
from metier.gateway.upstream import Bill
from metier.gateway.watch import alarms
from metier.types import Candidate, Decision, Extraction, Found

PRICE = Price(input=Decimal("0.15"), output=Decimal("0.60"))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    address = str(request.getfixturevalue("postgres"))
    import psycopg

    with psycopg.connect(address, autocommit=True) as connection:
        for table in ("answers", "feedback", "shadows"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
    return address


def decision(label: str | None = "card", probability: float = 0.9, reason: Any = None) -> Decision:
    return Decision(
        label=label, probability=probability, accepted=label is not None, reason=reason, scope=0.5,
        candidates=(Candidate(label="card", probability=probability),), stage=1, microseconds=3600.0,
    )  # fmt: skip


def noted(
    ledger: Ledger, id: str, said: Decision | None = None, bill: Bill | None = None, text: str = "my card"
) -> Ask:
    said = said or decision()
    ask = Ask(cells=[text], model="bank", id=id, protocol="openai", caller=Caller(key="k1", role="ask"))
    by = "upstream" if bill else "specialist"
    outcome = Outcome(decision=said, probabilities={"card": said.probability}, served_by=by, id=id)
    answer = Answer(
        id=id, model="bank", version="3", task="classify", labels=("card", "loan"), outcomes=[outcome], milliseconds=1.5
    )
    ledger.note(ask, answer, [bill])
    ledger.shadowed(ask, answer, "4", [said if isinstance(said, Extraction) else decision("loan")])
    return ask


def test_totals_add_up_to_the_cent(url: str) -> None:
    ledger = Ledger(url, compared=PRICE, meter=Stated(65, 2))
    bills = [Bill(model="big", tokens_in=100, tokens_out=5, dollars=Decimal("0.0000181")) for _ in range(1000)]
    for i, bill in enumerate(bills):
        noted(ledger, f"up-{i}", bill=bill)
    for i in range(500):
        noted(ledger, f"own-{i}")
    (total,) = ledger.totals()
    assert (total.answers, total.served_here) == (1500, pytest.approx(1 / 3))
    assert total.upstream_dollars == "0.018100"
    characters = len("my card") + len("cardloan") + 6
    assert total.compared_dollars == f"{1500 * PRICE.of_characters(characters):.6f}"
    assert total.watt_hours == pytest.approx(1500 * 3600e-6 / 3600 * 32.5)
    ledger.close()
    again = Ledger(url)
    assert again.totals()[0].answers == 1500
    again.close()


def test_inputs_are_kept_only_where_asked_for_and_then_redacted(url: str) -> None:
    ledger = Ledger(url)
    noted(ledger, "one", text="my card 4111 1111 1111 1111")
    assert ledger.latest()[0]["input"] is None
    ledger.close()
    ledger = Ledger(url, keep_inputs=True, redact=lambda text: text.replace("4111 1111 1111 1111", "[CARD]"))
    noted(ledger, "two", text="my card 4111 1111 1111 1111")
    assert ledger.latest()[0]["input"] == "my card [CARD]"
    ledger.close()


def test_what_an_extractor_found_is_kept_as_inputs_are(url: str) -> None:
    text, mark = "send £9 to Ana, card 4111 1111 1111 1111", "[card](4111 1111 1111 1111)"
    spans = tuple(
        Found(start=text.index(said), end=text.index(said) + len(said), label=label, text=said, value=None,
              probability=0.9, accepted=accepted)
        for label, said, accepted in (("name", "Ana", True), ("card", mark[7:-1], True), ("money", "£9", False))
    )  # fmt: skip
    sure = Extraction(
        label=f"[name](Ana) {mark}", probability=0.9, accepted=True, reason=None, scope=0.5, stage=1, microseconds=1.0,
        candidates=(Candidate(label="[money](£9)", probability=0.4),), spans=spans,
    )  # fmt: skip
    unsure = replace(sure, label=None, accepted=False, reason="unsure", spans=spans[2:])
    ledger = Ledger(url)
    for id, said in (("sure", sure), ("unsure", unsure)):
        noted(ledger, id, said, text=text)
        ledger.feedback(id, f"[name](Ana) {mark}")
    assert {one["id"]: one["label"] for one in ledger.latest()} == {"sure": "[name] [card]", "unsure": "[money]"}
    assert ledger.judged("bank", "3").wrong == 0
    assert {(one.watching, one.truth) for one in ledger.pairs("bank", "4")} == {
        ("[name] [card]", "[name] [card]"), (None, "[name] [card]")
    }  # fmt: skip
    ledger.close()
    ledger = Ledger(url, keep_inputs=True, redact=lambda text: text.replace("4111 1111 1111 1111", "[CARD_1]"))
    noted(ledger, "kept", sure, text=text)
    assert ledger.latest()[0]["label"] == "[name](Ana) [card]([CARD_1])"
    ledger.close()


def test_feedback_is_there_when_it_is_acknowledged_and_teaches(url: str) -> None:
    ledger = Ledger(url, keep_inputs=True)
    noted(ledger, "one", decision(None, reason="unsure"), text="the plastic thing")
    assert [one["id"] for one in ledger.latest(doubtful=True)] == ["one"]
    ledger.feedback("one", "loan", key="k2")
    ledger.feedback("one", "card", key="k2")
    assert ledger.latest(doubtful=True) == []
    assert ledger.rows("bank") == [("the plastic thing", "card")]
    with pytest.raises(BadOption, match="no answer 'two'"):
        ledger.feedback("two", "card")
    ledger.close()


def test_a_server_that_was_away_is_asked_again(postgres: str) -> None:
    import psycopg

    ledger = Ledger(postgres)
    noted(ledger, f"before-{time.time_ns()}")
    ledger.flush()
    with psycopg.connect(postgres, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    name = f"after-{time.time_ns()}"
    noted(ledger, name)
    ledger.feedback(name, "card")
    assert ledger.lost == 0
    ledger.close()


def test_a_broken_promise_and_a_drift_raise_an_alarm(url: str) -> None:
    class Rule:
        max_error, false_refusal = 0.02, 0.02

    ledger = Ledger(url)
    rules = {("bank", "3"): Rule()}
    for i in range(30):
        noted(ledger, f"a{i}")
        ledger.feedback(f"a{i}", "card")
    assert alarms(ledger, rules) == []
    for i in range(5):
        ledger.feedback(f"a{i}", "loan")
    (alarm,) = alarms(ledger, rules)
    assert alarm.broken
    assert "of 30 answers that people looked at 5 were" in alarm.text
    for i in range(250):
        noted(ledger, f"b{i}", decision(None, reason="out_of_scope") if i % 3 == 0 else decision())
    assert [one.broken for one in alarms(ledger, rules)] == [True, False]
    ledger.close()


def test_versions_are_compared_in_pairs(url: str) -> None:
    ledger = Ledger(url)
    for i in range(20):
        noted(ledger, f"a{i}")
        ledger.feedback(f"a{i}", "loan" if i < 15 else "card")
    found = better(ledger.pairs("bank", "4"))
    assert (found.pairs, found.won, found.lost, found.better) == (20, 15, 5, True)
    ledger.close()


@pytest.mark.parametrize(("won", "lost", "is_better"), [(0, 0, False), (5, 0, False), (8, 0, True), (30, 20, False)])
def test_better_is_a_matter_of_the_whole_range(won: int, lost: int, is_better: bool) -> None:
    pairs = [Pair(served="a", watching="b", truth="b")] * won + [Pair(served="a", watching="b", truth="a")] * lost
    assert better([*pairs, Pair(served="a", watching="a", truth="a")]).better is is_better


def test_an_unknown_price_is_an_error_and_never_nothing() -> None:
    assert price_of("gpt-5-nano").of(tokens_in=1_000_000, tokens_out=0) == Decimal("0.05")
    with pytest.raises(BadOption, match="No price is known for 'llama'"):
        price_of("llama")


def test_a_ledger_that_cannot_be_opened_says_so_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="Name a file in a folder"):
        Ledger(str(tmp_path / "none" / "ledger.db"))
    pytest.importorskip("psycopg", reason="the package psycopg is not installed")
    with pytest.raises(CannotWrite) as caught:
        Ledger("postgresql://me:secret@127.0.0.1:9/x")
    assert "secret" not in str(caught.value)


KILLED = """
import sys
sys.path.insert(0, sys.argv[2])
from test_ledger import noted
from metier.gateway.ledger import Ledger
ledger = Ledger(sys.argv[1])
for i in range(100000):
    noted(ledger, f"a{i}")
    if i % 50 == 0:
        ledger.feedback(f"a{i}", "card")
        print(i, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    url = str(tmp_path / "ledger.db")
    command = [sys.executable, "-c", KILLED, url, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(0.3)
        writer.kill()
        acknowledged = [int(line) for line in (first, *writer.stdout) if line.endswith("\n")]
    ledger = Ledger(url)
    total = ledger.totals()[0]
    assert total.corrected >= len(acknowledged) > 0
    assert total.answers >= acknowledged[-1] + 1
    ledger.close()


def test_what_people_corrected_teaches_the_next_version(tmp_path: Path) -> None:
    url = str(tmp_path / "ledger.db")
    ledger = Ledger(url, keep_inputs=True)
    for i, thing in enumerate(("purple plastic", "square plastic", "shiny plastic", "old plastic", "new plastic")):
        noted(ledger, f"a{i}", decision(None, reason="unsure"), text=f"about my {thing}")
        ledger.feedback(f"a{i}", "card")
    ledger.close()
    rows = [(f"{word} my {word} {i}", word) for word in ("card", "loan") for i in range(30)]
    (tmp_path / "rows.csv").write_text("text,label\n" + "\n".join(",".join(row) for row in rows))
    base = [sys.executable, "-m", "metier", "train", str(tmp_path / "rows.csv"), "--effort", "quick", "-o"]
    done = subprocess.run([*base, str(tmp_path / "bank"), "--from-ledger", url], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "5 corrected answers learn beside them" in done.stderr
    said = json.loads((tmp_path / "bank" / "specialist.json").read_text())
    assert said["origin"]["rows"] == 65
    other = subprocess.run([*base, str(tmp_path / "else"), "--from-ledger", url], capture_output=True, text=True)
    assert other.returncode == 1
    assert "nothing that 'else' was asked is kept there" in other.stderr
