"""XGBoost: a booster saved as JSON or UBJSON, or as the bytes that a pickle of it kept."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_lab.replay.models.columns import matrix
from audit_lab.replay.models.features import check_categories, check_count, check_names
from audit_lab.replay.models.libraries import first_line, import_library, incoherent, unreadable
from audit_lab.replay.models.scorer import ModelFault, Note, Scorer
from audit_lab.replay.models.xgboost_binary import read_binary
from audit_lab.replay.models.xgboost_document import check_content, check_document

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

    Attributes
    ----------
    taken
        How many features the booster takes.
    """

    noun = "booster"

    def __init__(self, native: Any, signature: Signature, *, wrapped: bool = False, missing: float = np.nan) -> None:
        super().__init__(native, signature)
        if not hasattr(native, "save_config"):
            version = import_xgboost().__version__
            raise ModelFault("library-missing", f"a replay needs XGBoost 1.0 or later, and {version} is installed")
        learner = json.loads(native.save_config())["learner"]
        self._objective = str(learner["learner_train_param"]["objective"])
        name = learner["gradient_booster"]["name"]
        if name == "gblinear":
            message = "releases of XGBoost add the base score of a linear booster differently"
            self.notes.append(Note("linear-booster", message))
        # Before release 1.4 predictions in place fail on arrays, and rounds are counted as trees.
        self._old = not hasattr(native, "num_boosted_rounds")
        self._through_matrix = self._old or name == "gblinear" or (name == "dart" and not wrapped)
        self._width = max(int(learner["learner_model_param"]["num_class"]), 1)
        self.taken = int(learner["learner_model_param"]["num_feature"])
        self._missing = missing
        best = native.attr("best_iteration")
        self._rounds = (0, int(best) + 1) if wrapped and best is not None and name != "gblinear" else (0, 0)
        if best is not None and not wrapped and not self._old and int(best) + 1 < native.num_boosted_rounds():
            message = f"the booster names {int(best) + 1} rounds as its best; all were used, as it does by itself"
            self.notes.append(Note("best-iteration-not-used", message))

    def encoded(self, frame: pl.DataFrame) -> npt.NDArray[np.float32]:
        """Return the matrix the booster takes, shape ``(rows, features)``, float32; unknown or missing is NaN."""
        numbers: npt.NDArray[np.float32] = matrix(self, frame, np.float32)
        if not np.isnan(self._missing):
            numbers[numbers == np.float32(self._missing)] = np.nan
        return numbers

    def used(self) -> Any:
        """Return the booster with the rounds that it predicts with, and no others."""
        return self.native[: self._rounds[1]] if self._rounds[1] else self.native

    def margins(self, frame: pl.DataFrame) -> npt.NDArray[np.float32]:
        """Return the raw margin of each row, whatever kind of output the signature states."""
        return self._predict(frame, margin=True)

    def classes(self) -> tuple[str, ...]:
        """Return the signature's classes; a booster knows only how many there are."""
        return self._agreed([str(place) for place in range(max(self._width, 2))], coded=True)

    def _predict(self, frame: pl.DataFrame, *, margin: bool = False) -> npt.NDArray[np.float32]:
        """Predict in place, which gives the bits of a prediction through a DMatrix and copies less.

        A linear booster cannot, and one of the kind dart gives other bits; its wrapper predicts in place all the same.
        """
        numbers = self.encoded(frame)
        if self._through_matrix:
            names = self.native.feature_names
            data = import_xgboost().DMatrix(numbers, missing=np.nan, feature_names=names)
            rounds = {"ntree_limit": self._rounds[1]} if self._old else {"iteration_range": self._rounds}
            found = self.native.predict(data, output_margin=margin, **rounds)
        else:
            found = self.native.inplace_predict(
                numbers,
                iteration_range=self._rounds,
                predict_type="margin" if margin else "value",
                missing=np.nan,
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
    xgboost, content = import_xgboost(), path.read_bytes()
    _check(content)
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
        wrapped = booster.attr("scikit_learn") is not None
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise unreadable("XGBoost", error) from error
    return booster_scorer(booster, signature, wrapped=wrapped)


def load_raw_booster(path: Path, signature: Signature, _trusted: Sequence[str] = ()) -> Scorer:
    """Load the bytes that ``save_raw`` of any release gave, or that a pickled booster kept under ``handle``."""
    booster, notes = _of_any_release(path.read_bytes())
    scorer = booster_scorer(booster, signature, wrapped=False)
    scorer.notes += notes
    return scorer


def load_lifted_booster(path: Path, signature: Signature, _trusted: Sequence[str] = ()) -> Scorer:
    """Load a booster that was lifted out of a pickle: a line of JSON that says how it predicts, then its bytes."""
    line, _, content = path.read_bytes().partition(b"\n")
    how = json.loads(line)
    booster, notes = _of_any_release(content)
    if booster.feature_names is None and how["feature_names"] is not None:
        booster.feature_names = how["feature_names"]
    missing = np.nan if how["missing"] is None else float(how["missing"])
    scorer = booster_scorer(booster, signature, wrapped=how["wrapped"], missing=missing)
    scorer.notes += notes
    return scorer


def booster_scorer(booster: Any, signature: Signature, *, wrapped: bool, missing: float = np.nan) -> BoosterScorer:
    """Return a scorer of a booster whose features are those of the signature, and whose own categories it takes over.

    Raises
    ------
    ModelFault
        Code ``features-differ``.
    """
    try:
        scorer = BoosterScorer(booster, signature, wrapped=wrapped, missing=missing)
        names, own = booster.feature_names, _categories(booster)
    except (import_xgboost().core.XGBoostError, ValueError) as error:
        raise unreadable("XGBoost", error) from error
    # Releases before 1.4 number features that have no names.
    numbered = [f"f{place}" for place in range(len(signature.names))]
    if names is None or (names == numbered and tuple(names) != signature.names):
        check_count(scorer, scorer.taken)
    else:
        check_names(scorer, names)
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


def _of_any_release(content: bytes) -> tuple[Any, list[Note]]:
    """Return a booster of its saved or its serialised form, rewritten where this release no longer reads it."""
    xgboost = import_xgboost()
    refused = (xgboost.core.XGBoostError, ValueError)
    _check(content)
    booster = xgboost.Booster()
    try:
        booster.load_model(bytearray(content))
    except refused as saved:
        try:
            booster = xgboost.Booster.__new__(xgboost.Booster)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it recommends another form to whoever saves one
                booster.__setstate__({"handle": bytearray(content)})
        except refused:
            if content.startswith(b"{"):
                raise unreadable("XGBoost", saved) from saved
            return _rewritten(content)
    return booster, []


def _check(content: bytes) -> None:
    """Refuse a document that does not hang together: the library may crash on it, or ask for all the memory there is.

    Raises
    ------
    ModelFault
        Code ``artifact-corrupt``.
    """
    try:
        check_content(content)
    except ValueError as error:
        raise incoherent(error) from error


def _rewritten(content: bytes) -> tuple[Any, list[Note]]:
    """Return a booster of the binary form of old releases."""
    xgboost = import_xgboost()
    booster = xgboost.Booster()
    try:
        found = read_binary(content)
        check_document(json.loads(found.document))
    except ValueError as error:
        raise unreadable("XGBoost", error) from error
    try:
        booster.load_model(bytearray(found.document))
    except xgboost.core.XGBoostError as error:
        raise ModelFault(
            "artifact-too-old",
            f"the booster is in the binary form of XGBoost before 3.1, and XGBoost {xgboost.__version__} does not take "
            f"what is in it ({first_line(error)}); replay it in its recorded environment",
        ) from error
    inexact = "" if found.base_score_exact else " Its base score could not be kept to the last bit."
    message = (
        "The booster is in the binary form of XGBoost before 3.1, and was rewritten as JSON with the same bits; "
        f"releases may differ in the last bit of a score all the same.{inexact}"
    )
    return booster, [Note("binary-form-rewritten", message)]


def import_xgboost() -> Any:
    """Import xgboost without scikit-learn, which only its wrapper classes need and which takes most of the time."""
    return import_library("xgboost")
