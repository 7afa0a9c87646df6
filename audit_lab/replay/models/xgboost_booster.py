"""XGBoost: a booster saved as JSON or UBJSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_lab.replay.models.columns import matrix
from audit_lab.replay.models.scorer import ModelFault, Note, Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    import polars as pl

    from audit_lab.replay.signature import Signature

__all__ = ["BoosterScorer", "import_xgboost", "load_booster"]

_LOGISTIC = ("binary:logistic", "reg:logistic")
_CLASSIFIES = ("binary:", "multi:")
_EVEN = 0.5


class BoosterScorer(Scorer):
    """An XGBoost booster: text features as their position in the signature's categories, the rest as numbers."""

    noun = "booster"

    def __init__(self, native: Any, signature: Signature) -> None:
        super().__init__(native, signature)
        learner = json.loads(native.save_config())["learner"]
        self._objective = str(learner["learner_train_param"]["objective"])
        self._linear = learner["gradient_booster"]["name"] == "gblinear"
        self._width = max(int(learner["learner_model_param"]["num_class"]), 1)

    def encoded(self, frame: pl.DataFrame) -> npt.NDArray[np.float32]:
        """Return the matrix the booster takes, shape ``(rows, features)``, float32; unknown or missing is NaN."""
        return matrix(self, frame, np.float32)

    def classes(self) -> tuple[str, ...]:
        """Return the signature's classes; a booster knows only how many there are."""
        return self._agreed([str(place) for place in range(max(self._width, 2))], coded=True)

    def _predict(self, frame: pl.DataFrame, *, margin: bool = False) -> npt.NDArray[np.float32]:
        """Predict in place, which gives the bits of a prediction through a DMatrix in half the time.

        A linear booster cannot.
        """
        numbers = self.encoded(frame)
        if self._linear:
            data = import_xgboost().DMatrix(numbers, feature_names=list(self.signature.names), missing=np.nan)
            found = self.native.predict(data, output_margin=margin, validate_features=False)
        else:
            found = self.native.inplace_predict(
                numbers, predict_type="margin" if margin else "value", missing=np.nan, validate_features=False
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
    """Load a booster in XGBoost's JSON or UBJSON."""
    xgboost = import_xgboost()
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(path.read_bytes()))
    except xgboost.core.XGBoostError as error:
        raise ModelFault("artifact-corrupt", f"XGBoost cannot read the file: {_first_line(error)}") from error
    scorer = BoosterScorer(booster, signature)
    _check_features(scorer)
    return scorer


def _check_features(scorer: BoosterScorer) -> None:
    names, stated = scorer.native.feature_names, scorer.signature.names
    if names is not None:
        if tuple(names) != stated:
            raise ModelFault(
                "features-differ", f"the booster's features {names} are not the signature's {list(stated)}"
            )
        return
    count = scorer.native.num_features()
    if count != len(stated):
        raise ModelFault("features-differ", f"the booster takes {count} features, the signature has {len(stated)}")
    scorer.notes.append(
        Note("names-not-checked", "the booster carries no feature names: only their number was checked")
    )


def import_xgboost() -> Any:
    """Import xgboost without scikit-learn, which only its wrapper classes need and which takes most of the time."""
    hidden = "sklearn" not in sys.modules
    if hidden:
        sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        import xgboost
    finally:
        if hidden:
            del sys.modules["sklearn"]
    return xgboost


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
