from __future__ import annotations

import numpy as np

from metier.heads.ridge import RidgeHead


def made(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(n, d)).astype(np.float32)
    targets = vectors[:, :2] @ np.array([[1.0, 0.5], [-1.0, 2.0]]) + 3 + 0.1 * draw.normal(size=(n, 2))
    return vectors, targets.astype(np.float32)


def test_what_is_left_out_is_what_a_head_without_the_row_says() -> None:
    n = 60
    vectors, targets = made(n, 8)
    left_out = RidgeHead().fit(vectors, targets, loss="squared", seed=0).left_out
    assert left_out is not None
    for row in (0, 7):
        others = np.arange(n) != row
        without = RidgeHead().fit(vectors[others], targets[others], loss="squared", seed=0)
        # the ridge is chosen anew, and its scale is that of the rows, so it may differ a little
        assert np.allclose(without.scores(vectors[[row]])[0], left_out[row], atol=0.1)


def test_more_columns_than_rows_are_learnt_from_the_smaller_side() -> None:
    vectors, targets = made(20, 40)
    doubled = np.hstack([vectors, vectors]).astype(np.float32)
    one, other = (RidgeHead().fit(v, targets, loss="squared", seed=0).scores(v) for v in (vectors, doubled))
    assert np.allclose(one, other, atol=1e-2)


def test_it_is_the_ridge_regression_of_scikit_learn() -> None:
    from sklearn.linear_model import RidgeCV

    vectors, targets = made(60, 8)
    theirs = RidgeCV(alphas=np.logspace(-3, 3, 30)).fit(vectors, targets).predict(vectors)
    assert np.allclose(RidgeHead().fit(vectors, targets, loss="squared", seed=0).scores(vectors), theirs, atol=0.02)


def test_a_gap_counts_for_nothing() -> None:
    vectors, targets = made(60, 8)
    targets[:20, 1] = np.nan
    fitted = RidgeHead().fit(vectors, targets, loss="logistic", seed=0)
    alone = RidgeHead().fit(vectors[20:], targets[20:, 1:], loss="logistic", seed=0)
    assert np.allclose(fitted.scores(vectors)[:, 1:], alone.scores(vectors), atol=1e-4)
    assert fitted.left_out is not None
    assert np.isfinite(fitted.left_out).all()
