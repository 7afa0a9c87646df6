"""Rejoin many predictions at once: everything in frames, and each as a `Reconstruction` when that is asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.index.batch_lookup import look_up_many
from audit_lab.log.index.lookup import place_alone
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.reconstruction.decision_rows import DecisionRows
from audit_lab.replay.reconstruction.gathering import Gathered, gathered
from audit_lab.replay.reconstruction.inputs_ahead import InputsAhead
from audit_lab.replay.reconstruction.notes import Finding, Gap
from audit_lab.replay.reconstruction.reconstruction import Reconstruction, Told, assembled, reconstruct
from audit_lab.replay.reconstruction.telling import tell_findings, tell_gaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit_lab.log.index.batch_lookup import FoundPredictions
    from audit_lab.log.store import LogStore

__all__ = ["Reconstructions"]

_ID = "prediction_id"
_ROW = "row"

#: So many decisions are fetched whole in one go when they are gone through.
_AT_A_TIME = 16_384

#: The columns of the frame, by what they are called among the facts.
_FRAME: dict[str, pl.Expr] = {
    "asked": pl.col("asked"),
    _ID: pl.col(_ID),
    "place": pl.col("place"),
    "places": pl.col("places"),
    "found": pl.col("found"),
    "occurred_at": pl.col("occurred_at"),
    "model_name": pl.col("model_name"),
    "model_version": pl.when(pl.col("followed").is_null()).then("model_version"),  # as it is stated
    "in_force": pl.col("versions"),
    "agrees": pl.col("agrees"),
    "score": pl.col("score"),
    "label": pl.col("label"),
    "probabilities": pl.col("probabilities"),
    "decision": pl.col("decision"),
    "decision_rule": pl.col("decision_rule"),
    "threshold": pl.col("threshold"),
    "has_inputs": pl.when("found").then("has_inputs"),
    "outcome_label": pl.col("outcome_label"),
    "outcome_value": pl.col("outcome_value"),
    "outcome_observed_at": pl.col("outcome_observed_at"),
    "outcomes": pl.when("found").then("outcomes"),
    "overrides": pl.when("found").then("overrides"),
    "final_decision": pl.col("final_decision"),
    "explained": pl.when("found").then(pl.col("explanations") > 0),
}


class Reconstructions:
    """Predictions with everything the log knows about them, in the order in which they were asked for.

    Parameters
    ----------
    store
        The log.
    found
        What was asked for, looked up with the columns `audit_lab.replay.reconstruction.gathering.prediction_columns`.
    ahead
        Inputs that are read already, or are being read.

    Attributes
    ----------
    frame
        A row for each that was asked for: ``asked``, ``prediction_id``, ``place``, ``places`` (in how many its id
        stands), ``found``; ``occurred_at``, ``model_name``, ``model_version``, ``in_force`` (list), ``agrees``;
        ``score``, ``label``, ``probabilities``, ``decision``, ``decision_rule``, ``threshold``; ``has_inputs``;
        ``outcome_label``, ``outcome_value``, ``outcome_observed_at``, ``outcomes``; ``overrides``, ``final_decision``;
        ``explained``; ``gaps`` and ``findings`` (lists of codes). What was not found has nulls.
    gaps, findings
        One row for each: ``row`` (of `frame`), ``prediction_id``, ``code``, ``what`` and, for gaps, ``effect``.

    Raises
    ------
    LogError
        A table cannot be read.
    """

    def __init__(self, store: LogStore, found: FoundPredictions, ahead: InputsAhead | None = None) -> None:
        self._store = store
        self._searched = found.searched
        self._placed = found.rows.select(_ID, "place")
        self._gathered: Gathered = gathered(store, found, ahead or InputsAhead(store, None))
        facts = self._gathered.facts
        self.gaps: pl.DataFrame = tell_gaps(facts)
        self.findings: pl.DataFrame = tell_findings(facts)
        told = facts.select(**_FRAME)
        self.frame: pl.DataFrame = told.hstack(
            [_codes(told, self.gaps, "gaps"), _codes(told, self.findings, "findings")]
        )

    @property
    def overrides(self) -> pl.DataFrame:
        """What persons changed, in order of recording: columns of the table, ``place`` and ``corrected_by``."""
        return self._history("overrides")

    @property
    def outcomes(self) -> pl.DataFrame:
        """Every outcome on record, in order of recording: columns of the table, ``place`` and ``corrected_by``."""
        return self._history("outcomes")

    @property
    def explanations(self) -> pl.DataFrame:
        """The explanations of record: columns of the table, ``place`` and ``corrected_by``."""
        return self._history("explanations")

    @property
    def missing(self) -> tuple[str, ...]:
        """What was asked for and stands nowhere, each once."""
        return tuple(self.frame.filter(pl.col("places") == 0)["asked"].unique(maintain_order=True))

    @property
    def ambiguous(self) -> pl.DataFrame:
        """The ids that stand in several places, or are a place too: ``asked`` and ``place``, a row for each place."""
        several = self.frame.filter(~pl.col("found") & (pl.col("places") > 1)).select("asked", "places")
        several = several.unique(maintain_order=True).with_row_index(_ROW)
        placed = self._placed.select(pl.col(_ID).alias("asked"), "place")
        as_id = several.join(placed, on="asked", maintain_order="left_right")
        is_place = pl.len().over("asked") < pl.col("places")
        as_place = (
            as_id.filter(is_place)
            .unique(_ROW)
            .with_columns(pl.col("asked").map_elements(place_alone, pl.String).alias("place"))
        )
        return pl.concat([as_place, as_id]).sort(_ROW, maintain_order=True).select("asked", "place")

    @property
    def models(self) -> tuple[str, ...]:
        """The models of the predictions that have inputs in the log, in order."""
        return tuple(self._gathered.inputs)

    @property
    def inputs(self) -> pl.DataFrame:
        """The inputs of all models: ``place``, ``prediction_id``, ``model_name``, then a column for each feature.

        A row for each decision whose inputs are certain, in the order asked.

        Raises
        ------
        MisuseError
            Two models have a feature of one name, whose types do not go together.
        """
        frames = [self.inputs_of(model) for model in self.models]
        if not frames:
            return pl.DataFrame(schema={"place": pl.String, _ID: pl.String, "model_name": pl.String})
        try:
            together = pl.concat(frames, how="diagonal_relaxed")
        except pl.exceptions.PolarsError as error:
            raise MisuseError(
                f"the inputs of {', '.join(self.models)} do not go together ({str(error).splitlines()[0][:160]})",
                "Take those of one model: inputs_of(model).",
            ) from error
        return together if len(frames) == 1 else self._in_order(together)

    def inputs_of(self, model: str) -> pl.DataFrame:
        """Return the inputs of one model as `inputs` has them; none where the model has no inputs here."""
        rows = self._gathered.inputs.get(model)
        asked = self.frame.filter(pl.col("has_inputs") & (pl.col("model_name") == model))
        wanted = asked.select("place", _ID, "model_name").unique("place", keep="first", maintain_order=True)
        if rows is None:
            return wanted.clear()
        features = rows.filter(pl.col(_ID).is_in(wanted[_ID].implode())).drop(SEGMENT, ROW)
        called = {name: f"inputs.{name}" for name in features.columns if name in {"place", "model_name"}}
        return wanted.join(features.rename(called), on=_ID, how="left", maintain_order="left", validate="m:1")

    def __len__(self) -> int:
        """Return how many were asked for."""
        return self.frame.height

    def at(self, number: int) -> Reconstruction:
        """Return one of those that were asked for, by the number of its row in `frame`.

        Raises
        ------
        NotFoundError, AmbiguousIdError
            It stands nowhere, or in several places.
        IndexError
            There is no such row.
        """
        if not -len(self) <= number < len(self):
            message = f"there are {len(self)} decisions, and none with the number {number}"
            raise IndexError(message)
        asked = self.frame.row(number, named=True)
        if not asked["found"]:
            return reconstruct(self._store, asked["asked"])  # says why there is none
        return next(self._made([number if number >= 0 else number + len(self)]))

    def all(self) -> Iterator[Reconstruction]:
        """Yield those that were found, in order."""
        numbers = self.frame.with_row_index(_ROW).filter("found")[_ROW].to_list()
        for start in range(0, len(numbers), _AT_A_TIME):
            yield from self._made(numbers[start : start + _AT_A_TIME])

    def _made(self, numbers: Sequence[int]) -> Iterator[Reconstruction]:
        asked = self.frame[numbers].select(_ID, "place", "model_name", "places")
        whole = self._whole(asked)
        for number, (name, place, model, places) in zip(numbers, asked.iter_rows(), strict=True):
            inputs = self._gathered.inputs.get(model)
            rows = DecisionRows(
                prediction=whole[place],
                place=place,
                places=(place,) if places == 1 else tuple(self._placed.filter(pl.col(_ID) == name)["place"]),
                corrected_by=self._corrected.get(place),
                inputs=None if inputs is None else self._slices[model].of(name),
                histories={table: self._slices[table].of(name) for table in self._gathered.histories},
                searched=self._searched,
            )
            final = self.frame["final_decision"][number]
            told = Told(self._gaps.get(number, ()), self._findings.get(number, ()), final)
            yield assembled(self._store, rows, told)

    def _whole(self, asked: pl.DataFrame) -> dict[str, dict[str, Any]]:
        """Return whole rows of predictions by their places."""
        rows = look_up_many(self._store, "predictions", _ID, asked[_ID], confirm=False).rows
        places = rows.select(pl.format("{}@{}:{}", _ID, SEGMENT, ROW)).to_series()
        return dict(zip(places, rows.drop(SEGMENT, ROW).iter_rows(named=True), strict=True))

    def _history(self, table: str) -> pl.DataFrame:
        return self._gathered.histories[table].drop(SEGMENT, ROW, "unclear")

    def _in_order(self, rows: pl.DataFrame) -> pl.DataFrame:
        order = self.frame.select("place").unique("place", keep="first", maintain_order=True).with_row_index("_order")
        return rows.join(order, on="place", how="left").sort("_order").drop("_order")

    @cached_property
    def _corrected(self) -> dict[str, str]:
        return dict(self._gathered.corrected.select("place", "corrected_by").iter_rows())

    @cached_property
    def _slices(self) -> dict[str, _ById]:
        return {name: _ById(rows) for name, rows in (self._gathered.inputs | self._gathered.histories).items()}

    @cached_property
    def _gaps(self) -> dict[int, tuple[Gap, ...]]:
        told: dict[int, tuple[Gap, ...]] = {}
        for number, *words in self.gaps.select(_ROW, "code", "what", "effect").iter_rows():
            told[number] = (*told.get(number, ()), Gap(*words))
        return told

    @cached_property
    def _findings(self) -> dict[int, tuple[Finding, ...]]:
        told: dict[int, tuple[Finding, ...]] = {}
        for number, *words in self.findings.select(_ROW, "code", "what").iter_rows():
            told[number] = (*told.get(number, ()), Finding(*words))
        return told


class _ById:
    """Rows of a frame by prediction id, each a slice; the order of an id's rows stays."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows.sort(_ID, maintain_order=True)
        counts = self._rows.group_by(_ID, maintain_order=True).len()
        ends = counts["len"].cum_sum()
        self._places = dict(zip(counts[_ID], zip(ends - counts["len"], counts["len"], strict=True), strict=True))

    def of(self, prediction_id: str) -> pl.DataFrame:
        """Return the rows of one prediction."""
        return self._rows.slice(*self._places.get(prediction_id, (0, 0)))


def _codes(frame: pl.DataFrame, told: pl.DataFrame, name: str) -> pl.Series:
    """Return the codes that are told of each row, as lists."""
    by_row = told.group_by(_ROW).agg(pl.col("code").alias(name))
    numbered = frame.select("found").with_row_index(_ROW)
    joined = numbered.join(by_row, on=_ROW, how="left", maintain_order="left")
    nothing = pl.lit([], dtype=pl.List(pl.String))
    return joined.select(pl.when("found").then(pl.col(name).fill_null(nothing)).alias(name)).to_series()
