"""That exhibits say of a prediction what its proven row says, where they show it under the log's own names."""

from __future__ import annotations

import io
import json
import math
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.seal.report import Finding
from audit_lab.verifier.layout import INVESTIGATION, PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["compared_exhibits", "proven_by_id"]

_ID, _PREDICTIONS = "prediction_id", "predictions"
#: Kinds of exhibits that show rows of the log as they are; other answers compute, and may call a column the same.
_KINDS = frozenset({"decision", "decisions", "predictions", "table"})
#: What the document of a decision says of its row: its member, and the column or the part of one.
_SAID = {"decision": ("decision",), "model_name": ("model_name",), "score": ("outputs", "score")}
_PROVEN = "__proven"
#: What reading a document or a table of another shape raises.
_UNREADABLE = (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError)
_NEXT = "Ask the investigator which is right; what was computed belongs under a name of its own"
_SHORT = 80


def proven_by_id(parts: Sequence[tuple[str, pl.DataFrame]]) -> dict[str, pl.DataFrame]:
    """Return the proven rows of predictions, and of inputs, by prediction; an id that occurs twice is left out.

    Parameters
    ----------
    parts
        Table and rows, without what is withheld.
    """
    found = {}
    for wanted in (_PREDICTIONS, INPUTS_PREFIX):
        frames = [frame for table, frame in parts if table.startswith(wanted) and _ID in frame.columns]
        if frames:
            rows = pl.concat(frames, how="diagonal_relaxed") if len(frames) > 1 else frames[0]
            found[wanted] = rows.filter(pl.col(_ID).is_unique())
    return found


def compared_exhibits(
    exhibits: Sequence[Mapping[str, Any]], content: Callable[[str], bytes], proven: Mapping[str, pl.DataFrame]
) -> tuple[list[Finding], int]:
    """Compare exhibits with the proven rows; return what differs, and how many exhibits show any of these rows.

    Parameters
    ----------
    exhibits
        As ``investigation.json`` lists them.
    content
        Gives a file of the bundle.
    proven
        What `proven_by_id` returned.
    """
    findings, compared = [], 0
    for exhibit in exhibits:
        if exhibit["kind"] in _KINDS:
            files = {file["name"]: PAYLOAD + file["path"] for file in exhibit["files"]}
            try:
                faults = list(_faults(exhibit["kind"], files, content, proven))
            except (*_UNREADABLE, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
                first = str(error).split("\n")[0][:_SHORT]
                what = f"a file of exhibit {exhibit['number']!a} is not what an export writes ({first!a})"
                findings.append(Finding("exhibit.unreadable", INVESTIGATION, what, _NEXT))
                continue
            compared += bool(faults)
            findings += [Finding("exhibit.row-differs", name, what, _NEXT) for name, what in faults if what]
    return findings, compared


def _faults(
    kind: str, files: Mapping[str, str], content: Callable[[str], bytes], proven: Mapping[str, pl.DataFrame]
) -> Iterator[tuple[str, str]]:
    """Yield the files that show proven rows, each with what differs, or with an empty text."""
    document = json.loads(content(files["decision.json"])) if kind == "decision" and "decision.json" in files else None
    own = document.get(_ID) if isinstance(document, dict) else None
    for name, path in files.items():
        if PurePosixPath(name).suffix != ".parquet":
            continue
        frame = pl.read_parquet(io.BytesIO(content(path)))
        if _ID not in frame.columns and isinstance(own, str) and name.startswith("rows/"):
            frame = frame.with_columns(pl.lit(own).alias(_ID))
        if frame.schema.get(_ID) == pl.String:
            for rows, shown in _named(frame, proven):
                fault = _differing(shown, rows)
                if fault is not None:
                    yield path, fault
    if isinstance(document, dict) and isinstance(own, str):
        yield from ((files["decision.json"], fault) for fault in _in_document(document, own, proven))


def _named(frame: pl.DataFrame, proven: Mapping[str, pl.DataFrame]) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield the proven rows of each kind with what a frame shows under their names: ``inputs.x`` is the input ``x``."""
    for kind, rows in proven.items():
        names = {name: name.removeprefix("inputs.") if kind == INPUTS_PREFIX else name for name in frame.columns}
        taken = [name for name, own in names.items() if name != _ID and rows.schema.get(own) == frame.schema[name]]
        if taken:
            yield rows, frame.select(_ID, *(pl.col(name).alias(names[name]) for name in taken))


def _differing(shown: pl.DataFrame, rows: pl.DataFrame) -> str | None:
    """Return the first difference; empty where there is none, None where no row is a proven one."""
    columns = [name for name in shown.columns if name != _ID]
    both = shown.join(rows.select(_ID, *columns), on=_ID, how="inner", suffix=_PROVEN)
    for column in columns:
        bad = both.filter(~pl.col(column).eq_missing(pl.col(f"{column}{_PROVEN}")))
        if bad.height:
            return f"it gives the prediction {bad[_ID][0][:_SHORT]!a} another {column[:_SHORT]!a} than its proven row"
    return "" if both.height else None


def _in_document(document: Mapping[str, Any], own: str, proven: Mapping[str, pl.DataFrame]) -> Iterator[str]:
    """Yield what the document of a decision says otherwise than its row; an empty text where it was compared."""
    for kind, rows in proven.items():
        found = rows.filter(pl.col(_ID) == own).to_dicts()
        if not found:
            continue
        row = found[0]
        if kind == _PREDICTIONS:
            pairs = {name: (document.get(name), _part(row, place)) for name, place in _SAID.items() if place[0] in row}
        else:
            stated = [each for each in document.get("inputs", []) if each.get("feature") in row]
            pairs = {each["feature"]: (each.get("value"), row[each["feature"]]) for each in stated}
        wrong = [name for name, (one, other) in pairs.items() if _is_plain(other) and one != other]
        yield f"it gives its decision another {wrong[0][:_SHORT]!a} than its proven row" if wrong else ""


def _is_plain(value: Any) -> bool:
    """Whether a document writes this value as it is; of others (times, NaN) each document has a form of its own."""
    return value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _part(row: Mapping[str, Any], place: Sequence[str]) -> Any:
    value: Any = row
    for name in place:
        value = value.get(name) if isinstance(value, dict) else None
    return value
