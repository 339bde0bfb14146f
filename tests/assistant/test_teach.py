"""Teaching: one proposes, another agrees, files grow at their end, a candidate is measured, promoted, rolled back."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from metier.assistant import learn, minds, outcomes, read, served, transcripts, workshop
from metier.assistant.base import Message
from metier.assistant.desk import Desk
from metier.assistant.gaps import gaps
from metier.assistant.store import Log, open_log, plain
from metier.assistant.teach import BadProposal, Teaching
from metier.cli import command_line
from metier.errors import BadOption
from metier.gateway.redact import redacted

PHRASE = "what do I have left to spend"


@pytest.fixture
def home(bank_script: Any, tmp_path: Path) -> Path:
    """The trained example, to be changed."""
    return Path(shutil.copytree(bank_script.folder, tmp_path / "bank"))


@pytest.fixture
def teaching(home: Path, log: Log) -> Teaching:
    return Teaching(read.load(home), log, redacted)


def test_what_one_proposes_another_adds_to_the_authors_files(teaching: Teaching, home: Path) -> None:
    id = teaching.message(PHRASE, "job:balance", who="Ann")
    with pytest.raises(BadProposal, match="somebody else has to agree"):
        teaching.approve(id, who="Ann")
    assert teaching.approve(id, who="Bob") == home / "taught.csv"
    with pytest.raises(BadProposal, match="Bob has approved it already"):
        teaching.approve(id, who="Cid")
    script = read.load(home)
    assert script.taught == ((PHRASE, "job:balance"),)
    assert (PHRASE, "check_balance") in learn.teaching(script)["intent"]  # the label that the job goes by


def test_each_meaning_is_learnt_where_it_belongs(teaching: Teaching, home: Path) -> None:
    said = {
        "tell me, whom do you bank with": "outside",
        "does the plastic cost anything": "cards.md#replacement-fee",
        "fill up my wallet": "job:top_up",
    }
    for text, means in said.items():
        teaching.approve(teaching.message(text, means, who="Ann"), who="Bob")
    rows = learn.teaching(read.load(home))
    assert ("tell me, whom do you bank with", "outside") in rows["scope"]
    assert ("does the plastic cost anything", "cards.md#replacement-fee") in rows["knowledge"]
    assert ("fill up my wallet", "job:top_up") in rows["intent"]
    assert not [text for text, _ in rows["intent"] if text.startswith("does the plastic")]


def test_a_section_is_added_and_answers(teaching: Teaching, home: Path) -> None:
    given = ("cards.md", "Metal cards", "A metal card costs £90.", "how much is a metal card")
    before = (home / "knowledge" / "cards.md").read_text(encoding="utf-8")
    teaching.approve(teaching.section(*given, who="Ann"), who="Bob")
    script = read.load(home)
    assert script.knowledge["cards.md#metal-cards"].asked_as == ("how much is a metal card",)
    assert (home / "knowledge" / "cards.md").read_text(encoding="utf-8").startswith(before)
    with pytest.raises(BadProposal, match="is there already"):
        Teaching(script, teaching._log, redacted).section(*given, who="Ann")


def test_a_conversation_becomes_a_transcript_that_holds(line: Any, home: Path) -> None:
    line("my blue card is lost")
    line("what does a new card cost?")
    line("actually forget it")
    taught = Teaching(read.load(home), line.talk.log, redacted)
    taught.approve(taught.test(line.name, who="Ann"), who="Bob")
    (found,) = transcripts.read((home / "tests" / "taught.md").read_text(encoding="utf-8"), "taught.md")
    assert [one.said for one in found.exchanges][:1] == ["my blue card is lost"]
    assert [one.text for one in found.exchanges[0].expected] == ["starts lost_card", "asks replace"]
    with pytest.raises(BadProposal, match="Nothing was said"):
        taught.test("nobody", who="Ann")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("hello", "job:mortgage"), "nothing a message can mean"),
        (("   ", "job:balance"), "The text is empty"),
    ],
)
def test_what_cannot_be_taught_is_said(teaching: Teaching, given: tuple[str, str], said: str) -> None:
    with pytest.raises(BadProposal, match=said):
        teaching.message(*given, who="Ann")
    for file in ("../bank.py", "cards.txt", "/etc/motd.md"):
        with pytest.raises(BadProposal, match="no file of knowledge"):
            teaching.section(file, "A", "b", "", who="Ann")


def test_what_is_personal_reaches_no_file(teaching: Teaching, home: Path, tmp_path: Path) -> None:
    id = teaching.message("is 4539 1488 0343 6467 my card", "job:balance", who="Ann")
    teaching.approve(id, who="Bob")
    everything = b"".join(p.read_bytes() for p in [home / "taught.csv", *tmp_path.glob("log.db*")])
    assert b"4539" not in everything
    assert b"[CARD_1]" in everything


def test_where_nothing_can_be_written_a_proposal_stays_open(teaching: Teaching, home: Path) -> None:
    id = teaching.message(PHRASE, "job:balance", who="Ann")
    (home / "taught.csv").mkdir()
    with pytest.raises(BadProposal, match="It stays open"):
        teaching.approve(id, who="Bob")
    assert [one.standing for one in teaching.proposals()] == ["open"]


def test_a_refused_proposal_changes_nothing(teaching: Teaching, home: Path) -> None:
    id = teaching.message(PHRASE, "job:balance", who="Ann")
    teaching.refuse(id, who="Ann")  # she takes it back
    assert [one.standing for one in teaching.proposals()] == ["refused"]
    assert not (home / "taught.csv").exists()
    with pytest.raises(BadProposal, match="There is no proposal"):
        teaching.refuse("none", who="Ann")


@pytest.fixture(scope="module")
def relearnt(bank_script: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, workshop.Compared]:
    """The example with one message taught and a candidate learnt, and how the two compare."""
    folder = Path(shutil.copytree(bank_script.folder, tmp_path_factory.mktemp("relearnt") / "bank"))
    log = open_log(tmp_path_factory.mktemp("logs") / "log.db")
    teaching = Teaching(read.load(folder), log, redacted)
    teaching.approve(teaching.message(PHRASE, "job:balance", who="Ann"), who="Bob")
    keep_few_transcripts(folder)
    compared = workshop.retrain(folder, effort="quick")
    log.close()
    return folder, compared


@pytest.fixture
def retrained(relearnt: tuple[Path, workshop.Compared], home: Path) -> workshop.Compared:
    """The same in a home of this test's own."""
    shutil.rmtree(home)
    shutil.copytree(relearnt[0], home)
    return relearnt[1]


def keep_few_transcripts(home: Path) -> None:
    for path in (home / "tests").glob("*.md"):
        path.unlink()
    (home / "tests" / "few.md").write_text(
        "# Few\n\n## A balance\nas: ana\n> how much is in savings?\n< starts balance\n\n## Not ours\n"
        "> what is the meaning of life?\n< declines\n", encoding="utf-8",
    )  # fmt: skip


def test_a_candidate_is_measured_promoted_followed_and_rolled_back(retrained: workshop.Compared, home: Path) -> None:
    assert (retrained.before.passed, retrained.after.passed, retrained.after.failed) == (2, 2, [])
    assert (retrained.after.taught_right, retrained.after.taught) == (1, 1)
    assert retrained.after.accuracy["intent"] > 0.8
    assert workshop.candidate(home) == retrained

    def served_rows(talk: Any) -> int:
        return int(talk.rules.minds.intent.origin["rows"])

    with served.opened(home, log=str(home / "kept.db")) as talk:
        message = Message(id="1", text="I lost my card", at=datetime.now(UTC), customer="ana")
        assert talk.send("c1", message).state.job is not None
        before = served_rows(talk)
        workshop.promote(home)
        assert_soon(lambda: served_rows(talk) == before + 1)
        answer = Message(id="2", text="the blue one", at=datetime.now(UTC), customer="ana")
        assert talk.send("c1", answer).state.pending.slot == "replace"  # the conversation goes on
        assert workshop.candidate(home) is None
        with pytest.raises(BadOption, match="no candidate"):
            workshop.promote(home)
        workshop.roll_back(home)
        assert_soon(lambda: served_rows(talk) == before)


def test_a_share_of_new_conversations_is_answered_by_the_candidate_and_ends_with_it(
    retrained: workshop.Compared, home: Path
) -> None:
    began = datetime.now(UTC)
    for share in (0.0, 1.0):
        with pytest.raises(BadOption, match="expected between 0 and 100 %"):
            workshop.attempt(home, share)

    def version(talk: Any, name: str, at: datetime = began) -> str:
        number = str(len(talk.log.entries(name)))
        talk.send(name, Message(id=number, text="what do I have left to spend", at=at, customer="ana"))
        return str([one.data["version"] for one in talk.log.entries(name) if one.kind == "received"][-1])

    with served.opened(home, log=str(home / "kept.db")) as talk:
        old = version(talk, "before")
        workshop.attempt(home, 0.4)
        fresh = [f"c{number}" for number in range(40)]
        assert_soon(lambda: talk.versions.of("c0", [], began) and talk.versions._tried is not None)
        found = {name: version(talk, name) for name in fresh}
        tried = [name for name in fresh if found[name] != old]
        assert 6 <= len(tried) <= 26  # of 40, at a share of 0.4
        assert len(set(found.values())) == 2
        assert version(talk, "before") == old  # it ends with what it began with
        by_version = outcomes.figures(outcomes.outcomes(talk.log, began)).versions
        assert {name: shares[0].of for name, shares in by_version.items()} == {
            old: 41 - len(tried), found[tried[0]]: len(tried),
        }  # fmt: skip
        assert workshop.versions(home) == {old: "served", found[tried[0]]: "candidate"}
        workshop.roll_back(home)  # it is tried no more, and still candidate
        assert_soon(lambda: talk.versions._tried is None)
        assert workshop.candidate(home) == retrained
        assert version(talk, tried[0]) == found[tried[0]]
        assert version(talk, "later") == old
        workshop.promote(home)
        assert_soon(lambda: talk.rules.minds.version != old)
        assert version(talk, "before") == old
        assert version(talk, "new") == found[tried[0]] == talk.rules.minds.version
        assert version(talk, "before", began + timedelta(hours=1)) == talk.rules.minds.version  # it begins anew
        assert talk.replay("before") == [
            plain(one.data) for one in talk.log.entries("before") if one.kind == "ended"
        ]  # each turn by the version that answered it


def assert_soon(true: Any) -> None:
    for _ in range(100):
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it never came")


def test_a_server_that_finds_a_damaged_candidate_goes_on_with_what_it_has(
    retrained: workshop.Compared, home: Path
) -> None:
    (home / "models.candidate" / "intent" / "specialist.json").write_text("{}", encoding="utf-8")
    with served.opened(home, log=str(home / "kept.db")) as talk:
        workshop.promote(home)
        time.sleep(1.5)
        message = Message(id="1", text="I lost my card", at=datetime.now(UTC), customer="ana")
        assert talk.send("c1", message).events[0].verb == "starts"


def test_two_at_once_are_told_apart(home: Path) -> None:
    with workshop._alone(home), pytest.raises(BadOption, match="somebody is training"):
        workshop.roll_back(home)
    with pytest.raises(BadOption, match="nothing was served before"):
        workshop.roll_back(home)


def test_the_commands_walk_the_whole_way(home: Path, retrained: workshop.Compared) -> None:
    runner = CliRunner()

    def run(*given: str, code: int = 0) -> str:
        done = runner.invoke(command_line(), ["assistant", *given])
        assert done.exit_code == code, done.output
        return done.output

    run("teach", str(home), "funds please, my name is Oliver Stone", "job:balance", "--as", "Ann")
    listed = run("review", str(home))
    assert "funds please" in listed
    assert "Oliver" not in listed
    id = listed.split()[0]
    assert "--as says who" in run("review", str(home), "--approve", id, code=1)
    assert "taught.csv" in run("review", str(home), "--approve", id, "--as", "Bob")
    assert "5% of the conversations" in run("promote", str(home), "--share", "5%")
    assert workshop.tried(home)[1] == 0.05
    assert "tried no more" in run("rollback", str(home))
    assert "transcripts passed" in run("promote", str(home))
    run("rollback", str(home))
    assert "there is no candidate" in " ".join(run("promote", str(home), code=1).split())


def test_the_desk_has_it(line: Any) -> None:
    desk = Desk(line.talk)
    assert desk.teaching.meanings()["job:balance"] == "a balance"
    assert minds.trained(line.talk.script)


def test_what_is_declined_is_grouped_by_what_it_means(line: Any) -> None:
    asked = ["what is the weather today", "will it rain tomorrow", "is it going to rain", "tell me a joke", "hello"]
    for place, text in enumerate([*asked, "will it rain tomorrow"]):
        line.name = f"g{place}"
        line(text)
    found = gaps(line.talk.log)
    assert "rain" in found[0].examples[0]
    assert (found[0].count, found[0].why) == (3, "declined")  # one of them twice
    assert not any("hello" in one.examples for one in found)


def test_nothing_declined_is_no_gap(log: Log) -> None:
    assert gaps(log) == []
