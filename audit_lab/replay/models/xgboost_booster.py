"""XGBoost: a booster saved as JSON or UBJSON, or as the bytes that a pickle of it kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_lab.replay.models.columns import matrix
from audit_lab.replay.models.features import check_categories, check_count, check_names
from audit_lab.replay.models.libraries import import_library, unreadable
from audit_lab.replay.models.scorer import ModelFault, Note, Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    import polars as pl

    from audit_lab.replay.signature import Signature

__all__ = [
    "BoosterScorer",
    "booster_scorer",
    "import_xgboost",
    "load_booster",
    "load_lifted_booster",
    "load_raw_booster",
]

_LOGISTIC = ("binary:logistic", "reg:logistic")
_CLASSIFIES = ("binary:", "multi:")
_EVEN = 0.5
#: How the old binary form begins, plain and in Base64.
_BINARY = (b"binf", b"bs64")


class BoosterScorer(Scorer):
    """An XGBoost booster: text features as their position in the signature's categories, the rest as numbers.

    Parameters
    ----------
    native
        The booster.
    signature
        What the registry says.
    wrapped
        Whether it was saved or pickled by a scikit-learn wrapper, which predicts up to the best round of an early
        stopping; a booster alone predicts with all rounds.
    missing
        The number that stands for a missing value beside NaN.
    """

    noun = "booster"

    def __init__(self, native: Any, signature: Signature, *, wrapped: bool = False, missing: float = np.nan) -> None:
        super().__init__(native, signature)
        learner = json.loads(native.save_config())["learner"]
        self._objective = str(learner["learner_train_param"]["objective"])
        name = learner["gradient_booster"]["name"]
        self._through_matrix = name == "gblinear" or (name == "dart" and not wrapped)
        self._width = max(int(learner["learner_model_param"]["num_class"]), 1)
        self._missing = missing
        best = native.attr("best_iteration")
        self._rounds = (0, int(best) + 1) if wrapped and best is not None and name != "gblinear" else (0, 0)
        if best is not None and not wrapped and int(best) + 1 < native.num_boosted_rounds():
            message = f"the booster names {int(best) + 1} rounds as its best; all were used, as it does by itself"
            self.notes.append(Note("best-iteration-not-used", message))

    def encoded(self, frame: pl.DataFrame) -> npt.NDArray[np.float32]:
        """Return the matrix the booster takes, shape ``(rows, features)``, float32; unknown or missing is NaN."""
        return matrix(self, frame, np.float32)

    def classes(self) -> tuple[str, ...]:
        """Return the signature's classes; a booster knows only how many there are."""
        return self._agreed([str(place) for place in range(max(self._width, 2))], coded=True)

    def _predict(self, frame: pl.DataFrame, *, margin: bool = False) -> npt.NDArray[np.float32]:
        """Predict in place, which gives the bits of a prediction through a DMatrix in half the time.

        A linear booster cannot, and one of the kind dart gives other bits; its wrapper predicts in place all the same.
        """
        numbers = self.encoded(frame)
        if self._through_matrix:
            data = import_xgboost().DMatrix(numbers, missing=self._missing)
            found = self.native.predict(
                data, output_margin=margin, iteration_range=self._rounds, validate_features=False
            )
        else:
            found = self.native.inplace_predict(
                numbers,
                iteration_range=self._rounds,
                predict_type="margin" if margin else "value",
                missing=self._missing,
                validate_features=False,
            )
        return np.asarray(found)

    def _probability(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if self._objective == "multi:softprob":
            return self._predict(frame)[:, self._positive_place(self.classes())]
        if self._objective not in _LOGISTIC:
            raise self._contradiction()
        return self._predict(frame)

    def _margin(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return self._predict(frame, margin=True)

    def _value(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if self._objective.startswith(_CLASSIFIES):
            raise self._contradiction()
        return self._predict(frame)

    def _probabilities(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if self._objective == "multi:softprob":
            return self._predict(frame)
        if self._objective not in _LOGISTIC:
            raise self._contradiction()
        positive = self._predict(frame)
        return np.column_stack([1.0 - positive, positive])

    def _labels(self, frame: pl.DataFrame) -> Sequence[str | None]:
        classes = self.classes()
        if not self._objective.startswith((*_CLASSIFIES, "reg:logistic")) or self._objective == "binary:logitraw":
            raise self._contradiction()
        found = self._predict(frame)
        if self._objective == "multi:softprob":
            places = found.argmax(axis=1)
        elif self._objective in _LOGISTIC:
            places = (found > _EVEN).astype(int)
        else:
            places = found.astype(int)
        return [classes[place] for place in places]

    def _contradiction(self) -> ModelFault:
        return self._fault(f"was trained with the objective {self._objective}")


def load_booster(path: Path, signature: Signature, _trusted: Sequence[str] = ()) -> Scorer:
    """Load a booster that was saved, as JSON or UBJSON; which of the two, XGBoost sees for itself."""
    xgboost, content = import_xgboost(), bytearray(path.read_bytes())
    booster = xgboost.Booster()
    try:
        booster.load_model(content)
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise _unreadable(bytes(content), error) from error
    return booster_scorer(booster, signature, wrapped=booster.attr("scikit_learn") is not None)


def load_raw_booster(path: Path, signature: Signature, _trusted: Sequence[str] = ()) -> Scorer:
    """Load the bytes that ``save_raw`` of any release gave, or that a pickled booster kept under ``handle``."""
    return booster_scorer(_of_any_release(path.read_bytes()), signature, wrapped=False)


def load_lifted_booster(path: Path, signature: Signature, _trusted: Sequence[str] = ()) -> Scorer:
    """Load a booster that was lifted out of a pickle: a line of JSON that says how it predicts, then its bytes."""
    line, _, content = path.read_bytes().partition(b"\n")
    how = json.loads(line)
    missing = np.nan if how["missing"] is None else float(how["missing"])
    booster = _of_any_release(content)
    if booster.feature_names is None and how["feature_names"] is not None:
        booster.feature_names = how["feature_names"]
    return booster_scorer(booster, signature, wrapped=how["wrapped"], missing=missing)


def booster_scorer(booster: Any, signature: Signature, *, wrapped: bool, missing: float = np.nan) -> BoosterScorer:
    """Return a scorer of a booster whose features are those of the signature, and whose own categories it takes over.

    Raises
    ------
    ModelFault
        Code ``features-differ``.
    """
    scorer = BoosterScorer(booster, signature, wrapped=wrapped, missing=missing)
    if booster.feature_names is not None:
        check_names(scorer, booster.feature_names)
    else:
        check_count(scorer, booster.num_features())
    own = _categories(booster)
    features = []
    for place, feature in enumerate(signature.features):
        known = own.get(place)
        if known is not None and feature.dtype == "str":
            check_categories(scorer, feature, known)
            feature = replace(feature, categories=known)  # noqa: PLW2901 - the feature as the model has it
        features.append(feature)
    scorer.signature = replace(signature, features=tuple(features))
    return scorer


def _categories(booster: Any) -> dict[int, tuple[str, ...]]:
    """Return the categories that a booster of release 3.1 or later keeps of the frame it was trained on."""
    kept = getattr(booster, "get_categories", None)
    if kept is None or not any(kind == "c" for kind in booster.feature_types or ()):
        return {}
    columns = kept(export_to_arrow=True).to_arrow() or []
    return {
        place: tuple(map(str, column.to_pylist())) for place, (_, column) in enumerate(columns) if column is not None
    }


def _of_any_release(content: bytes) -> Any:
    """Return a booster of its saved form, or else of its serialised form, which also holds its settings."""
    xgboost = import_xgboost()
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except (xgboost.core.XGBoostError, ValueError) as error:
        try:
            booster = xgboost.Booster.__new__(xgboost.Booster)
            booster.__setstate__({"handle": bytearray(content)})
        except (xgboost.core.XGBoostError, ValueError):
            raise _unreadable(content, error) from error
    return booster


def _unreadable(content: bytes, error: Exception) -> ModelFault:
    if content.startswith(_BINARY):
        version = import_xgboost().__version__
        return ModelFault(
            "artifact-too-old",
            f"the booster is in the binary form of XGBoost before 3.1, which XGBoost {version} does not read; "
            "replay it in its recorded environment",
        )
    return unreadable("XGBoost", error)


def import_xgboost() -> Any:
    """Import xgboost without scikit-learn, which only its wrapper classes need and which takes most of the time."""
    return import_library("xgboost", hidden=("sklearn",))
