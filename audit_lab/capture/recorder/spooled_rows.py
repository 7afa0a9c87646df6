"""The records of one spool file as rows of the log's tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.capture.recorder.feature_names import ROOM_BYTES, name_fault, room_of
from audit_lab.capture.recorder.record_form import EXTRAS, FIELDS, LATER, id_text
from audit_lab.capture.recorder.recorded_column import recorded_column, type_named
from audit_lab.log.commitment.column_types import column_type
from audit_lab.log.schema import INPUTS_PREFIX, TABLES, TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.capture.recorder.spool_file import Header

__all__ = ["SpooledRows"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: An id that a recorder made, and the groups of its digits: where each begins, and how many they are.
_ID_BYTES, _GROUPS = 16, ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
_OUTPUTS = {"score": pl.Float64(), "label": pl.String(), "probabilities": pl.List(pl.Float64())}
_COLUMNS = {
    name: dtype() if isinstance(dtype, type) else dtype for name, dtype in TABLES["predictions"].columns.items()
}
#: Columns that are the same for a whole recorder, or stand among a record's extras.
_MORE = (*sorted(EXTRAS - {"explanation"}), "clock_source")
_EXPLANATION = TABLES["explanations"].columns
#: Of a name, and of the reasons why values do not fit, so much is told in a sentence.
_SHOWN, _MOST_REASONS = 80, 3

#: Why records are missing, where nothing else is said of a gap.
_MEMORY_FULL = "memory for records was full"

#: Kind of notice to its severity, and its sentence.
_NOTICES = {
    "gap": ("error", "{count} predictions were not recorded, because {because}"),
    "clock-set": ("warning", "the recorder's clock was set by {seconds:.3f} s"),
    "torn": ("warning", "a crash tore {bytes} bytes at the end of a spool file; no record in them was acknowledged"),
    "damaged": ("error", "{bytes} bytes of a spool file are damaged, and records in them are lost; the file is kept"),
    "quarantined": ("error", "inputs of {prediction_id} are kept in the spool: {why}"),
    "set-aside": ("error", "the prediction {prediction_id} cannot be sealed, and is kept in the spool: {why}"),
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
    bare
        Row to why its inputs and its explanation are left out, without a look at them.
    is_first
        Whether the log has no record of this writer yet.
    """

    def __init__(self, header: Header) -> None:
        self.header = header
        self.numbers: list[int] = []
        self.records: list[Any] = []
        self.notices: list[tuple[int, dict[str, Any]]] = []
        self.misfits: dict[int, dict[str, str]] = {}
        self.bare: dict[int, str] = {}
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

    def halves(self) -> tuple[SpooledRows, SpooledRows]:
        """Return the records in two pieces that can be sealed one after the other; each has the notices before it."""
        middle = len(self.records) // 2
        first, second = SpooledRows(self.header), SpooledRows(self.header)
        first.numbers, second.numbers = self.numbers[:middle], self.numbers[middle:]
        first.records, second.records = self.records[:middle], self.records[middle:]
        for number, notice in self.notices:
            (first if number < second.numbers[0] else second).notices.append((number, notice))
        first.is_first = self.is_first
        return first, second

    def without_inputs(self, why: str) -> SpooledRows:
        """Return the rows without inputs and explanations, of which nothing is known but that they cannot be sealed."""
        made = SpooledRows(self.header)
        made.numbers, made.records, made.notices = self.numbers, self.records, list(self.notices)
        made.bare = dict.fromkeys(range(len(self.records)), why)
        made.is_first = self.is_first
        return made

    def without_records(self, why: str) -> SpooledRows:
        """Return the notices alone, and that the records are kept aside."""
        made = SpooledRows(self.header)
        made.notices = list(self.notices)
        for number, record in zip(self.numbers, self.records, strict=True):
            about = {"kind": "set-aside", "at": self.header.begun, "prediction_id": _id_of(record), "why": why}
            made.notices.append((number, about))
        return made

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
            ids = _ids(columns["id"])
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

    def quarantine(self, why: str | None = None) -> list[str]:
        """Return the records with a misfit as lines of JSON, with why; all of them where `why` is told."""
        reasons = self.misfits if why is None else {row: {"record": why} for row in range(len(self.records))}
        return [self._kept(row, reason) for row, reason in sorted(reasons.items())]

    def _kept(self, row: int, why: dict[str, str]) -> str:
        record = dict(zip(FIELDS, self.records[row], strict=False))
        record["id"] = _id_of(self.records[row])
        if isinstance(record.get("inputs"), list):
            record["inputs"] = dict(zip(self.header.features, record["inputs"], strict=False))
        said = {"writer_id": self.header.writer_id, "sequence": self.numbers[row], "why": why}
        try:
            return json.dumps({**said, "record": record}, default=repr, sort_keys=True)
        except (TypeError, ValueError, RecursionError):  # names of several types, or values without end
            return json.dumps({**said, "record": repr(self.records[row])}, sort_keys=True)

    def _predictions(self, ids: pl.Series, columns: dict[str, Any]) -> pl.DataFrame:
        outputs = pl.DataFrame([self._column(name, columns[name], dtype) for name, dtype in _OUTPUTS.items()])
        known = pl.any_horizontal(pl.col(_OUTPUTS).is_not_null())
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
        given = {name for each in filter(None, columns["extras"]) for name in each}
        for name in _MORE:
            constant = constants.get(name)
            if name in given:
                values = [(each or {}).get(name, constant) for each in columns["extras"]]
                made.append(self._column(name, values, _COLUMNS[name]))
            else:
                made.append(self._constant(name, constant, _COLUMNS[name]))
        return pl.DataFrame(made).with_columns(
            model_name=pl.lit(self.header.model_name), writer_id=pl.lit(self.header.writer_id)
        )

    def _inputs(self, ids: pl.Series, inputs: Sequence[Any], types: pl.Schema) -> pl.DataFrame:
        names = list(self.header.features)
        width = len(names)
        for row, why in self.bare.items():
            self.misfits.setdefault(row, {})["inputs"] = why
        if not self.bare and set(map(type, inputs)) == {list} and set(map(len, inputs)) == {width}:
            columns = dict(zip(names, zip(*inputs, strict=True), strict=True)) if width else {}
        else:
            maps = [self._by_name(row, each) for row, each in enumerate(inputs)]
            names = list(dict.fromkeys([*names, *(name for each in maps for name in each)]))
            columns = {name: tuple(each.get(name) for each in maps) for name in names}
        declared = {name: type_named(text, name) for name, text in self.header.types.items()}
        made, room = [], ROOM_BYTES
        for name, values in columns.items():
            fault = name_fault(name)
            if fault is not None:
                self._left_out(name, values, fault)
                continue
            column = self._column(name, values, types.get(name, declared.get(name)))
            if column.dtype == pl.Null:
                continue
            taken = room_of(name, str(column_type(column.dtype, name)))
            if taken > room:
                self._left_out(name, values, "has no room in a segment beside the others")
                continue
            room -= taken
            made.append(column)
        frame = pl.DataFrame([ids, *made])
        if not self.misfits:
            return frame
        return frame.filter(~pl.Series([row in self.misfits for row in range(frame.height)], dtype=pl.Boolean))

    def _by_name(self, row: int, inputs: Any) -> dict[str, Any]:
        if row in self.bare:
            return {}
        return inputs if isinstance(inputs, dict) else dict(zip(self.header.features, inputs, strict=False))

    def _left_out(self, name: str, values: Sequence[Any], fault: str) -> None:
        """Note that a column cannot be in the log, for each row that has a value of it."""
        for row, value in enumerate(values):
            if value is not None:
                self.misfits.setdefault(row, {})[str(name)[:_SHOWN]] = f"the feature {fault}"

    def _column(self, name: str, values: Sequence[Any], dtype: pl.DataType | None) -> pl.Series:
        made = recorded_column(name, values, dtype)
        for row, why in made.misfits.items():
            self.misfits.setdefault(row, {})[name] = why
        return made.series

    def _constant(self, name: str, value: Any, dtype: pl.DataType) -> pl.Series:
        """Return a column in which every record has the same value."""
        made = recorded_column(name, [value], dtype)
        for why in made.misfits.values():
            for row in range(len(self.records)):
                self.misfits.setdefault(row, {})[name] = why
        return made.series.new_from_index(0, len(self.records))

    def _explanations(self, ids: pl.Series, extras: Sequence[dict[str, Any] | None]) -> pl.DataFrame | None:
        if not any(extras):
            return None
        rows = []
        for row, each in enumerate(extras):
            given = None if row in self.bare else (each or {}).get("explanation")
            if isinstance(given, dict):
                said = {name: _text(given[name]) for name in _EXPLANATION if given.get(name) is not None}
                rows.append({"method": "not named", **said, "prediction_id": ids[row]})
            elif given == LATER:
                self._note(row, {"kind": "explanation-due", "prediction_id": ids[row]})
        schema = {name: _EXPLANATION[name] for name in _EXPLANATION if any(name in row for row in rows)}
        return pl.DataFrame(rows, schema=schema, orient="row") if rows else None

    def _note(self, row: int, notice: dict[str, Any]) -> None:
        self.notices.append((self.numbers[row], {"at": self.records[row][FIELDS.index("at")], **notice}))

    def _events(self) -> pl.DataFrame | None:
        for row, why in sorted(self.misfits.items()):
            reasons = [f"{column[:_SHOWN]}: {reason}" for column, reason in sorted(why.items())]
            more = len(reasons) - _MOST_REASONS
            said = "; ".join(reasons[:_MOST_REASONS]) + (f"; and {more:,} more" if more > 0 else "")
            name = _id_of(self.records[row])
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
                    "summary": sentence.format(**{"because": _MEMORY_FULL, **notice}),
                    "payload": json.dumps(details, sort_keys=True),
                }
            )
        return pl.DataFrame(rows, schema_overrides={"at": TIME}) if rows else None


def _ids(stored: Sequence[Any]) -> pl.Series:
    """Return ids as they stand in the log; those that a recorder made, which are 16 bytes each, all at once."""
    name = "prediction_id"
    if set(map(type, stored)) != {bytes} or set(map(len, stored)) != {_ID_BYTES}:
        return pl.Series(name, [id_text(each) for each in stored], dtype=pl.String)
    digits = pl.Series(name, stored, dtype=pl.Binary).bin.encode("hex")
    groups = [pl.col(name).str.slice(start, count) for start, count in _GROUPS]
    return digits.to_frame().select(pl.concat_str(groups, separator="-"))[name]


def _id_of(record: Any) -> str:
    """Return the id of a record of any form."""
    stored = record[0] if isinstance(record, list) and record else record
    return id_text(stored) if isinstance(stored, bytes | str | int) else repr(stored)


def _text(value: Any) -> Any:
    """Return a mapping or a list as the JSON that the log keeps."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value
