"""A row is read column by column, a gap is a value, and the stages of its columns stand side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import metier
from metier.encoders.beside import BesideEncoder, beside
from metier.encoders.columns import ColumnsEncoder
from metier.errors import BadCell
from metier.record import Record, domain_of
from metier.testing import check_domain, check_encoder
from metier.types import Input, Rows

MIXED = (
    Input(column="message", domain="text"),
    Input(column="amount", domain="number"),
    Input(column="plan", domain="category"),
    Input(column="when", domain="date"),
)
ROWS: list[tuple[Any, ...]] = [
    ("my card is lost", 3.0, "gold", "2024-01-01"), ("where is my card", None, "basic", "2024-02-01"),
    (None, 7.0, "gold", None), ("I was charged twice", 900.0, None, "2024-03-01"),
    ("refund my payment", 1e3, "basic", "2024-04-01"), ("the payment failed", 850.0, "basic", "2024-05-01"),
]  # fmt: skip


@pytest.fixture
def record() -> Record:
    return Record(MIXED)


def test_one_column_is_its_own_domain_and_several_are_a_record() -> None:
    assert domain_of(MIXED[:1]).name == "text"
    assert domain_of(MIXED).name == "record"


def test_a_record_is_a_domain_like_any_other(record: Record) -> None:
    check_domain(record, bad_cells=(None, object(), "a text", ("a", "b"), (None,) * 4, {}, {"plan": None}))


def test_a_row_is_read_in_the_order_of_its_columns_or_by_their_names(record: Record) -> None:
    values = record.read((" my card ", "3", "gold", "2024-01-01"))
    assert values == ("my card", 3.0, "gold", 19723 * 86400.0)
    assert record.read({"when": "2024-01-01", "plan": "gold", "amount": 3, "message": "my card"}) == values
    assert record.read(["my card", None, "", "?"]) == ("my card", None, None, None)
    assert record.read({"message": "my card"}) == ("my card", None, None, None), "a name left out is a gap"


def test_what_cannot_be_read_is_named_with_its_column(record: Record) -> None:
    with pytest.raises(BadCell, match="column 'amount': 'dear' is no number"):
        record.read(("my card", "dear", "gold", None))
    with pytest.raises(BadCell, match=r"no cell for amount, plan, when; not known: amout. Did you mean amount\?"):
        record.read({"message": "my card", "amout": 3})
    with pytest.raises(BadCell, match=r"2 cells: no row\. Expected 4 cells \(message, amount, plan, when\)"):
        record.read(("my card", 3))
    with pytest.raises(BadCell, match="nothing in any of the 4 columns"):
        record.read((None, "", None, "?"))


def test_the_parts_of_a_row_are_its_columns_each_replaced_by_a_gap(record: Record) -> None:
    value = record.read(("my card", 3, None, None))
    assert record.parts(value) == [("message", (None, 3.0, None, None)), ("amount", ("my card", None, None, None))]
    assert record.parts(record.read(("my card", None, None, None))) == [], "nothing would be left"


def test_near_duplicates_in_a_column_stay_together_and_gaps_alone(record: Record) -> None:
    rows = [("where is my new card please", 1, "a", None), ("Where is my new card please?", 2, "b", None)]
    groups = record.group([record.read(row) for row in [*rows, (None, 1, "a", None), (None, 1, "a", None)]])
    assert groups is not None
    assert groups.dtype == np.int64
    assert groups[0] == groups[1]
    assert len(set(groups[1:].tolist())) == 3
    assert Record(MIXED[1:]).group([(1.0, "a", None)]) is None


def test_columns_of_measures_are_one_encoder_and_text_stands_beside(record: Record) -> None:
    linear, trees = Record(MIXED[1:]).encoders("standard")
    assert isinstance(linear, ColumnsEncoder)
    assert isinstance(trees, ColumnsEncoder)
    assert (linear.places, linear.head, trees.head) == ((0, 1, 2), "linear", "boosted")
    [both] = record.encoders("quick")
    assert isinstance(both, BesideEncoder)
    assert both.head == "hashed"
    assert [place for place, _ in both.parts] == [0, None]


def test_sparse_and_dense_parts_are_one_sparse_row(record: Record) -> None:
    [both] = record.encoders("quick")
    values = [record.read(row) for row in ROWS]
    check_encoder(both, values, ["a", "a", "a", "b", "b", "b"])
    fitted = both.fit(values, np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1, 1]], loss="softmax")
    strange = fitted.encode([record.read(("zzzz qqqq", 1e9, "platinum", None)), values[0]])
    assert isinstance(strange, Rows)
    unseen = strange.weights[strange.starts[:-1]]
    assert unseen[0] > 1 > 0.1 > unseen[1], "what was never seen lies in column 0"


def test_dense_parts_of_several_heads_are_rows_of_length_one() -> None:
    class Sentences:
        kind, head, width = "sentences.v1", "kernel", 3

        def fit(self, values: Any, targets: Any, *, loss: Any) -> Any:
            return self

        def encode(self, values: Any) -> Any:
            return np.array([[len(value), 1, 2] for value in values], np.float32).reshape(len(values), 3)

    joined: Any = beside({0: Sentences(), 1: ColumnsEncoder(sorts=("number",)).suited("boosted")})  # type: ignore[dict-item]
    assert joined.head == "kernel"
    fitted = joined.fit([("a", 1.0), ("bb", 2.0), (None, 4.0)], np.eye(3, dtype=np.float32), loss="softmax")
    vectors = fitted.encode([("a", 1.0), (None, 2.0), ("bb", None)])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (vectors[1, :3] == 0).all(), "a gap is a row of zeros"


def test_a_series_beside_a_number_and_one_with_a_channel_too_many() -> None:
    draw = np.random.default_rng(0)
    waves = [np.sin(np.arange(30) * (0.3, 0.7)[i % 2]) + 0.1 * draw.normal(size=30) for i in range(40)]
    rows = {
        "wave": [",".join(f"{v:.3f}" for v in wave) for wave in waves],
        "size": [float(i % 7) for i in range(40)],
        "label": [("slow", "fast")[i % 2] for i in range(40)],
    }
    learnt = metier.train(rows, input="wave,size", target="label", effort="quick")
    known, strange, gap = learnt.predict([(rows["wave"][0], 1.0), ("[[1,2,3,4],[2,3,4,5]]", 2.0), (None, 2.0)])
    assert known.label == "slow"
    assert strange.reason == "bad_input"
    assert "2 channels, and 1 were learnt" in str(strange.error)
    assert gap.stage == 1
