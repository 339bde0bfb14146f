"""A specialist to a folder and back: equal, or refused with a reason before anything of it is used."""

from __future__ import annotations

import contextlib
import copy
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metier import artifact, lazy
from metier import folder as folders
from metier.cascade import Cascade, Stage, run_stage
from metier.decide.accept import Rule
from metier.decide.calibrate import Blend
from metier.decide.exits import Exit
from metier.decide.scope import Novelty, Scope
from metier.encoders.ngrams import NgramEncoder
from metier.errors import ArtifactError, CannotWrite, Damaged, NotASpecialist, NotReplayed, UnknownSchema
from metier.folder import DESCRIPTION
from metier.heads.hashed import HashedHead
from metier.heads.kernel import KernelHead
from metier.specialist import Golden, Specialist
from metier.types import Decision, Input, Scores, State, Vectors

CELLS = [
    "My card has not come yet", "Where is the card you sent me?", "still waiting for my new card",
    "How long does a replacement card take?", "I was charged twice for one coffee",
    "There is a payment I never made", "why did you take 20 euros from me", "A shop billed me two times 😠",
]  # fmt: skip
TRUTH = np.repeat([0, 1], 4)
ONE_HOT = np.eye(2, dtype=np.float32)[TRUTH]
ASKED = [*CELLS, "card", "twice", "the meaning of life", "", None, 7, "🏦" * 300]
EXTRA = {"report.html": b"<!doctype html>", "report.json": b"{}"}


class Worded:
    """Counts of the words in a file of words: an encoder with config, an array and a file."""

    kind = "worded.v1"
    head = "kernel"

    def __init__(self, words: bytes, weight: float = 1.0) -> None:
        self.words, self.weight = words, weight

    @property
    def width(self) -> int:
        return len(self.words.split())

    def fit(self, values: Sequence[str]) -> Self:
        return self

    def encode(self, values: Sequence[str]) -> Vectors:
        words = self.words.decode().split()
        counts = [[self.weight * value.lower().split().count(word) for word in words] for value in values]
        return np.array(counts, np.float32).reshape(len(values), len(words))

    def state(self) -> State:
        return State(
            config={"width": self.width},
            arrays={"weight": np.array(self.weight), "none": np.zeros((0, 3), np.int8)},
            files={"words.txt": self.words},
        )

    @classmethod
    def restore(cls, state: State) -> Self:
        restored = cls(state.files["words.txt"], float(state.arrays["weight"]))
        assert restored.width == state.config["width"]
        return restored


@pytest.fixture(autouse=True, scope="module")
def worded_is_installed() -> Any:
    """As if another package had brought it."""
    module = ModuleType("another_package")
    module.ENCODER = Worded  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "another_package", module)
        patch.setitem(lazy.names("encoders"), "worded", "another_package")
        yield


def stage(encoder: Any, head: Any, earlier: Scores | None, leave_at: float) -> Stage:
    encoded = encoder.encode(CELLS)
    own = head.fit(encoded, ONE_HOT, loss="softmax", seed=0).scores(encoded)[None]
    scores = own if earlier is None else np.concatenate([earlier, own])
    novelty = Novelty.fit(encoded, TRUTH)
    return Stage(
        encoder=encoder,
        head=head.fit(encoded, ONE_HOT, loss="softmax", seed=0),
        calibrator=Blend.fit(scores, TRUTH),
        scope=Scope.fit(novelty, novelty.of(encoded), scores, newest=1),
        exit=Exit(confidence=leave_at, familiarity=0.0),
    )


def made(words: bytes = b"card payment charged twice", more_words: bytes | None = None) -> Specialist:
    """Real parts over eight rows; a second stage of words, and a third where `more_words` are given."""
    first = stage(NgramEncoder().fit(CELLS), HashedHead(hidden=8, epochs=30), None, 0.89)
    earlier = run_stage(first, CELLS, None).scores
    stages = [first, stage(Worded(words), KernelHead(), earlier, 0.0)]
    if more_words is not None:
        stages.append(stage(Worded(more_words), KernelHead(), run_stage(stages[1], CELLS, earlier).scores, 0.0))
    specialist = Specialist(
        name="tiny",
        inputs=(Input(column="query", domain="text"),),
        task="classify",
        labels=("card", 'charge "🏦"'),
        target_column="intent",
        cascade=Cascade(stages=tuple(stages)),
        rule=Rule(
            false_refusal=0.02, max_error=None, scope_threshold=0.01, accept_threshold=0.6, candidate_threshold=0.2
        ),
        recipe={"effort": "quick", "seed": 0, "choices": [1, {"a": None}]},
        origin={"source": "eight rows", "rows": 8},
        figures={"accuracy": {"value": 0.875, "low": 0.5, "high": 0.97, "rows": 8}},
    )
    decisions = specialist.predict(CELLS)
    golden = [
        Golden(cell=cell, label=said.label, probability=said.probability, stage=said.stage)
        for cell, said in zip(CELLS, decisions, strict=True)
    ]
    return replace(specialist, golden=tuple(golden))


@pytest.fixture(scope="module")
def specialist() -> Specialist:
    return made()


@pytest.fixture
def folder(specialist: Specialist, tmp_path: Path) -> Path:
    artifact.save(specialist, tmp_path / "tiny", extra_files=EXTRA)
    return tmp_path / "tiny"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def decided(specialist: Specialist) -> list[Decision]:
    return [replace(decision, microseconds=0.0) for decision in specialist.predict(ASKED)]


def rewrite(folder: Path, said: Any) -> None:
    """A false description under a true seal."""
    (folder / DESCRIPTION).write_bytes(folders.seal(json.dumps(said, indent=1)))


# --- there and back


def test_what_comes_back_is_what_was_saved(specialist: Specialist, folder: Path) -> None:
    loaded = artifact.load(folder)
    assert decided(loaded) == decided(specialist)
    assert {decision.stage for decision in decided(loaded)} == {0, 1, 2}, "every stage and bad input were asked"
    for name in ("name", "inputs", "task", "labels", "target_column", "rule", "recipe", "origin"):
        assert getattr(loaded, name) == getattr(specialist, name)
    assert (loaded.figures, loaded.golden) == (specialist.figures, specialist.golden)


def test_what_comes_back_is_saved_to_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    artifact.save(artifact.load(folder), tmp_path / "again", extra_files=EXTRA)
    assert contents(tmp_path / "again") == contents(folder)


def test_the_same_specialist_gives_the_same_bytes_in_another_process_and_place(folder: Path, tmp_path: Path) -> None:
    artifact.save(made(), tmp_path / "deep" / "elsewhere", extra_files=dict(reversed(EXTRA.items())))
    assert contents(tmp_path / "deep" / "elsewhere") == contents(folder)


def test_the_folder_holds_plain_files_under_plain_names(folder: Path) -> None:
    assert set(contents(folder)) == {
        "specialist.json", "arrays.safetensors", "words.txt", "README.md", "report.html", "report.json"
    }  # fmt: skip
    assert contents(folder)["words.txt"] == b"card payment charged twice"


def test_a_file_that_two_stages_share_is_stored_once_and_two_under_two_names(tmp_path: Path) -> None:
    artifact.save(made(b"card twice", b"card twice"), tmp_path / "shared")
    assert "words.txt" in contents(tmp_path / "shared")
    artifact.save(made(b"card twice", b"payment"), tmp_path / "apart")
    assert {"stage2.encoder.words.txt", "stage3.encoder.words.txt"} < set(contents(tmp_path / "apart"))
    for name in ("shared", "apart"):
        artifact.load(tmp_path / name)


def test_arrays_are_named_by_their_part(folder: Path) -> None:
    from safetensors import safe_open

    with safe_open(folder / "arrays.safetensors", framework="np") as file:
        names = set(file.keys())
        assert file.metadata() is None
    assert {"stage1.encoder.idf", "stage1.head.table", "stage2.head.landmarks", "stage2.encoder.weight"} <= names


def test_show_needs_none_of_the_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(lazy.names("encoders"), "worded")
    (folder / "notes.txt").write_text("mine")
    said = artifact.describe(folder)
    assert (said["name"], said["schema"], said["labels"]) == ("tiny", 2, ["card", 'charge "🏦"'])
    assert said["unlisted"] == ["notes.txt"]
    assert said["bytes"] == sum(map(len, contents(folder).values())) - len("mine")


# --- what is refused


def test_every_flipped_bit_in_every_file_is_refused(folder: Path) -> None:
    chance = random.Random(0)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for place in chance.sample(range(len(whole)), min(len(whole), 25)):
            changed = bytearray(whole)
            changed[place] ^= 1 << chance.randrange(8)
            path.write_bytes(changed)
            for use in (artifact.load, artifact.describe):
                with pytest.raises(Damaged, match=f"{path.name}.*Copy the folder again"):
                    use(folder)
        path.write_bytes(whole)
    artifact.load(folder)


def test_every_missing_file_is_refused(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        path.unlink()
        problem = "has no specialist.json" if path.name == DESCRIPTION else f"'{path.name}' is missing"
        with pytest.raises((Damaged, NotASpecialist), match=problem):
            artifact.load(folder)
        path.write_bytes(whole)


def test_a_newer_schema_is_refused_by_its_number(folder: Path) -> None:
    said = folders.read_description(folder)
    for schema in (3, 0, -1, "1", True, None):
        rewrite(folder, {**said, "schema": schema, "files": "quite another thing"})
        with pytest.raises(UnknownSchema, match=rf"written in schema {schema!r}.*reads up to 2.*pip install -U metier"):
            artifact.load(folder)


def test_an_older_schema_is_brought_up_step_by_step(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = folders.read_description(folder)
    said["trade"] = said.pop("name")
    rewrite(folder, said)

    def named_name(said: dict[str, Any]) -> dict[str, Any]:
        return {("name" if key == "trade" else key): value for key, value in said.items()}

    def in_capitals(said: dict[str, Any]) -> dict[str, Any]:
        return {**said, "name": said["name"].upper()}

    now = artifact.SCHEMA
    monkeypatch.setattr(artifact, "SCHEMA", now + 2)
    monkeypatch.setattr(artifact, "UPGRADES", {now: named_name, now + 1: in_capitals})
    assert artifact.load(folder).name == "TINY"


def test_schema_1_with_its_one_input_is_still_read(specialist: Specialist, folder: Path) -> None:
    said = folders.read_description(folder)
    del said["inputs"], said["target"]
    rewrite(folder, {**said, "schema": 1, "domain": "text", "columns": {"input": "query", "target": "intent"}})
    loaded = artifact.load(folder)
    assert (loaded.inputs, loaded.target_column) == (specialist.inputs, "intent")
    assert decided(loaded) == decided(specialist)


def test_a_kind_of_before_that_is_still_read_is_taken(folder: Path) -> None:
    said = folders.read_description(folder)
    for one in said["stages"]:
        one["scope"]["kind"] = "scope.v2"
    rewrite(folder, said)
    assert artifact.load(folder).cascade.stages[1].scope.kind == "scope.v4"


@pytest.mark.parametrize(
    "kind", ["hashed.v2", "hashed", "nothing.v1", "../hashed.v1", "base.v1", "kernel.v1x", "", "os"]
)
def test_an_unknown_kind_is_refused_by_its_name(folder: Path, kind: str) -> None:
    said = folders.read_description(folder)
    said["stages"][0]["head"]["kind"] = kind
    said["stages"][1]["encoder"]["kind"] = "later.v7"
    rewrite(folder, said)
    with pytest.raises(UnknownSchema) as caught:
        artifact.load(folder)
    for part in (f"stage1.head is a {kind!r}", "stage2.encoder is a 'later.v7'", "pip install -U metier"):
        assert part in str(caught.value)


def test_an_unknown_domain_is_refused_by_its_name(folder: Path) -> None:
    rewrite(folder, {**folders.read_description(folder), "inputs": [{"column": "query", "domain": "smells"}]})
    with pytest.raises(UnknownSchema, match="the domain is 'smells'"):
        artifact.load(folder)


def test_all_fields_that_are_missing_wrong_or_new_are_named(folder: Path) -> None:
    said = folders.read_description(folder)
    del said["rule"]
    rewrite(folder, {**said, "labels": "card", "mood": "good"})
    with pytest.raises(Damaged, match=r"the whole: missing or of another type: labels, rule; not known: mood"):
        artifact.load(folder)


@pytest.mark.parametrize("labels", [[], ["one"], ["a", "a"], ["a", 1]])
def test_labels_that_are_none_are_refused(folder: Path, labels: list[Any]) -> None:
    rewrite(folder, {**folders.read_description(folder), "labels": labels})
    with pytest.raises(Damaged, match="Expected two or more texts, each once"):
        artifact.load(folder)


def test_a_part_whose_arrays_are_gone_does_not_come_back(folder: Path) -> None:
    import safetensors.numpy

    said, path = folders.read_description(folder), folder / "arrays.safetensors"
    arrays = safetensors.numpy.load(path.read_bytes())
    del arrays["stage1.head.table"]
    path.write_bytes(safetensors.numpy.save(arrays))
    said["files"][path.name] = folders.listed({path.name: path.read_bytes()})[path.name]
    rewrite(folder, said)
    with pytest.raises(Damaged, match=r"does not come back \(KeyError: 'table'\)"):
        artifact.load(folder)


@pytest.mark.parametrize(
    "change", [{"label": "card!"}, {"label": None}, {"stage": 2}, {"probability": 0.5}, {"cell": "twice"}]
)
def test_rows_that_come_out_differently_are_named_with_both_outcomes(
    specialist: Specialist, tmp_path: Path, change: dict[str, Any]
) -> None:
    golden = list(specialist.golden)
    assert golden[2].stage == 1
    golden[2] = replace(golden[2], **change)
    artifact.save(replace(specialist, golden=tuple(golden)), tmp_path / "tiny")
    with pytest.raises(NotReplayed, match=r"golden row 3 \(.*: was .* trained, is .* here\. Expected") as caught:
        artifact.load(tmp_path / "tiny")
    assert f"{golden[2].label!r} ({golden[2].probability:.6f}, stage {golden[2].stage})" in str(caught.value)
    artifact.load(tmp_path / "tiny", replay=False)


def test_a_probability_may_differ_as_much_as_another_cpu_makes_it(specialist: Specialist, tmp_path: Path) -> None:
    near = [replace(row, probability=row.probability + 0.0009) for row in specialist.golden]
    artifact.save(replace(specialist, golden=tuple(near)), tmp_path / "tiny")
    artifact.load(tmp_path / "tiny")


PLAIN = (
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=4)


@pytest.fixture(scope="module")
def honest(specialist: Specialist, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("fuzzed") / "tiny"
    artifact.save(specialist, folder)
    return folder, folders.read_description(folder)


@given(data=st.data())
@settings(max_examples=250, deadline=None)
def test_no_false_description_gives_anything_but_a_refusal(
    honest: tuple[Path, dict[str, Any]], data: st.DataObject
) -> None:
    """Changed anywhere and sealed again, as no accident would: what still loads has still given its golden rows."""
    folder, said = honest[0], copy.deepcopy(honest[1])
    place: Any = said
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.integers(0, 4)) == 0:
            break
        place = place[key]
    if data.draw(st.booleans()):
        del place[key]
    else:
        place[key] = data.draw(JSON)
    rewrite(folder, said)
    with contextlib.suppress(ArtifactError):
        assert len(artifact.load(folder).predict(CELLS)) == len(CELLS)


# --- saving


def test_extra_files_cannot_stand_in_for_the_specialists_own(specialist: Specialist, tmp_path: Path) -> None:
    for name in ("arrays.safetensors", "README.md", "words.txt"):
        with pytest.raises(ValueError, match=f"{name} would replace a file of the specialist"):
            artifact.save(specialist, tmp_path / "tiny", extra_files={name: b""})
    for name in ("specialist.json", "../x", "a/b"):
        with pytest.raises(ValueError, match="expected distinct names"):
            artifact.save(specialist, tmp_path / "tiny", extra_files={name: b""})
    assert list(tmp_path.iterdir()) == []


def test_what_could_not_be_read_back_is_not_written(
    specialist: Specialist, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(lazy.names("encoders"), "worded")
    with pytest.raises(UnknownSchema, match=r"stage2\.encoder is a 'worded\.v1'"):
        artifact.save(specialist, tmp_path / "tiny")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_specialist_is_left_alone(specialist: Specialist, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(CannotWrite, match=r"holds 'thesis\.tex' and is no sound specialist"):
        artifact.save(specialist, tmp_path)
    assert contents(tmp_path) == {"thesis.tex": b"years of work"}


def test_a_specialist_is_replaced_by_the_next(specialist: Specialist, folder: Path) -> None:
    artifact.save(replace(specialist, name="next"), folder)
    assert artifact.load(folder).name == "next"
    assert "report.html" not in contents(folder)
