"""CatBoost: a model saved as cbm, which takes categories as the text that was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.replay.models.catboost_file import check_cbm
from audit_lab.replay.models.columns import count_unseen
from audit_lab.replay.models.features import check_count, check_names, differ
from audit_lab.replay.models.libraries import import_library, incoherent, threads, unreadable
from audit_lab.replay.models.scorer import ModelFault, Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from audit_lab.replay.signature import Signature

__all__ = ["CatboostScorer", "catboost_scorer", "load_catboost"]

_EXPONENTIAL = ("Poisson", "Tweedie")


class CatboostScorer(Scorer):
    """A CatBoost model: text features as they were recorded, the rest as numbers; a null number is NaN."""

    noun = "CatBoost model"

    def __init__(self, native: Any, signature: Signature) -> None:
        super().__init__(native, signature)
        labels = native.classes_
        self._labelled = [str(label) for label in (labels if labels is not None else ())]
        self._loss = str(native.get_all_params().get("loss_function", ""))
        texts = {*native.get_cat_feature_indices(), *native.get_text_feature_indices()}
        self._texts = {int(place) for place in texts}

    def classes(self) -> tuple[str, ...]:
        """Return the model's classes, by their names in the signature where the model only counts them."""
        counted = [str(place) for place in range(len(self._labelled))] or ["0", "1"]
        return self._agreed(self._labelled or counted, coded=self._labelled in ([], counted))

    def _table(self, frame: pl.DataFrame) -> Any:
        """Return what `predict` takes: the frame itself, or a pandas one for a release that knows no polars."""
        count_unseen(self, frame)
        columns = [self._column(frame[name], place) for place, name in enumerate(self.native.feature_names_)]
        table = pl.DataFrame(columns)
        if hasattr(import_catboost().core, "pl"):
            return table
        return import_library("pandas").DataFrame({column.name: column.to_numpy() for column in columns})

    def _column(self, values: pl.Series, place: int) -> pl.Series:
        if place in self._texts:
            nulls = values.null_count()
            if nulls:
                raise ModelFault(
                    "inputs-refused",
                    f"{values.name} is null in {nulls} of {values.len()} rows; CatBoost takes no missing category, and "
                    "which text stood for it is not recorded",
                )
            return values if values.dtype.is_integer() else values.cast(pl.String)
        numbers = values if values.dtype.is_numeric() and not values.null_count() else values.cast(pl.Float64)
        return numbers.fill_null(float("nan")) if numbers.null_count() else numbers

    def _predict(self, frame: pl.DataFrame, what: str) -> npt.NDArray[Any]:
        table = self._table(frame).rename(dict(zip(self.signature.names, self.native.feature_names_, strict=True)))
        return np.asarray(self.native.predict(table, prediction_type=what, thread_count=threads()))

    def _probability(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        place = self._positive_place(self.classes())
        return self._probabilities(frame)[:, place]

    def _margin(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return self._predict(frame, "RawFormulaVal")

    def _value(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if self._labelled:
            raise self._contradiction()
        return self._predict(frame, "Exponent" if self._loss.startswith(_EXPONENTIAL) else "RawFormulaVal")

    def _labels(self, frame: pl.DataFrame) -> Sequence[str | None]:
        if not self._labelled:
            raise self._contradiction()
        names = dict(zip(self._labelled, self.classes(), strict=True))
        return [names[str(label)] for label in self._predict(frame, "Class").ravel().tolist()]

    def _probabilities(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if not self._labelled and self._loss != "CrossEntropy":
            raise self._contradiction()
        return self._predict(frame, "Probability")

    def _contradiction(self) -> ModelFault:
        return self._fault(f"was trained with the loss {self._loss}")


def load_catboost(path: Path, signature: Signature, _trusted: Sequence[str] = ()) -> Scorer:
    """Load a model that was saved as cbm."""
    catboost = import_catboost()
    model, content = catboost.CatBoost(), path.read_bytes()
    try:
        check_cbm(content)
    except ValueError as error:
        raise incoherent(error) from error
    try:
        model.load_model(blob=content)
        return catboost_scorer(model, signature)
    except (catboost.CatBoostError, ValueError) as error:  # what it keeps as JSON is read when it is asked for
        raise unreadable("CatBoost", error) from error


def catboost_scorer(model: Any, signature: Signature) -> CatboostScorer:
    """Return a scorer of a model whose features, and which of them are text, are those of the signature.

    Raises
    ------
    ModelFault
        Code ``features-differ``.
    """
    scorer = CatboostScorer(model, signature)
    names = model.feature_names_
    if list(names) == [str(place) for place in range(len(names))] and tuple(names) != signature.names:
        check_count(scorer, len(names))
    else:
        check_names(scorer, names)
    for place, feature in enumerate(signature.features):
        is_text = place in scorer._texts  # noqa: SLF001
        if (feature.dtype == "str" and not is_text) or (feature.dtype == "float" and is_text):
            raise differ(scorer, f"it takes {feature.name} as {'text' if is_text else 'a number'}")
    return scorer


def import_catboost() -> Any:
    """Import catboost without what it draws pictures with."""
    return import_library("catboost")
