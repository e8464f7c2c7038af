"""Models of scikit-learn and XGBoost and polars frames: stored without pickle, and what they were when they return."""

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import xgboost
from polars.testing import assert_frame_equal
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.cluster import Birch
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor

from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.annotations import type_spec
from latewood.engine.values.codec_registry import codec_named
from latewood.engine.values.codecs import encode
from latewood.engine.values.values import Values
from latewood.errors import DefinitionError, ValueRefused
from latewood.model.types import Pickled, display, fits
from latewood.testing import check_codec

X = np.random.default_rng(7).random((80, 3))
Y = (X[:, 0] + X[:, 1] > 1).astype(int)


@pytest.fixture
def values(tmp_path):
    return Values(ArtifactStore(tmp_path / "store", "test"))


def kept(values, value, annotation):
    """The value as its next reader gets it, its data version and its artifact's extension."""
    staged = values.stage(value, annotation, subject="out")
    address = staged.staged.address
    return values.load_artifact(address, annotation), staged.data_version, address.partition(".")[2]


ESTIMATORS = [
    lambda: LogisticRegression(C=0.5),
    lambda: RandomForestClassifier(5, random_state=0),
    lambda: GradientBoostingClassifier(n_estimators=5, random_state=0),
    lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    lambda: make_pipeline(make_column_transformer((OneHotEncoder(handle_unknown="ignore"), [0])), LogisticRegression()),
    lambda: make_pipeline(StandardScaler(), XGBClassifier(n_estimators=2)),
]


@pytest.mark.parametrize("made", ESTIMATORS)
def test_an_estimator_predicts_as_before_and_one_fitted_alike_is_the_same_version(values, made):
    model = made().fit(X, Y)
    again, version, extension = kept(values, model, BaseEstimator)

    assert extension == "sklearn.1.skops"
    assert version.startswith("sklearn-1:")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert kept(values, again, BaseEstimator)[1] == version
    assert kept(values, made().fit(X, Y), BaseEstimator)[1] == version
    assert kept(values, made().fit(X, 1 - Y), BaseEstimator)[1] != version


def test_the_codecs_of_models_keep_the_contract_of_all_codecs():
    check_codec(codec_named("sklearn"), [made().fit(X, Y) for made in ESTIMATORS])
    check_codec(codec_named("xgboost"), [XGBRegressor(n_estimators=n).fit(X, Y) for n in (1, 2)])


def test_parameters_and_unfitted_estimators_count(values):
    versions = {kept(values, LogisticRegression(C=c), Any)[1] for c in (0.5, 1.0, 1.5)}

    assert len(versions) == 3


class OfUser(BaseEstimator, TransformerMixin):
    def fit(self, data, target=None):
        return self

    def transform(self, data):
        return data


REFUSED = [
    (make_pipeline(OfUser(), LogisticRegression()), BaseEstimator, "OfUser, which is not of scikit-learn"),
    (FunctionTransformer(lambda data: data), BaseEstimator, "cannot store this FunctionTransformer"),
    (Birch(threshold=0.1).fit(X), BaseEstimator, "Objects of type Birch are not supported yet"),
    (
        XGBClassifier(objective=lambda y, p: (p - y, p * 0 + 1)),
        XGBClassifier,
        "parameter objective: Object of type function is not",
    ),
]


@pytest.mark.parametrize(("model", "annotation", "problem"), REFUSED)
def test_what_would_need_a_pickle_is_refused_with_the_way_out(values, model, annotation, problem):
    with pytest.raises(ValueRefused) as refused:
        encode(model.fit(X, Y) if isinstance(model, XGBClassifier) else model, annotation)

    assert problem in str(refused.value)
    assert f"Pickled[{type(model).__name__}] would pickle it" in str(refused.value)


def test_pickle_stores_them_where_it_is_asked_for(values):
    model = make_pipeline(OfUser(), LogisticRegression()).fit(X, Y)
    again, version, extension = kept(values, model, Pickled[BaseEstimator])

    assert (extension, version.partition(":")[0]) == ("pickle", "pickle1")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_an_estimator_of_the_users_own_class_has_no_codec():
    with pytest.raises(DefinitionError, match="allow pickle with Pickled"):
        type_spec(OfUser)


BOOSTED = [
    lambda: XGBClassifier(n_estimators=4, max_depth=2, learning_rate=0.3, random_state=3),
    lambda: XGBRegressor(n_estimators=3, early_stopping_rounds=2),
    lambda: xgboost.XGBRFClassifier(n_estimators=3),
]


@pytest.mark.parametrize("made", BOOSTED)
def test_a_boosted_model_returns_with_parameters_and_history(values, made):
    model = made().fit(X, Y, eval_set=[(X, Y)], verbose=False)
    again, version, extension = kept(values, model, type(model))

    assert extension == "xgboost.1.ubj"
    assert version.startswith("xgboost-1:")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert repr(again.get_params()) == repr(model.get_params())
    assert again.evals_result() == model.evals_result()
    assert kept(values, again, type(model))[1] == version
    assert kept(values, made().fit(X, Y, eval_set=[(X, Y)], verbose=False), type(model))[1] == version


def test_the_file_is_xgboosts_own(values, tmp_path):
    model = XGBClassifier(n_estimators=3).fit(X, Y)
    encoded = encode(model, XGBClassifier)
    with encoded.scratch:
        plain = XGBClassifier()
        plain.load_model(encoded.content)

    np.testing.assert_array_equal(plain.predict_proba(X), model.predict_proba(X))
    assert encoded.metadata == {"rounds": 3, "features": 3}


def test_a_bare_booster_is_stored_too(values):
    booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(X, Y), num_boost_round=2)
    booster.set_attr(note="mine")
    again, _, _ = kept(values, booster, xgboost.Booster | None)

    assert again.attributes() == {"note": "mine"}
    assert again.save_raw() == booster.save_raw()


def test_models_fit_by_class():
    assert display(type_spec(XGBClassifier)) == "XGBClassifier"
    assert fits(type_spec(XGBClassifier), type_spec(ClassifierMixin)) is None
    assert fits(type_spec(LogisticRegression), type_spec(XGBClassifier)) == (
        "expected XGBClassifier, found LogisticRegression"
    )


FRAMES = [
    pl.DataFrame({"a": [1, None], "b": ["x", "é"], "c": [1.5, float("nan")], "d": [True, None]}),
    pl.DataFrame({"a": pl.Series(["x", "y"], dtype=pl.Categorical), "b": pl.Series(["x"] * 2, dtype=pl.Enum("xyz"))}),
    pl.DataFrame({"a": [dt.date(2013, 1, 1)], "b": [dt.time(1, 2)], "c": [dt.timedelta(1)]}),
    pl.DataFrame({"a": pl.Series([dt.datetime(2013, 1, 1, tzinfo=dt.UTC)], dtype=pl.Datetime("ms", "Europe/Berlin"))}),
    pl.DataFrame({"a": [Decimal("1.10")], "b": [b"\xff"], "c": [[1, 2]], "d": [{"x": None}], "e": [None]}),
    pl.DataFrame({"a": pl.Series([[1, 2]], dtype=pl.Array(pl.Int8, 2))}),
    pl.DataFrame(),
]


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_a_polars_frame_comes_back_and_has_the_version_of_the_equal_table(values, frame):
    again, version, extension = kept(values, frame, pl.DataFrame)

    assert extension == "polars.parquet"
    assert_frame_equal(again, frame)
    assert again.schema == frame.schema
    assert version == kept(values, frame.to_arrow(), pa.Table)[1]


def test_an_equal_arrow_table_is_the_same_version(values):
    columns = {"a": [1, 2], "b": ["x", None]}

    assert kept(values, pl.DataFrame(columns), pl.DataFrame)[1] == kept(values, pa.table(columns), pa.Table)[1]


def test_a_frame_of_python_objects_is_refused():
    frame = pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)})

    with pytest.raises(ValueRefused, match="column a holds Python objects; give it a type"):
        encode(frame, pl.DataFrame)


def test_neither_polars_nor_models_are_imported_by_who_has_none():
    program = (
        "import sys; from latewood.engine.values.codecs import encode;"
        "from latewood.engine.values.annotations import type_spec;"
        "import pyarrow as pa; encode(pa.table({'a': [1]}), pa.Table); type_spec(list[int]);"
        "print({'polars', 'xgboost', 'sklearn', 'skops'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert shown == "set()\n"
