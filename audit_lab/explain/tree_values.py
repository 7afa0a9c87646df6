"""SHAP values of boosters in the space of their margins, of many rows at once. Runs in the sandbox's child only.

Two questions that are easily mistaken for one another. Interventional: a feature that is left out takes the values of
the background rows. Path-dependent: it takes those that the training data had in the branch of each tree, which the
booster counted; the libraries compute that themselves, and no background is used. Both are exact.
"""

from __future__ import annotations

import json
import os
import sys
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from audit_lab.replay.models.columns import matrix
from audit_lab.replay.models.libraries import threads
from audit_lab.replay.models.lightgbm_booster import LightgbmScorer
from audit_lab.replay.models.xgboost_booster import import_xgboost
from audit_lab.replay.scoring import BoosterScorer, ModelFault, Scorer

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars as pl

    Numbers = npt.NDArray[np.float64]

__all__ = ["TreeValues", "by_trees", "import_shap", "interventional", "path_dependent", "shap_version"]

#: How far a score may lie from what its margin says: boosters compute in float32.
_LINK = 1e-5


class TreeValues(NamedTuple):
    """Shapley values of margins.

    Parameters
    ----------
    values
        Shape ``(rows, features)``, in the order of the signature.
    base
        The margin that they start at.
    margins
        The booster's own margins, shape ``(rows,)``.
    algorithm, library, library_version
        How they were computed, and by what.
    """

    values: Numbers
    base: float
    margins: Numbers
    algorithm: str
    library: str
    library_version: str


#: What shap read of a model: reading it takes most of the time of one row, and does not depend on the background.
_READ: WeakKeyDictionary[Scorer, Any] = WeakKeyDictionary()


def by_trees(scorer: Scorer) -> bool:
    """Return whether shap's tree algorithm gives a model's margins against a background.

    It does for XGBoost boosters, and for those of LightGBM whose features are numbers: it knows no splits by category.
    """
    texts = any(feature.dtype == "str" for feature in scorer.signature.features)
    return isinstance(scorer, BoosterScorer) or (isinstance(scorer, LightgbmScorer) and not texts)


def interventional(scorer: Scorer, frame: pl.DataFrame, background: pl.DataFrame) -> TreeValues:
    """Return the values of rows against background rows, by shap's tree algorithm.

    Raises
    ------
    ModelFault
        Code ``explanation-not-offered``: the probability is not what the margin of a LightGBM booster says.
    TypeError
        `by_trees` is not so.
    """
    if isinstance(scorer, BoosterScorer):
        native = scorer.used()
        own, reference = (scorer.encoded(rows).astype(np.float64) for rows in (frame, background))
        margins = scorer.margins(frame).astype(np.float64)
    elif isinstance(scorer, LightgbmScorer) and by_trees(scorer):
        native = scorer.native
        own, reference = (matrix(scorer, rows, np.float64) for rows in (frame, background))
        margins = np.ravel(native.predict(own, raw_score=True, num_threads=threads())).astype(np.float64)
        _check_link(scorer, frame, margins)
    else:
        raise TypeError("shap's tree algorithm is asked for boosters of XGBoost and LightGBM only")
    explainer = _explainer(scorer, native, np.ascontiguousarray(reference))
    return TreeValues(
        np.asarray(explainer.shap_values(own, check_additivity=False), dtype=np.float64),
        float(np.ravel(explainer.expected_value)[0]),
        margins,
        "tree, interventional",
        "shap",
        shap_version(),
    )


def _explainer(scorer: Scorer, native: Any, reference: Numbers) -> Any:
    """Return shap's explainer against background rows: the one that read the model before, where there is one."""
    explainer = _READ.get(scorer)
    if explainer is None:
        shap = import_shap()
        masker = shap.maskers.Independent(reference, max_samples=len(reference))
        explainer = shap.TreeExplainer(native, masker, feature_perturbation="interventional", model_output="raw")
        _READ[scorer] = explainer
    else:
        # As its constructor does, which a test compares bit for bit.
        explainer.data, explainer.data_missing = reference, np.isnan(reference)
        explainer.expected_value = explainer.model.predict(reference).mean(0)
    return explainer


def path_dependent(scorer: Scorer, frame: pl.DataFrame) -> TreeValues:
    """Return the values of rows against the training data, by the booster's own library, in float32 for XGBoost.

    Raises
    ------
    ModelFault
        Code ``explanation-not-offered``: the model is no boosted tree of XGBoost or LightGBM with one margin, or its
        score is not what the margin says.
    """
    if isinstance(scorer, BoosterScorer):
        library, (found, margins) = "xgboost", _by_xgboost(scorer, frame)
    elif isinstance(scorer, LightgbmScorer):
        library, (found, margins) = "lightgbm", _by_lightgbm(scorer, frame)
    else:
        raise _not_offered(f"the {scorer.noun} is none")
    if found.shape != (frame.height, len(scorer.signature.names) + 1):
        raise _not_offered(f"the {scorer.noun} gives contributions of shape {found.shape}")
    _check_link(scorer, frame, margins)
    algorithm = f"tree, path-dependent, by {library} itself"
    base = float(found[0, -1]) if frame.height else float("nan")
    return TreeValues(found[:, :-1], base, margins, algorithm, library, sys.modules[library].__version__)


def _by_xgboost(scorer: BoosterScorer, frame: pl.DataFrame) -> tuple[Numbers, Numbers]:
    if json.loads(scorer.native.save_config())["learner"]["gradient_booster"]["name"] != "gbtree":
        raise _not_offered("the booster has no plain trees")
    data = import_xgboost().DMatrix(
        scorer.encoded(frame), missing=np.nan, feature_names=scorer.native.feature_names, nthread=threads()
    )
    found = scorer.used().predict(data, pred_contribs=True)
    return np.asarray(found, dtype=np.float64), np.ravel(scorer.margins(frame)).astype(np.float64)


def _by_lightgbm(scorer: LightgbmScorer, frame: pl.DataFrame) -> tuple[Numbers, Numbers]:
    numbers = matrix(scorer, frame, np.float64)
    found, margins = (
        scorer.native.predict(numbers, num_threads=threads(), **{asked: True})
        for asked in ("pred_contrib", "raw_score")
    )
    return np.asarray(found, dtype=np.float64), np.ravel(margins).astype(np.float64)


def _check_link(scorer: Scorer, frame: pl.DataFrame, margins: Numbers) -> None:
    """Test that the score is the margin, or that whose log-odds it is: another link would not be told otherwise."""
    scores = scorer.scores(frame)
    if margins.shape != scores.shape:
        raise _not_offered(f"the {scorer.noun} has several margins")
    said = 1 / (1 + np.exp(-margins)) if scorer.signature.output.kind == "probability" else margins
    if not np.allclose(said, scores, rtol=_LINK, atol=_LINK):
        raise _not_offered(f"the {scorer.noun}'s score is not what its margin says")


def _not_offered(why: str) -> ModelFault:
    message = f"path-dependent values are those of boosted trees of XGBoost or LightGBM with one margin, and {why}"
    return ModelFault("explanation-not-offered", message)


def import_shap() -> Any:
    """Import shap without its plots and without numba's compiler, which cost eight seconds and gain nothing on one row.

    Both are asked for in documented ways, and only around the import: numba reads the variable when it is imported,
    and shap does without matplotlib where that cannot be imported (None in `sys.modules` says so).
    """
    plots = "matplotlib" in sys.modules
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    if not plots:
        sys.modules["matplotlib"] = None  # type: ignore[assignment]
    try:
        import shap
    finally:
        del os.environ["NUMBA_DISABLE_JIT"]
        if not plots:
            del sys.modules["matplotlib"]
    return shap


@cache
def shap_version() -> str:
    """Return the version of shap, which is not imported for it."""
    return version("shap")
