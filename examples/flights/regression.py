"""Ridge regression by the normal equations: enough for a handful of features."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


def fit(features: Sequence[pa.ChunkedArray], target: pa.ChunkedArray, ridge: float) -> list[float]:
    """Intercept and weights that minimise the squared error plus `ridge` times the squared weights."""
    columns = [pa.repeat(1.0, len(target)), *features]
    matrix = [[_product(a, b) for b in columns] for a in columns]
    for i in range(1, len(columns)):
        matrix[i][i] += ridge
    return _solution(matrix, [_product(column, target) for column in columns])


def predict(weights: Sequence[float], features: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """What the model expects, row by row."""
    expected = weights[0]
    for weight, feature in zip(weights[1:], features, strict=True):
        expected = pc.add(pc.multiply(feature, weight), expected)
    return expected


def mean_error(expected: pa.ChunkedArray, found: pa.ChunkedArray) -> float:
    """The mean absolute difference."""
    return float(pc.mean(pc.abs(pc.subtract(expected, found))).as_py())


def _product(a: pa.ChunkedArray, b: pa.ChunkedArray) -> float:
    return float(pc.sum(pc.multiply(a, b)).as_py())


def _solution(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """Gauss-Jordan elimination; the matrix is symmetric and positive definite, so no row needs to be swapped."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i, pivot in enumerate(rows):
        for j, row in enumerate(rows):
            if i != j:
                factor = row[i] / pivot[i]
                rows[j] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
    return [row[-1] / row[i] for i, row in enumerate(rows)]
