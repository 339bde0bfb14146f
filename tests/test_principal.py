from __future__ import annotations

import numpy as np
import pytest

from metier.encoders.principal import Principal


def rows(n: int, d: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)


@pytest.mark.parametrize(("n", "d"), [(20, 50), (50, 20)])
def test_with_few_rows_their_products_stay_what_they_were(n: int, d: int) -> None:
    vectors = rows(n, d)
    turned = Principal.plain(vectors, 64).turned(vectors)
    assert np.allclose(turned @ turned.T, vectors @ vectors.T, atol=1e-3)


def test_standardised_rows_have_length_one_on_average() -> None:
    vectors = rows(30, 100) * np.logspace(-3, 3, 100, dtype=np.float32) + 5
    turned = Principal.fit(vectors, 64).turned(vectors)
    assert np.isclose((turned**2).sum(axis=1).mean(), 1, atol=1e-3)


def test_a_column_that_never_changes_says_nothing() -> None:
    vectors = rows(10, 4)
    vectors[:, 2] = 7
    other = vectors.copy()
    other[:, 2] = 100
    fitted = Principal.fit(vectors, 4)
    assert np.array_equal(fitted.turned(vectors), fitted.turned(other))


def test_arrays_that_do_not_fit_are_refused() -> None:
    arrays = Principal.fit(rows(10, 4), 4).arrays()
    with pytest.raises(ValueError, match="do not fit"):
        Principal.restore({**arrays, "mean": arrays["mean"][:2]})
