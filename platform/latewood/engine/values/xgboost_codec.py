"""XGBoost models in XGBoost's own format (UBJSON), which its other languages read too.

What that format leaves out of an estimator (its class, its parameters, the history of its evaluation) goes along as
an attribute of the model.
"""

import json
from pathlib import Path
from typing import Any, Final

import xgboost

_ATTRIBUTE: Final = "latewood"


class _XGBoost:
    """Boosters and fitted estimators of xgboost itself: of a subclass nobody knows what else it holds."""

    name = "xgboost"
    version = 1

    def handles(self, cls: type) -> bool:
        return cls in _CLASSES.values()

    def encode(self, value: Any, folder: Path) -> Path:
        booster = _booster(value).copy()
        booster.set_attr(**{_ATTRIBUTE: json.dumps(_beside(value), sort_keys=True)})
        path = folder / "model.ubj"
        booster.save_model(path)
        return path

    def decode(self, path: Path, _: int) -> Any:
        booster: Any = xgboost.Booster()
        booster.load_model(path)
        beside = json.loads(booster.attr(_ATTRIBUTE))
        booster.set_attr(**{_ATTRIBUTE: None})
        if beside["class"] == "Booster":
            return booster
        estimator: Any = _CLASSES[beside["class"]](**beside["parameters"])
        estimator.load_model(booster.save_raw())
        estimator.set_params(**beside["parameters"])  # loading replaced some by what the model found out
        if beside["evaluation"] is not None:
            estimator.evals_result_ = beside["evaluation"]
        return estimator

    def content(self, value: Any) -> Any:
        return _beside(value), bytes(_booster(value).save_raw())

    def metadata(self, value: Any) -> dict[str, Any]:
        booster = _booster(value)
        return {"rounds": booster.num_boosted_rounds(), "features": booster.num_features()}


_CLASSES: Final = {
    cls.__name__: cls
    for cls in (
        xgboost.Booster,
        xgboost.XGBModel,
        xgboost.XGBClassifier,
        xgboost.XGBRegressor,
        xgboost.XGBRanker,
        xgboost.XGBRFClassifier,
        xgboost.XGBRFRegressor,
    )
}


def _booster(value: Any) -> Any:
    return value if isinstance(value, xgboost.Booster) else value.get_booster()


def _beside(value: Any) -> dict[str, Any]:
    """What the format has no place for. Raises ValueError for a parameter that is no plain data, such as a function."""
    if isinstance(value, xgboost.Booster):
        return {"class": "Booster"}
    parameters = value.get_params()
    for name, parameter in parameters.items():
        try:
            json.dumps(parameter)
        except TypeError as error:
            raise ValueError(f"parameter {name}: {error}") from None
    return {
        "class": type(value).__name__,
        "parameters": parameters,
        "evaluation": getattr(value, "evals_result_", None),
    }


CODEC: Final = _XGBoost()
