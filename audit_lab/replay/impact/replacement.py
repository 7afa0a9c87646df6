"""The change that takes features from another source: a row for each prediction, or the prediction is not decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import collect
from audit_lab.replay.impact.kinds import Change
from audit_lab.replay.impact.row_digest import rows_sha256

if TYPE_CHECKING:
    from audit_lab.replay.impact.kinds import Applies

__all__ = ["Replacement"]


@dataclass(frozen=True)
class Replacement(Change):
    """Features are replaced by values of another source.

    Parameters
    ----------
    frame
        ``prediction_id``, then the features in order of their names; sorted by id.
    source
        What the source is called.
    applies
        For which predictions.
    sha256
        Digest of the frame, see `audit_lab.replay.impact.row_digest.rows_sha256`.
    """

    frame: pl.DataFrame = field(compare=False, repr=False)
    source: str
    applies: Applies
    sha256: str

    @classmethod
    def of(cls, frame: pl.DataFrame | pl.LazyFrame, source: str, applies: Applies) -> Replacement:
        """Check a frame, see `Correction.values`."""
        taken = collect(frame, "the values of the correction") if isinstance(frame, pl.LazyFrame) else frame
        features = sorted(name for name in taken.columns if name != "prediction_id")
        if taken.schema.get("prediction_id") != pl.String or not features:
            raise MisuseError(
                "the values have no text column prediction_id, or no feature beside it",
                "Give a frame of prediction_id and a column for each feature that is replaced.",
            )
        known = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
        odd = [name for name in features if not (taken[name].dtype.is_numeric() or taken[name].dtype in known)]
        if odd:
            raise MisuseError(f"the values of {odd[0]} are {taken[odd[0]].dtype}", "Give numbers, texts or booleans.")
        ordered = taken.select("prediction_id", *features).sort("prediction_id")
        ids = ordered["prediction_id"]
        if ids.null_count() or ids.n_unique() != ids.len():
            twice = ids.filter(ids.is_duplicated()).drop_nulls()
            what = f"the id {twice[0]!r} twice" if twice.len() else "a row without an id"
            raise MisuseError(f"the values have {what}", "Give one row for each prediction.")
        return cls(ordered, source, applies, rows_sha256(ordered))

    @property
    def features(self) -> tuple[str, ...]:
        """The features that are replaced."""
        return tuple(self.frame.columns[1:])

    @property
    def description(self) -> str:
        """Features, source, and how many rows it has."""
        names = ", ".join(self.features)
        return f"{names} from {self.source} ({self.frame.height:,} rows){self.applies.words}"

    @property
    def code(self) -> str:
        """The Python that makes it, given the frame as `values`."""
        return f"al.Correction.values(values, {self.source!r}{self.applies.code})"

    def to_dict(self) -> dict[str, Any]:
        """Return features, source, and the digest of the values."""
        told = {"features": list(self.features), "source": self.source, "rows": self.frame.height}
        return {"kind": "values", **told, "sha256": self.sha256, **self.applies.to_dict()}
