"""scikit-learn: a pipeline or an estimator, read by skops, which builds only types that are known or were named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.replay.models.scorer import ModelFault, Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from audit_lab.replay.signature import Signature

__all__ = ["EstimatorScorer", "load_skops"]

_DTYPES: dict[str, type[pl.DataType]] = {"str": pl.String, "float": pl.Float64, "int": pl.Int64, "bool": pl.Boolean}


class EstimatorScorer(Scorer):
    """A scikit-learn pipeline: takes the recorded columns by name."""

    noun = "estimator"

    def classes(self) -> tuple[str, ...]:
        """Return ``classes_`` as text."""
        return self._agreed([str(label) for label in self.native.classes_], coded=False)

    def _table(self, frame: pl.DataFrame) -> Any:
        import pandas as pd

        columns = {
            feature.name: pd.Series(
                frame[feature.name].cast(_DTYPES[feature.dtype]).to_list(),
                dtype=object if feature.dtype == "str" else None,
            )
            for feature in self.signature.features
        }
        return pd.DataFrame(columns)

    def _probability(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        found = self._probabilities(frame)
        return found[:, self._positive_place([str(label) for label in self.native.classes_])]

    def _margin(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return np.asarray(self.native.decision_function(self._table(frame)))

    def _value(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return np.asarray(self.native.predict(self._table(frame)))

    def _labels(self, frame: pl.DataFrame) -> Sequence[str | None]:
        return [str(label) for label in self.native.predict(self._table(frame))]

    def _probabilities(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return np.asarray(self.native.predict_proba(self._table(frame)))


def load_skops(path: Path, signature: Signature, trusted: Sequence[str] = ()) -> Scorer:
    """Load a skops file whose types are all known to skops or named in `trusted`."""
    import skops.io

    unknown = [name for name in skops.io.get_untrusted_types(file=path) if name not in trusted]
    if unknown:
        raise ModelFault(
            "artifact-types-unknown", f"the skops file holds types that nobody vouched for: {', '.join(unknown)}"
        )
    return EstimatorScorer(skops.io.load(path, trusted=list(trusted)), signature)
