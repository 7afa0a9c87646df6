"""The records of one spool file as rows of the log's tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.capture.recorder.record_form import EXTRAS, FIELDS, id_text
from audit_lab.capture.recorder.recorded_column import recorded_column, type_named
from audit_lab.log.schema import INPUTS_PREFIX, TABLES, TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.capture.recorder.spool_file import Header

__all__ = ["SpooledRows"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OUTPUTS = {"score": pl.Float64(), "label": pl.String(), "probabilities": pl.List(pl.Float64())}
_COLUMNS = {
    name: dtype() if isinstance(dtype, type) else dtype for name, dtype in TABLES["predictions"].columns.items()
}
#: Columns that are the same for a whole recorder, or stand among a record's extras.
_MORE = (*sorted(EXTRAS - {"explanation"}), "clock_source")
_EXPLANATION = TABLES["explanations"].columns
_LATER = "later"

#: Kind of notice to its severity, and its sentence.
_NOTICES = {
    "gap": ("error", "{count} predictions were not recorded, because memory for records was full"),
    "clock-set": ("warning", "the recorder's clock was set by {seconds:.3f} s"),
    "torn": ("warning", "a crash tore {bytes} bytes at the end of a spool file; no record in them was acknowledged"),
    "quarantined": ("error", "inputs of {prediction_id} are kept in the spool: {why}"),
    "sampled": ("info", "{recorded} of {seen} predictions were recorded; of the others there is no row"),
    "aggregates": ("info", "{rows} predictions of an hour were counted, of which no row need be recorded"),
    "redaction": ("info", "values are changed before they are recorded, as the profile {profile} says"),
    "explanation-due": ("info", "an explanation of {prediction_id} is to be computed"),
}


class SpooledRows:
    """What the log does not have of one spool file.

    Attributes
    ----------
    header
        The file's.
    numbers, records
        Sequence number of each record, rising; each record as a list in the order of `FIELDS`.
    notices
        What is to be known of what is not there: the number of the next record, and a mapping with its ``kind``.
    misfits
        Row to column to why a value fits no column of the log; filled by `tables`.
    is_first
        Whether the log has no record of this writer yet.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        self.numbers: list[int] = []
        self.records: list[list[Any]] = []
        self.notices: list[tuple[int, dict[str, Any]]] = []
        self.misfits: dict[int, dict[str, str]] = {}
        self.is_first = False

    @property
    def inputs_table(self) -> str:
        """The table of the model's inputs."""
        return f"{INPUTS_PREFIX}{self.header.model_name}"

    @property
    def missing(self) -> int:
        """How many records were left out, as the notices say."""
        return sum(notice.get("count", 0) for _, notice in self.notices)

    def add(self, first: int, records: Sequence[list[Any]]) -> None:
        """Add records with consecutive numbers; those that are here already are left out."""
        known = max(0, (self.numbers[-1] if self.numbers else 0) - first + 1)
        self.numbers.extend(range(first + known, first + len(records)))
        self.records.extend(records[known:])

    def tables(self, types: pl.Schema) -> dict[str, pl.DataFrame]:
        """Return the rows of each table that has any.

        Parameters
        ----------
        types
            The columns that the inputs have in the log.
        """
        tables: dict[str, pl.DataFrame] = {}
        if self.records:
            columns = dict(zip(FIELDS, zip(*self.records, strict=True), strict=True))
            ids = pl.Series("prediction_id", [id_text(each) for each in columns["id"]], dtype=pl.String)
            tables["predictions"] = self._predictions(ids, columns)
            inputs = self._inputs(ids, columns["inputs"], types)
            if inputs.height:
                tables[self.inputs_table] = inputs
            explained = self._explanations(ids, columns["extras"])
            if explained is not None:
                tables["explanations"] = explained
        events = self._events()
        if events is not None:
            tables["events"] = events
        return tables

    def quarantine(self) -> bytes:
        """Return the records with a misfit as JSON lines, with why."""
        lines = []
        for row, why in sorted(self.misfits.items()):
            record = dict(zip(FIELDS, self.records[row], strict=True))
            record["id"] = id_text(record["id"])
            if isinstance(record["inputs"], list):
                record["inputs"] = dict(zip(self.header.features, record["inputs"], strict=False))
            about = {"writer_id": self.header.writer_id, "sequence": self.numbers[row], "why": why}
            lines.append(json.dumps({**about, "record": record}, default=repr, sort_keys=True))
        return "".join(f"{line}\n" for line in lines).encode()

    def _predictions(self, ids: pl.Series, columns: dict[str, Any]) -> pl.DataFrame:
        rows = len(self.records)
        outputs = pl.DataFrame([self._column(name, columns[name], dtype) for name, dtype in _OUTPUTS.items()])
        known = pl.any_horizontal(pl.col(_OUTPUTS).is_not_null())
        extras = [each or {} for each in columns["extras"]]
        made = [
            ids,
            pl.Series("occurred_at", columns["at"], dtype=pl.Int64).cast(TIME),
            outputs.select(pl.when(known).then(pl.struct(*_OUTPUTS)).alias("outputs"))["outputs"],
            self._column("decision", columns["decision"], pl.String()),
            self._column("latency_ms", columns["latency_ms"], pl.Float64()),
            pl.Series("sequence", self.numbers, dtype=pl.Int64),
        ]
        constants = {
            **self.header.constants,
            "model_version": self.header.model_version,
        }
        given = {name for each in extras for name in each}
        for name in _MORE:
            constant = constants.get(name)
            values = [each.get(name, constant) for each in extras] if name in given else [constant] * rows
            made.append(self._column(name, values, _COLUMNS[name]))
        return pl.DataFrame(made).with_columns(
            model_name=pl.lit(self.header.model_name), writer_id=pl.lit(self.header.writer_id)
        )

    def _inputs(self, ids: pl.Series, inputs: Sequence[Any], types: pl.Schema) -> pl.DataFrame:
        names = list(self.header.features)
        width = len(names)
        if all(type(each) is list and len(each) == width for each in inputs):
            columns = dict(zip(names, zip(*inputs, strict=True), strict=True)) if width else {}
        else:
            maps = [each if isinstance(each, dict) else dict(zip(names, each, strict=False)) for each in inputs]
            names = list(dict.fromkeys([*names, *(name for each in maps for name in each)]))
            columns = {name: tuple(each.get(name) for each in maps) for name in names}
        declared = {name: type_named(text, name) for name, text in self.header.types.items()}
        made = [self._column(name, values, types.get(name, declared.get(name))) for name, values in columns.items()]
        frame = pl.DataFrame([ids, *(each for each in made if each.dtype != pl.Null)])
        return frame.filter(~pl.Series([row in self.misfits for row in range(frame.height)]))

    def _column(self, name: str, values: Sequence[Any], dtype: pl.DataType | None) -> pl.Series:
        made = recorded_column(name, values, dtype)
        for row, why in made.misfits.items():
            self.misfits.setdefault(row, {})[name] = why
        return made.series

    def _explanations(self, ids: pl.Series, extras: Sequence[dict[str, Any] | None]) -> pl.DataFrame | None:
        rows = []
        for row, each in enumerate(extras):
            given = (each or {}).get("explanation")
            if isinstance(given, dict):
                said = {name: _text(given[name]) for name in _EXPLANATION if given.get(name) is not None}
                rows.append({"method": "not named", **said, "prediction_id": ids[row]})
            elif given == _LATER:
                self._note(row, {"kind": "explanation-due", "prediction_id": ids[row]})
        schema = {name: _EXPLANATION[name] for name in _EXPLANATION if any(name in row for row in rows)}
        return pl.DataFrame(rows, schema=schema, orient="row") if rows else None

    def _note(self, row: int, notice: dict[str, Any]) -> None:
        self.notices.append((self.numbers[row], {"at": self.records[row][FIELDS.index("at")], **notice}))

    def _events(self) -> pl.DataFrame | None:
        for row, why in sorted(self.misfits.items()):
            said = "; ".join(f"{column}: {reason}" for column, reason in sorted(why.items()))
            name = id_text(self.records[row][0])
            self._note(row, {"kind": "quarantined", "prediction_id": name, "why": said})
        if self.is_first and self.records and self.header.redaction is not None:
            said_of_it = {"kind": "redaction", "at": self.header.begun, **self.header.redaction}
            self.notices.append((self.numbers[0], said_of_it))
        rows = []
        for number, notice in self.notices:
            kind = str(notice.get("kind"))
            severity, sentence = _NOTICES[kind]
            one = notice.get("prediction_id")
            part = f"-{notice['part']}" if "part" in notice else ""
            if kind == "aggregates":
                notice["model_name"] = self.header.model_name
            details = {name: value for name, value in notice.items() if name not in ("kind", "at")}
            if kind == "gap":
                details |= {"first_sequence": number, "last_sequence": number + notice["count"] - 1}
            rows.append(
                {
                    "event_id": f"{self.header.writer_id}/{kind}/{number}{part}",
                    "at": _EPOCH + timedelta(microseconds=notice["at"]),
                    "kind": f"recorder.{kind}",
                    "severity": severity,
                    "actor": self.header.writer_id,
                    "subject_kind": "writer" if one is None else "prediction",
                    "subject": self.header.writer_id if one is None else one,
                    "summary": sentence.format(**notice),
                    "payload": json.dumps(details, sort_keys=True),
                }
            )
        return pl.DataFrame(rows, schema_overrides={"at": TIME}) if rows else None


def _text(value: Any) -> Any:
    """Return a mapping or a list as the JSON that the log keeps."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value
