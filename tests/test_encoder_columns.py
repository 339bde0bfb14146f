"""Numbers, categories and dates become vectors in which gaps, new names and far values can be told from the rest."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from metier.encoders.columns import CLIP, GAP, UNSEEN, ColumnsEncoder
from metier.testing import check_encoder
from metier.types import State

EPOCH = datetime(1970, 1, 1)
SORTS: tuple[Any, ...] = ("number", "category", "date")


def rows(n: int = 60) -> list[tuple[Any, ...]]:
    draw = np.random.default_rng(0)
    made = []
    for i in range(n):
        name = ["red", "green", "blue"][i % 3]
        made.append((float(draw.normal()), name, float(draw.integers(1.5e9, 1.7e9)) if i % 7 else None))
    return made


def fitted(form: Any, values: list[tuple[Any, ...]], sorts: Any = SORTS) -> ColumnsEncoder:
    targets = np.eye(2, dtype=np.float32)[(np.arange(len(values)) % 3 == 2).astype(int)]
    return ColumnsEncoder(sorts=sorts, places=range(len(sorts)), form=form).fit(values, targets, loss="softmax")


@pytest.mark.parametrize("form", ["linear", "trees"])
def test_it_keeps_what_encoders_promise_with_gaps_and_new_names(form: Any) -> None:
    values = [*rows(), (None, None, None), (1e30, "red", -1e10), (-1e30, "purple", 4e9)]
    check_encoder(ColumnsEncoder(sorts=SORTS, places=range(3), form=form), values)


@pytest.mark.parametrize("values", [[None] * 6, [1.0] * 6, [1.0, None], []])
@pytest.mark.parametrize("form", ["linear", "trees"])
def test_a_column_that_says_nothing_is_no_error(form: Any, values: list[Any]) -> None:
    for sort in SORTS:
        cells = [None if value is None else "x" for value in values] if sort == "category" else values
        check_encoder(ColumnsEncoder(sorts=(sort,), form=form), cells)


def test_what_was_never_seen_stands_in_the_first_columns_of_the_linear_form() -> None:
    encoder = fitted("linear", rows())
    known, name, far = encoder.encode([rows()[0], (0.0, "purple", 1.6e9), (1e6, "red", 1.6e9)])[:, : encoder.novel]
    assert not known.any()
    assert name.max() == 1
    assert far.max() > 5
    a_year_on = encoder.encode([(0.0, "red", 1.73e9)])[:, : encoder.novel]
    assert not a_year_on.any(), "time goes on, and what is new in it is no stranger"


def test_a_line_does_not_run_away() -> None:
    encoder = fitted("linear", rows())
    assert np.abs(encoder.encode([(1e30, "red", None)])[:, encoder.novel :]).max() <= max(CLIP / 2, 1)


def test_the_positions_for_trees_keep_the_order_and_lie_apart_for_gaps() -> None:
    values = [(float(i),) for i in range(1000)]
    encoder = fitted("trees", values, ("number",))
    positions = encoder.encode([(-1e6,), (-1.0,), (0.0,), (0.5,), (500.0,), (999.0,), (2000.0,), (1e9,), (None,)])[:, 0]
    assert (np.diff(positions[:-1]) > 0).all()
    assert (positions[2], positions[5], positions[-1]) == (0, 1, GAP)


def test_names_stand_in_the_order_of_their_targets() -> None:
    encoder = fitted("trees", rows(), SORTS)
    names = ("red", "green", "blue", "new", None)
    red, green, blue, new, gap = encoder.encode([(0.0, name, None) for name in names])[:, -1]
    assert abs(red - green) == 0.5 == min(abs(blue - red), abs(blue - green))
    assert (new, gap) == (UNSEEN, GAP)


def test_a_date_is_read_as_the_calendar_has_it() -> None:
    moments = [EPOCH + timedelta(days=37 * i, hours=i % 24) for i in range(-400, 400)]
    values = [((moment - EPOCH).total_seconds(),) for moment in moments]
    encoder = fitted("trees", values, ("date",))
    assert len(encoder.plan) == 5
    from metier.encoders.columns import DAY, HOUR, MONTH, WEEKDAY, _part

    for moment, (seconds,) in zip(moments, values, strict=True):
        read = [_part(seconds, part) for part in (MONTH, WEEKDAY, DAY, HOUR)]
        assert read == [moment.month, moment.weekday(), moment.day, moment.hour]


def test_days_without_hours_have_no_column_for_them() -> None:
    values = [(86_400.0 * 40 * i,) for i in range(50)]
    assert len(fitted("trees", values, ("date",)).plan) == 4


def test_many_names_are_kept_within_bounds() -> None:
    values = [(f"name {i % 3000}",) for i in range(20_000)]
    assert fitted("linear", values, ("category",)).width <= 131


def test_a_plan_that_leads_out_of_its_arrays_is_refused() -> None:
    state = fitted("linear", rows()).state()
    for column, wrong in ((0, 99), (2, 0), (3, 10**6), (4, 10**6), (0, np.nan)):
        plan = state.arrays["plan"].copy()
        plan[-1, column] = wrong
        with pytest.raises(ValueError, match="do not fit one another"):
            ColumnsEncoder.restore(State(config=state.config, arrays={**state.arrays, "plan": plan}))
