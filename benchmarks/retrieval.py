"""Does a retriever find the passage that answers, and does it still where there are a million of them?

    python benchmarks/retrieval.py             # stackfaq, with peers on the same rows; a minute
    python benchmarks/retrieval.py million     # build and ask a million passages made of words; an hour of one core

Threads are held out: half of them are never learnt from, and their rephrased questions give the figure. Writes
benchmarks/results/retrieval.json.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import commit, machine
from numpy.typing import NDArray

import metier
from metier.judges.retrieve import gain

RESULTS = Path(__file__).parent / "results" / "retrieval.json"
DATA = Path(os.environ.get("METIER_DATA", "../shared/data")) / "stackfaq" / "stackExchange-FAQ.json"
MILLION, WORDS, VOCABULARY = 1_000_000, 24, 30_000
Order = Callable[[str], NDArray[np.int64]]  # a question -> passages, best first


def main(asked: Sequence[str]) -> None:
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in asked or ["stackfaq"]:
        figures = {"stackfaq": stackfaq, "million": million}[name]()
        about = {"date": time.strftime("%Y-%m-%d"), "commit": commit(), **machine(list(range(os.cpu_count() or 1)))}
        found[name] = {"figures": figures, "run": about}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def stackfaq() -> dict[str, Any]:
    """NDCG@10 of 719 answers for the rephrased questions of threads that nothing was learnt from."""
    threads = json.loads(DATA.read_text(encoding="utf-8"))["root"]["qapair"]
    answers = [_texts(one["answer"]) for one in threads]
    rephrased = [_texts(one["rephr"]) for one in threads]
    thread_of = np.repeat(np.arange(len(threads)), [len(some) for some in answers])
    rows = {
        "id": [f"{i}-{j}" for i, some in enumerate(answers) for j in range(len(some))],
        "question": [threads[i]["question"] for i in thread_of],
        "answer": [text for some in answers for text in some],
    }
    order = np.random.default_rng(0).permutation(len(threads))
    held, learnt = order[: len(order) // 2], order[len(order) // 2 :]
    pairs = [(q, "|".join(f"{i}-{j}" for j in range(len(answers[i])))) for i in learnt for q in rephrased[i]]
    questions = {"question": [q for q, _ in pairs], "passage": [names for _, names in pairs]}
    texts = [f"{q} {a}" for q, a in zip(rows["question"], rows["answer"], strict=True)]
    asks: dict[str, Order] = {
        "metier, the FAQ alone": _ours(metier.train(rows, task="retrieve")),
        "metier, and questions of the other threads": _ours(metier.train(rows, task="retrieve", questions=questions)),
        "BM25 (bm25s), stemmed": _bm25(texts),
        "MiniLM, cosine": _minilm(texts),
        "TF-IDF, cosine": _tfidf(texts),
    }
    figures: dict[str, Any] = {"questions": sum(len(rephrased[i]) for i in held), "passages": len(texts)}
    for who, ask in asks.items():
        started = time.perf_counter()
        gains = [
            gain(thread_of[ask(question)] == i, int((thread_of == i).sum())) for i in held for question in rephrased[i]
        ]
        draw = np.random.default_rng(0)
        again = [np.mean(draw.choice(gains, len(gains))) for _ in range(500)]
        low, high = np.quantile(again, [0.025, 0.975])
        ms = (time.perf_counter() - started) / len(gains) * 1000
        figures[who] = {"ndcg@10": float(np.mean(gains)), "low": float(low), "high": float(high), "ms a query": ms}
        print(f"{who:44} NDCG@10 {np.mean(gains):.3f} ({low:.3f} to {high:.3f}), {ms:.1f} ms a query", flush=True)
    return figures


def million() -> dict[str, Any]:
    """Memory to build and time to ask a library of a million passages; vectors of made texts, one each."""
    from metier.data.passages import Passage
    from metier.encoders.sentence import SentenceEncoder
    from metier.retrieval.library import TEXT, Library
    from metier.retrieval.vectors import Near, coded
    from metier.retrieval.words import Words

    random = np.random.default_rng(0)
    encoder = SentenceEncoder.build(None)
    some = encoder.encode([_made(random) for _ in range(2_000)])
    texts = [_made(random) for _ in range(MILLION)]
    started = time.perf_counter()
    codes, scales = np.empty((MILLION, some.shape[1]), np.int8), np.empty(MILLION, np.float32)
    for at in range(0, MILLION, 10_000):
        # encoding a million texts would take two hours and measures the encoder: theirs are drawn around real ones
        near = some[random.integers(0, len(some), 10_000)] + random.normal(0, 0.03, (10_000, some.shape[1]))
        near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
        codes[at : at + 10_000], scales[at : at + 10_000] = coded(near)
    library = Library(
        passages=tuple(Passage(name=str(i), heading="", text=text) for i, text in enumerate(texts)),
        encoder=encoder,
        words=Words.build(texts),
        near=Near.build(codes, scales, np.arange(MILLION)),
        kinds=np.full(MILLION, TEXT, np.int8),
    )
    built = time.perf_counter() - started
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    questions = [_made(random) for _ in range(50)]
    questions += [texts[i] for i in random.integers(0, MILLION, 150)]
    times = []
    for question in questions:
        started = time.perf_counter()
        library.find(question, library.vector(question))
        times.append((time.perf_counter() - started) * 1000)
    figures = {
        "passages": MILLION, "built in s, without encoding": built, "peak memory, GB": peak_gb,
        "query p50, ms": float(np.median(times)), "query p95, ms": float(np.quantile(times, 0.95)),
    }  # fmt: skip
    print(figures, flush=True)
    return figures


def _ours(retriever: Any) -> Order:
    return lambda question: retriever.weighed(question).passages


def _bm25(texts: Sequence[str]) -> Order:
    import bm25s

    from metier.retrieval.words import split

    engine = bm25s.BM25()
    engine.index([split(text) for text in texts], show_progress=False)
    return lambda question: np.argsort(-engine.get_scores(split(question)), kind="stable")


def _minilm(texts: Sequence[str]) -> Order:
    from metier.encoders.sentence import SentenceEncoder

    encoder = SentenceEncoder.build(None)
    vectors = encoder.encode(texts)
    return lambda question: np.argsort(-(vectors @ encoder.encode([question])[0]), kind="stable")


def _tfidf(texts: Sequence[str]) -> Order:
    from sklearn.feature_extraction.text import TfidfVectorizer

    model = TfidfVectorizer(sublinear_tf=True)
    rows = model.fit_transform(texts)
    return lambda question: np.argsort(-(rows @ model.transform([question]).T).toarray().ravel(), kind="stable")


def _texts(said: Any) -> list[str]:
    """One text or several, without the star that divides rephrasings in two kinds."""
    some = said if isinstance(said, list) else [said]
    return [text for text in some if text and text != "*"]


def _made(random: np.random.Generator) -> str:
    """Words by Zipf's law, as many as a short passage has."""
    ranks = np.minimum(random.zipf(1.3, WORDS), VOCABULARY)
    return " ".join(f"w{rank}" for rank in ranks)


if __name__ == "__main__":
    main(sys.argv[1:])
