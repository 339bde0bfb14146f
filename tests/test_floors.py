"""Keeps the order of the package: a file imports only from floors below its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "metier"

# What each floor holds, from the ground up. A name that ends in a slash is a folder.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("types.py", "errors.py", "lazy.py"),
    ("data/", "encoders/", "decide/", "database.py"),
    ("domains/", "heads/", "findings.py", "evaluation.py", "judge.py", "judges/", "folder.py", "checkpoint.py"),
    ("tasks/",),
    ("columns.py", "targets.py", "record.py", "parting.py", "cascade.py", "specialist.py", "card.py", "installed.py"),
    ("retrieval/__init__.py", "retrieval/words.py", "retrieval/vectors.py", "retrieval/fusion.py"),
    ("retrieval/library.py",),
    ("retrieval/weigher.py",),
    ("retrieval/retriever.py", "retrieval/learn.py"),
    ("extraction/__init__.py", "extraction/language.py", "extraction/words.py", "extraction/personal.py"),
    (
        "extraction/amounts.py",
        "extraction/rows.py",
        "extraction/marks.py",
        "extraction/moments.py",
        "extraction/signs.py",
    ),
    ("extraction/linear.py", "extraction/silent.py", "extraction/vectors.py"),
    ("extraction/crf.py", "extraction/familiar.py", "extraction/tagger.py", "extraction/value.py"),
    ("extraction/pair.py", "extraction/stage.py"),
    ("extraction/adjoining.py", "extraction/extractor.py", "extraction/newness.py"),
    ("extraction/learn.py",),
    ("extraction/tuned.py",),
    ("extraction/teachers.py",),
    ("forms/",),
    ("affordable.py", "artifact.py", "checks.py", "evidence.py", "examples.py", "learn.py", "settle.py", "timing.py"),
    ("train.py", "evaluate.py", "audit.py", "report/", "registry.py"),
    ("bucket.py",),
    ("kinds/",),
    # the gateway, whose parts stand on one another
    ("gateway/__init__.py", "gateway/base.py", "gateway/counts.py", "gateway/energy.py"),
    ("gateway/prices.py", "gateway/redact.py"),
    ("gateway/settings.py", "gateway/batch.py", "gateway/keys.py", "gateway/vectors.py"),
    ("gateway/upstream.py", "gateway/pool.py"),
    ("gateway/ledger.py", "gateway/metrics.py", "gateway/traces.py"),
    ("gateway/watch.py", "gateway/compare.py"),
    ("gateway/gateway.py",),
    # an assistant, from its values to its conversations
    (
        "assistant/__init__.py",
        "assistant/base.py",
        "assistant/clocks.py",
        "assistant/dates.py",
        "assistant/spelling.py",
        "assistant/wording.py",
    ),
    (
        "assistant/answers.py",
        "assistant/cues.py",
        "assistant/hours.py",
        "assistant/knowledge.py",
        "assistant/labelled.py",
        "assistant/names.py",
        "assistant/scope.py",
    ),
    ("assistant/state.py", "assistant/store.py", "assistant/strict.py", "assistant/templates.py"),
    (
        "assistant/actions.py",
        "assistant/learn.py",
        "assistant/opinions.py",
        "assistant/read.py",
        "assistant/rasa/__init__.py",
        "assistant/rasa/marks.py",
        "assistant/rasa/nodes.py",
        "assistant/rasa/written.py",
    ),
    (
        "assistant/judged.py",
        "assistant/minds.py",
        "assistant/moment.py",
        "assistant/outside.py",
        "assistant/transcripts.py",
        "assistant/rasa/flows.py",
        "assistant/rasa/standin.py",
    ),
    (
        "assistant/starter.py",
        "assistant/called.py",
        "assistant/drifted.py",
        "assistant/mentions.py",
        "assistant/promises.py",
        "assistant/tested.py",
        "assistant/values.py",
        "assistant/rasa/project.py",
    ),
    ("assistant/slots.py", "assistant/watched.py", "assistant/rasa/kinds.py"),
    ("assistant/person.py", "assistant/rasa/draft.py"),
    ("assistant/jobs.py", "assistant/check.py", "assistant/rasa/calm.py", "assistant/rasa/classic.py"),
    ("assistant/writer.py", "assistant/rasa/trials.py"),
    ("assistant/topics.py",),
    ("assistant/question.py",),
    ("assistant/turn.py",),
    ("assistant/versions.py",),
    ("assistant/talk.py", "assistant/login.py"),
    ("assistant/web.py", "assistant/teach.py", "assistant/outcomes.py", "assistant/replayed.py", "assistant/kept.py"),
    ("assistant/trial.py",),
    (
        "assistant/workshop.py",
        "assistant/gaps.py",
        "assistant/subject.py",
        "assistant/pack.py",
    ),
    ("assistant/desk.py",),
    ("protocols/", "assistant/"),
    ("api.py", "app.py", "testing/"),
    ("estimator.py", "serving.py", "commands/", "__init__.py"),
    ("cli.py", "__main__.py"),
)

# Neighbours that may be imported all the same, in this direction only, and why.
NEIGHBOURS: dict[tuple[str, str], str] = {
    ("assistant/labelled.py", "assistant/names.py"): "a value that is somebody's name ends where a name does",
    ("lazy.py", "errors.py"): "what cannot be found is an error of ours",
    ("data/archive.py", "data/confined.py"): "an archive is unpacked in a process of its own",
    ("data/passages.py", "data/read.py"): "a table of passages is read like any other",
    ("data/frames.py", "data/confined.py"): "a job says in its words why it will not be done",
    ("data/read.py", "data/archive.py"): "one door to the readers behind it",
    ("data/sdf.py", "data/records.py"): "both formats are records of several lines",
    ("data/sequences.py", "data/records.py"): "both formats are records of several lines",
    ("data/read.py", "data/lines.py"): "one door to the readers behind it",
    ("data/read.py", "data/columnar.py"): "one door to the readers behind it",
    ("data/read.py", "data/series.py"): "one door to the readers behind it",
    ("data/read.py", "data/sdf.py"): "one door to the readers behind it",
    ("data/read.py", "data/sequences.py"): "one door to the readers behind it",
    ("data/read.py", "data/spans.py"): "one door to the readers behind it",
    ("decide/drawn.py", "decide/measure.py"): "strata are joined by their exact ranges",
    ("decide/accept.py", "decide/measure.py"): "a promise is tested by the same exact range that reports it",
    ("encoders/descriptors.py", "encoders/fingerprint.py"): "a fingerprint folded is one still",
    ("encoders/descriptors.py", "encoders/molecules.py"): "what is described is a molecule",
    ("encoders/fingerprint.py", "encoders/molecules.py"): "what is fingerprinted is a molecule",
    ("encoders/scaffolds.py", "encoders/molecules.py"): "what is taken apart is a molecule",
    ("encoders/clip.py", "encoders/hog.py"): "a frame is a picture",
    ("encoders/clip.py", "encoders/motion.py"): "where something moved is a picture, too",
    ("encoders/backbone.py", "encoders/hog.py"): "pictures are brought to one size in one way",
    ("encoders/convnet.py", "encoders/convnet_onnx.py"): "writes the graph, and is imported when needed",
    ("encoders/convnet.py", "encoders/convnet_torch.py"): "teaches, and is imported when needed",
    ("encoders/convnet.py", "encoders/hog.py"): "pictures are brought to one size in one way",
    ("encoders/convnet.py", "encoders/spectrum.py"): "a sound is seen as its bands over time",
    ("encoders/convnet_torch.py", "encoders/convnet_onnx.py"): "the names and shapes of the weights",
    ("encoders/mfcc.py", "encoders/spectrum.py"): "pools what it computes",
    ("encoders/convnet_torch.py", "encoders/one_thread.py"): "torch keeps to one thread while any network learns",
    ("encoders/convseq.py", "encoders/one_thread.py"): "torch keeps to one thread while any network learns",
    ("encoders/finetuned.py", "encoders/one_thread.py"): "torch keeps to one thread while any network learns",
    ("encoders/finetuned.py", "encoders/bert_onnx.py"): "what was taught becomes a graph of the same kind",
    ("encoders/finetuned.py", "encoders/sentence.py"): "a sentence encoder that was taught is one still",
    ("encoders/sentence.py", "encoders/bert_onnx.py"): "writes the graph, and is imported when needed",
    ("encoders/convseq.py", "encoders/alphabets.py"): "letters are numbered in one way",
    ("encoders/kmers.py", "encoders/alphabets.py"): "letters are numbered in one way",
    ("encoders/kmers.py", "encoders/near.py"): "near in k-mers is near as in words",
    ("encoders/residues.py", "encoders/alphabets.py"): "letters are numbered in one way",
    ("encoders/residues.py", "encoders/principal.py"): "many columns become few in one way",
    ("encoders/rocket.py", "encoders/channels.py"): "encoders of series scale their channels in one way",
    ("encoders/rocket.py", "encoders/principal.py"): "many columns become few in one way",
    ("encoders/summary.py", "encoders/channels.py"): "encoders of series scale their channels in one way",
    ("encoders/summary.py", "encoders/principal.py"): "many columns become few in one way",
    ("commands/assistant.py", "serving.py"): "a command is a door to it",
    ("commands/serve.py", "serving.py"): "a command is a door to it",
    ("columns.py", "targets.py"): "a target is among the columns",
    ("judge.py", "judges/base.py"): "a promise is kept or broken in one way",
    ("judges/base.py", "evaluation.py"): "the words for it",
    ("judge.py", "evaluation.py"): "it computes what is written down there",
    ("judges/retrieve.py", "evaluation.py"): "its figures read like those of names",
    ("judges/extract.py", "evaluation.py"): "its figures read like those of names",
    ("judges/regress.py", "evaluation.py"): "its figures read like those of names",
    ("judges/multilabel.py", "evaluation.py"): "its figures read like those of names",
    ("report/extract.py", "report/parts.py"): "a page is made of these pieces",
    ("report/extract.py", "report/plots.py"): "a page holds plots",
    ("report/multilabel.py", "report/parts.py"): "a page is made of these pieces",
    ("report/multilabel.py", "report/svg.py"): "plots are drawn with its shapes",
    ("report/classify.py", "report/plots.py"): "a page holds plots",
    ("report/classify.py", "report/parts.py"): "a page is made of these pieces",
    ("report/retrieve.py", "report/parts.py"): "a page is made of these pieces",
    ("report/retrieve.py", "report/plots.py"): "a page holds plots",
    ("report/regress.py", "report/parts.py"): "a page is made of these pieces",
    ("report/regress.py", "report/svg.py"): "plots are drawn with its shapes",
    ("report/page.py", "report/parts.py"): "a page is made of these pieces",
    ("report/page.py", "report/svg.py"): "a page escapes text the way its plots do",
    ("report/parts.py", "report/svg.py"): "a page escapes text the way its plots do",
    ("report/plots.py", "report/svg.py"): "plots are drawn with its shapes",
    ("examples.py", "learn.py"): "whether names teach is learnt from held-out rows",
    ("settle.py", "learn.py"): "what is settled are the scores that learning held out",
    ("specialist.py", "cascade.py"): "a specialist holds a cascade",
    ("specialist.py", "record.py"): "a cell may be a row of several columns",
    ("commands/assistant.py", "commands/chat.py"): "both name the folder and its outside in one way",
    ("commands/assistant.py", "commands/bring.py"): "the verbs of an assistant under their one name",
    ("commands/assistant.py", "commands/teach.py"): "the verbs of an assistant under their one name",
    ("commands/assistant.py", "commands/watch.py"): "the verbs of an assistant under their one name",
    ("commands/watch.py", "commands/chat.py"): "an assistant is named in one way",
    ("commands/watch.py", "commands/teach.py"): "its conversations are opened in one way",
    ("commands/assistant.py", "commands/records.py"): "the verbs of an assistant under their one name",
    ("commands/teach.py", "commands/chat.py"): "an assistant is named in one way",
    ("commands/records.py", "commands/chat.py"): "an assistant is named in one way",
    ("commands/records.py", "commands/teach.py"): "its conversations are opened in one way",
    ("__main__.py", "cli.py"): "the same door under another name",
    ("testing/domains.py", "testing/encoders.py"): "a domain's encoders are held to their own contract",
}


def test_every_file_imports_only_from_floors_below_its_own() -> None:
    found = [fault for file in files() for fault in faults(file, (SOURCE / file).read_text(encoding="utf-8"))]
    assert not found, "\n" + "\n".join(found)


def test_no_permission_outlives_its_use() -> None:
    used = {(file, to) for file in files() for _, to in imports(file, (SOURCE / file).read_text(encoding="utf-8"))}
    unused = [pair for pair in NEIGHBOURS if pair not in used]
    assert not unused, f"nobody needs these any more; take them out of NEIGHBOURS: {unused}"


@pytest.mark.parametrize(
    ("file", "code", "expected"),
    [
        ("heads/linear.py", "from metier.train import train", "heads/linear.py:1 (floor 2) imports train.py (floor "),
        ("heads/linear.py", "from metier.heads.base import Head", None),
        ("heads/linear.py", "def f():\n    import metier.heads.hashed", ":2 (floor 2) imports heads/hashed.py"),
        ("heads/linear.py", "from metier.domains import base", "heads/linear.py:1 (floor 2) imports domains/base.py"),
        ("heads/linear.py", "from . import base", None),
        ("train.py", "from .audit import audit", ") imports audit.py (floor "),
        ("train.py", "import metier", ") imports __init__.py (floor "),
        ("artifact.py", "from metier import card, lazy", None),
        ("novelty.py", "", "novelty.py stands on no floor. Add it to FLOORS in tests/test_floors.py"),
    ],
)
def test_the_rule_itself(file: str, code: str, expected: str | None) -> None:
    found = " ".join(faults(file, code))
    assert expected in found if expected else not found


def files() -> list[str]:
    """Every source file, as a path below the package."""
    return sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


def faults(file: str, code: str) -> Iterator[str]:
    """What a file imports that it may not, one sentence each."""
    own = floor(file)
    if own is None:
        yield f"{file} stands on no floor. Add it to FLOORS in tests/test_floors.py, as low as what it imports allows."
        return
    for line, to in imports(file, code):
        other = floor(to)
        if other is None or other < own or to == file or may(file, to):
            continue
        yield (
            f"{file}:{line} (floor {own}) imports {to} (floor {other}). A file imports only from floors below its own: "
            "move what is shared further down, or hand it in as an argument."
        )


def floor(file: str) -> int | None:
    """The floor a file stands on. An `__init__.py` of a folder stands with its folder."""
    for number, names in enumerate(FLOORS):
        if any(file == name or (name.endswith("/") and file.startswith(name)) for name in names):
            return number
    return None


def may(file: str, to: str) -> bool:
    """Whether a neighbour may be imported: `base.py` in one's folder, all of it by `__init__.py`, and those named."""
    one_folder = Path(file).parent == Path(to).parent != Path()
    usual = Path(to).name in ("base.py", "__init__.py") or Path(file).name == "__init__.py"
    return (one_folder and usual) or (file, to) in NEIGHBOURS


def imports(file: str, code: str) -> Iterator[tuple[int, str]]:
    """Line and file of every import from this package, those inside functions too."""
    package = ["metier", *Path(file).parent.parts]
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, to) for alias in node.names for to in [resolved(alias.name)] if to)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                to = resolved(f"{module}.{alias.name}", else_of=module)
                if to:
                    yield node.lineno, to


def resolved(module: str, else_of: str | None = None) -> str | None:
    """The file a module of this package lives in: `metier.heads.base` is heads/base.py; None for other packages."""
    if module.split(".")[0] != "metier":
        return None
    path = "/".join(module.split(".")[1:])
    for name in (f"{path}.py", f"{path}/__init__.py") if path else ("__init__.py",):
        if (SOURCE / name).is_file() or is_named(name):
            return name
    if else_of is not None:
        return resolved(else_of)
    return f"{path}.py"


def is_named(name: str) -> bool:
    """Whether the table speaks of a file that does not exist yet."""
    return any(name in names for names in FLOORS)
