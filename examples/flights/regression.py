"""Ridge regression with nothing but arithmetic: the data sets here have three features."""

import math


def fit(rows: list[list[float]], targets: list[float], ridge: float) -> list[float]:
    """Weights (the first is the intercept) that minimise squared error plus `ridge` times squared weights."""
    wide = [[1.0, *row] for row in rows]
    size = len(wide[0])
    normal = [[sum(row[i] * row[j] for row in wide) for j in range(size)] for i in range(size)]
    for i in range(1, size):
        normal[i][i] += ridge
    right = [sum(row[i] * target for row, target in zip(wide, targets, strict=True)) for i in range(size)]
    return solve(normal, right)


def solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """The solution of a small linear system, by elimination with pivoting."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(len(rows)):
        pivot = max(range(column, len(rows)), key=lambda i: abs(rows[i][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for other in range(len(rows)):
            if other != column:
                factor = rows[other][column] / rows[column][column]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[column], strict=True)]
    return [row[-1] / row[i] for i, row in enumerate(rows)]


def predict(weights: list[float], row: list[float]) -> float:
    """The model's value for one row of features."""
    return math.fsum([weights[0], *(w * x for w, x in zip(weights[1:], row, strict=True))])
