"""scikit-learn: a pipeline or an estimator, as the recorded columns or, where it knows no names, as a matrix."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.replay.models.columns import count_unseen, matrix, numeric
from audit_lab.replay.models.features import check_count, check_names
from audit_lab.replay.models.libraries import import_library
from audit_lab.replay.models.scorer import Scorer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from audit_lab.replay.signature import Feature, Signature

__all__ = ["EstimatorScorer", "estimator_scorer"]

_DEEPEST = 12
#: So few rows are scored sooner by one thread than others can be woken, once for each tree.
_FEW_ROWS = 32


class EstimatorScorer(Scorer):
    """A scikit-learn estimator: takes the recorded columns by name.

    Numbers are float64 or int64, text is Python text. A missing number is NaN; a missing text is None, or NaN where an
    encoder or imputer of the estimator knows missing text as that.
    """

    noun = "estimator"

    def __init__(self, native: Any, signature: Signature) -> None:
        super().__init__(native, signature)
        names = getattr(native, "feature_names_in_", None)
        self._names = None if names is None else [str(name) for name in names]
        self._missing_text = _missing_text(native)
        controller = getattr(import_library("threadpoolctl"), "ThreadpoolController", None)  # since its release 3
        self._threads = None if controller is None else controller().select(user_api="openmp")

    def classes(self) -> tuple[str, ...]:
        """Return ``classes_`` as text, by their names in the signature where the estimator only counts them."""
        own = self._own_classes()
        return self._agreed(own, coded=own == [str(place) for place in range(len(own))])

    def _own_classes(self) -> list[str]:
        found = getattr(self.native, "classes_", None)
        if found is None:
            raise self._fault("is no classifier")
        return [str(label) for label in found]

    def _call(self, method: str, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if not hasattr(self.native, method):
            raise self._fault(f"({type(self.native).__name__}) has no {method}")
        alone = None if self._threads is None or frame.height > _FEW_ROWS else self._threads.limit(limits=1)
        with alone or nullcontext():
            return np.asarray(getattr(self.native, method)(self._table(frame)))

    def _table(self, frame: pl.DataFrame) -> Any:
        """Return what the estimator was fitted on: a pandas frame, or a matrix where it knows no names."""
        features = {feature.name: feature for feature in self.signature.features}
        if self._names is None:
            # Row by row in memory, as arrays are made: on some processors a product of the other order has other bits.
            return np.ascontiguousarray(matrix(self, frame, np.float64))
        count_unseen(self, frame)
        pandas = import_library("pandas")
        columns = {name: self._column(features[name], frame[name], pandas) for name in self._names}
        return pandas.DataFrame(columns, copy=frame.height <= _FEW_ROWS)

    def _column(self, feature: Feature, values: pl.Series, pandas: Any) -> Any:
        if feature.dtype == "str":
            return pandas.Series(_text(feature, values, self._missing_text), dtype=object, copy=False)
        if feature.dtype == "float":
            return numeric(values)
        if values.null_count():
            return numeric(values) if feature.dtype == "int" else np.array(values.to_list(), dtype=object)
        return values.cast(pl.Int64 if feature.dtype == "int" else pl.Boolean).to_numpy()

    def _probability(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        place = self._positive_place(self._own_classes())
        return self._probabilities(frame)[:, place]

    def _margin(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return self._call("decision_function", frame)

    def _value(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if hasattr(self.native, "classes_"):
            raise self._fault("is a classifier")
        return self._call("predict", frame)

    def _labels(self, frame: pl.DataFrame) -> Sequence[str | None]:
        names = dict(zip(self._own_classes(), self.classes(), strict=True))
        return [names[str(label)] for label in self._call("predict", frame)]

    def _probabilities(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return self._call("predict_proba", frame)


def estimator_scorer(estimator: Any, signature: Signature) -> EstimatorScorer:
    """Return a scorer of an estimator whose features are those of the signature.

    Raises
    ------
    ModelFault
        Code ``features-differ``.
    """
    scorer = EstimatorScorer(estimator, signature)
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        check_names(scorer, [str(name) for name in names], in_order=False)
    else:
        count = getattr(estimator, "n_features_in_", None)
        check_count(scorer, None if count is None else int(count))
    return scorer


def _text(feature: Feature, values: pl.Series, missing: float | None) -> npt.NDArray[np.object_]:
    """Return text as Python objects, which rows of equal text share: building them would cost more than all else."""
    text = values if values.dtype == pl.String else values.cast(pl.String)
    known = list(feature.categories or ())
    codes = text.cast(pl.Enum(known), strict=False).to_physical()
    if codes.null_count() > text.null_count():
        known = text.drop_nulls().unique(maintain_order=True).to_list()
        codes = text.cast(pl.Enum(known)).to_physical()
    objects: npt.NDArray[np.object_] = np.array([*known, missing], dtype=object)
    found: npt.NDArray[np.object_] = objects[codes.cast(pl.Int64).fill_null(len(known)).to_numpy()]
    return found


def _missing_text(estimator: Any) -> float | None:
    """Return what missing text is to an estimator: NaN where a part of it was fitted on NaN and none on None."""
    found = set()
    for part in _parts(estimator, 0):
        known = [label for labels in getattr(part, "categories_", ()) if labels.dtype == object for label in labels]
        known += [part.missing_values] if hasattr(part, "missing_values") else []
        found |= {"none" for label in known if label is None}
        found |= {"nan" for label in known if isinstance(label, float) and np.isnan(label)}
    return float("nan") if found == {"nan"} else None


def _parts(part: Any, depth: int) -> Iterator[Any]:
    """Yield an estimator and the estimators within it."""
    if depth > _DEEPEST:
        return
    if hasattr(part, "get_params"):
        yield part
        for value in vars(part).values():
            yield from _parts(value, depth + 1)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from _parts(value, depth + 1)
