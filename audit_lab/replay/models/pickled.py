"""Pickles that the user trusted by their digest: loading one runs whatever is in it, in the sandbox's child only."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_lab.replay.models.catboost_model import catboost_scorer
from audit_lab.replay.models.libraries import first_line, import_library
from audit_lab.replay.models.lightgbm_booster import lightgbm_scorer
from audit_lab.replay.models.scorer import ModelFault, Scorer
from audit_lab.replay.models.sklearn_estimator import estimator_scorer
from audit_lab.replay.models.xgboost_booster import booster_scorer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from audit_lab.replay.signature import Signature

__all__ = ["load_joblib", "load_pickle", "scorer_of"]


def load_pickle(path: Path, signature: Signature, _trusted: Sequence[str] = ()) -> Scorer:
    """Load what ``pickle``, ``cloudpickle`` or ``dill`` wrote; each of them is read by the standard library."""
    with path.open("rb") as file:
        return _checked(lambda: pickle.load(file), signature)  # noqa: S301 - trusted by digest, walls around it


def load_joblib(path: Path, signature: Signature, _trusted: Sequence[str] = ()) -> Scorer:
    """Load what joblib wrote."""
    joblib = import_library("joblib")
    return _checked(lambda: joblib.load(path), signature)


def _checked(load: Any, signature: Signature) -> Scorer:
    try:
        found = load()
    except ImportError as error:
        missing = error.name or first_line(error)
        raise ModelFault("library-missing", f"the pickle needs {missing}, which is not installed here") from error
    except MemoryError:
        raise
    except Exception as error:
        message = f"the pickle cannot be loaded ({type(error).__name__}: {first_line(error)})"
        raise ModelFault("artifact-corrupt", message) from error
    return scorer_of(found, signature)


def scorer_of(model: Any, signature: Signature) -> Scorer:
    """Return a scorer of an object as its class predicts: boosters and their wrappers by their own library.

    Raises
    ------
    ModelFault
        Code ``artifact-corrupt``: the object predicts nothing.
    """
    names = {f"{each.__module__}.{each.__qualname__}" for each in type(model).__mro__}
    if "xgboost.core.Booster" in names:
        return booster_scorer(model, signature, wrapped=False)
    if "xgboost.sklearn.XGBModel" in names:
        missing = np.nan if model.missing is None else float(model.missing)
        return booster_scorer(model.get_booster(), signature, wrapped=True, missing=missing)
    if "lightgbm.basic.Booster" in names:
        return lightgbm_scorer(model, signature)
    if "lightgbm.sklearn.LGBMModel" in names:
        return lightgbm_scorer(model.booster_, signature)
    if "catboost.core.CatBoost" in names:
        return catboost_scorer(model, signature)
    if not hasattr(model, "predict"):
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        raise ModelFault("artifact-corrupt", f"the file holds an object of {kind}, which predicts nothing")
    return estimator_scorer(model, signature)
