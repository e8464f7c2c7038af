"""The classic pipeline of four tasks on the Pima Indians diabetes data: split, train, score, metrics.

    latewood launch diabetes -f examples/diabetes/training.py --param data=pima-indians-diabetes.csv
    latewood launch diabetes --param data=… --param depth=2,3,4,6 --param eta=0.05,0.1,0.3
    latewood launch search --param data=… --param depths=[2,3,4,6]

The data set has eight measurements per row and whether that person developed diabetes, without a header.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv
from xgboost import XGBClassifier

from latewood import Output, task, workflow
from latewood.mapping import each

MEASURES = ["pregnancies", "glucose", "pressure", "skin", "insulin", "mass", "pedigree", "age"]
LABEL = "diabetes"


class Split(NamedTuple):
    train: pa.Table
    test: pa.Table


@task
def split(data: Path, *, seed: int = 7, test_fraction: float = 0.33) -> Split:
    """Rows in random order, a part of them kept for the test."""
    rows = csv.read_csv(data, read_options=csv.ReadOptions(column_names=[*MEASURES, LABEL]))
    order = np.random.default_rng(seed).permutation(rows.num_rows)
    kept = int(rows.num_rows * test_fraction)
    return Split(train=rows.take(order[kept:]), test=rows.take(order[:kept]))


@task
def train(rows: pa.Table, *, depth: int = 3, eta: float = 0.1, rounds: int = 100) -> XGBClassifier:
    """Boosted trees; one thread, so that the same rows give the same model on every machine."""
    model = XGBClassifier(max_depth=depth, learning_rate=eta, n_estimators=rounds, n_jobs=1)
    return model.fit(measures(rows), rows[LABEL].to_numpy())


@task
def score(model: XGBClassifier, rows: pa.Table) -> pa.Table:
    """What the model says of each row, beside what is so."""
    return pa.table({"probability": model.predict_proba(measures(rows))[:, 1], LABEL: rows[LABEL]})


@task
def metrics(scores: pa.Table) -> Output[dict[str, float]]:
    """Shares of right answers: of all, of the ones said to be ill, of the ill ones."""
    said, so = scores["probability"].to_numpy() > 0.5, scores[LABEL].to_numpy() == 1
    values = {
        "accuracy": float((said == so).mean()),
        "precision": float(so[said].mean()) if said.any() else 0.0,
        "recall": float(said[so].mean()),
    }
    return Output(values, metadata=values)


@workflow
def diabetes(data: Path, *, depth: int = 3, eta: float = 0.1) -> dict[str, float]:
    """Train on a part of the data, and measure on the rest."""
    parts = split(data)
    model = train(parts.train, depth=depth, eta=eta)
    return metrics(score(model, parts.test))


@task
def accuracy(depth: int, rows: pa.Table, test: pa.Table) -> float:
    """The share of right answers with trees of this depth."""
    model = XGBClassifier(max_depth=depth, learning_rate=0.1, n_estimators=100, n_jobs=1)
    model.fit(measures(rows), rows[LABEL].to_numpy())
    return float((model.predict(measures(test)) == test[LABEL].to_numpy()).mean())


@task
def best(depths: list[int], accuracies: list[float]) -> Output[int]:
    """The depth with the most right answers."""
    found = dict(zip(depths, accuracies, strict=True))
    return Output(max(found, key=found.__getitem__), metadata={f"depth {depth}": of for depth, of in found.items()})


@workflow
def search(data: Path, depths: list[int]) -> int:
    """One step for each depth: a list with another one trains that one alone."""
    parts = split(data)
    accuracies = accuracy.map(depth=each(depths), rows=parts.train, test=parts.test)
    return best(depths, accuracies)


def measures(rows: pa.Table) -> np.ndarray:
    return np.column_stack([rows[name].to_numpy() for name in MEASURES])
