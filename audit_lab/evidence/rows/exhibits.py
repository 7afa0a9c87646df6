"""That exhibits say of a prediction what its proven rows say, where they show it under the log's own names."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.evidence.rows.equal import is_same
from audit_lab.evidence.rows.said import said_of_attribution, said_of_decision, said_of_replay
from audit_lab.seal.report import Finding
from audit_lab.verifier.layout import INVESTIGATION, PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from audit_lab.evidence.rows.proven_log import ProvenLog
    from audit_lab.evidence.rows.said import Said

__all__ = ["ComparedExhibits", "compared_exhibits"]

_ID, _PLACE = "prediction_id", "place"
#: Kinds of exhibits whose tables show rows of the log as they are; other answers compute, and may call a column the
#: same. Of those that the library drew from the log, the score and label count too; in a table of somebody's own they
#: may be another model's.
_DRAWN = frozenset({"decision", "decisions", "predictions", "comparable"})
_KINDS = _DRAWN | {"table"}
#: Files that say something of one prediction, and how they are held against its rows.
_DOCUMENTS = {
    "decision.json": said_of_decision,
    "replay.json": said_of_replay,
    "attribution.json": said_of_attribution,
}
_OF_OUTPUTS = ("score", "label")
#: What the log has in every table, and which of them a row of an exhibit is from it does not say.
_IN_EVERY_TABLE = frozenset({_ID, "recorded_at", "supersedes", "_segment", "_row"})
#: What reading a document or a table of another shape raises.
_UNREADABLE = (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError, OverflowError)
_NEXT = "Ask the investigator which is right; what was computed belongs under a name of its own"
_SHORT, _MOST_NAMED = 80, 12


@dataclass
class ComparedExhibits:
    """What came of it.

    Attributes
    ----------
    findings
        What differs.
    compared
        How many exhibits show any proven row.
    left
        Sentences: what of an exhibit was not compared.
    """

    findings: list[Finding] = field(default_factory=list)
    compared: int = 0
    left: list[str] = field(default_factory=list)


@dataclass
class _File:
    """What came of one file of an exhibit: what it says otherwise, what was compared, and what was not."""

    path: str
    differing: list[str] = field(default_factory=list)
    is_compared: bool = False
    left: list[str] = field(default_factory=list)


def compared_exhibits(
    exhibits: Sequence[Mapping[str, Any]], content: Callable[[str], bytes], proven: ProvenLog
) -> ComparedExhibits:
    """Compare exhibits with the proven rows.

    Parameters
    ----------
    exhibits
        As ``investigation.json`` lists them.
    content
        Gives a file of the bundle.
    proven
        The proven rows.
    """
    result = ComparedExhibits()
    for exhibit in exhibits:
        number, kind = exhibit["number"], exhibit["kind"]
        files = {file["name"]: PAYLOAD + file["path"] for file in exhibit["files"]}
        try:
            held = list(_files(kind, files, content, proven))
        except (*_UNREADABLE, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            first = str(error).split("\n")[0][:_SHORT]
            what = f"a file of exhibit {number!a} is not what an export writes ({first!a})"
            result.findings.append(Finding("exhibit.unreadable", INVESTIGATION, what, _NEXT))
            continue
        result.compared += any(file.is_compared for file in held)
        result.findings += [
            Finding("exhibit.row-differs", file.path, what, _NEXT) for file in held for what in file.differing
        ]
        result.left += [
            f"exhibit {number!a}, {file.path.rpartition('/')[2]}: {_named(file.left)}" for file in held if file.left
        ]
        if kind in _KINDS and not any(file.is_compared or file.left for file in held):
            result.left.append(f"exhibit {number!a} ({kind!a}): it shows no row that is proven here")
    return result


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(ascii(name[:_SHORT])[1:-1] for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _files(kind: str, files: Mapping[str, str], content: Callable[[str], bytes], proven: ProvenLog) -> Iterator[_File]:
    """Yield what came of each file that says something of predictions."""
    own = None
    for name, hold in _DOCUMENTS.items():
        if name in files:
            document = json.loads(content(files[name]))
            if isinstance(document, dict) and isinstance(document.get(_ID), str):
                own = document[_ID] if name == "decision.json" else own
                yield _of_document(files[name], document[_ID], hold(document, proven))
    if kind not in _KINDS:
        return
    for name, path in files.items():
        if PurePosixPath(name).suffix == ".parquet":
            frame = pl.read_parquet(io.BytesIO(content(path)))
            if own is not None and name.startswith("rows/") and _ID not in frame.columns:
                frame = frame.with_columns(pl.lit(own).alias(_ID))
            if frame.height:
                yield _of_table(path, frame, proven, is_drawn=kind in _DRAWN)


def _of_document(path: str, own: str, said: Said) -> _File:
    names = ", ".join(ascii(member[:_SHORT]) for member in said.differing[:_MOST_NAMED])
    what = [f"it gives {own[:_SHORT]!a} another {names} than its proven row"] if names else []
    return _File(path, what, bool(said.compared), said.left)


def _of_table(path: str, frame: pl.DataFrame, proven: ProvenLog, *, is_drawn: bool) -> _File:
    """Hold every column of a table that has a name of the log's against the rows of the predictions that it names."""
    file = _File(path)
    naming, ids = _predictions_of(frame, proven)
    known = [own in proven.predictions or own in proven.inputs for own in ids]
    if not any(known):
        return file
    if not all(known):
        file.left.append(f"{known.count(False):,} of its {len(known):,} rows, whose predictions are not proven once")
    for series in frame.iter_columns():
        name = series.name.removeprefix("inputs.")
        if series.name == naming or name in proven.withheld or name == _PLACE:
            continue
        answers = [
            _answers(own, name, proven, is_drawn=is_drawn) if there else ()
            for own, there in zip(ids, known, strict=True)
        ]
        if not any(answers):
            file.left.append(series.name)
            continue
        file.is_compared = True
        values = series.cast(pl.String).to_list() if series.dtype in {pl.Categorical, pl.Enum} else series.to_list()
        is_single = series.dtype == pl.Float32
        for own, value, held in zip(ids, values, answers, strict=True):
            shown = value.to_list() if isinstance(value, pl.Series) else value
            if held and not any(is_same(shown, each, is_single=is_single) for each in held):
                file.differing.append(
                    f"it gives the prediction {own[:_SHORT]!a} another {name[:_SHORT]!a} than its proven row"
                )
                break
    return file


def _predictions_of(frame: pl.DataFrame, proven: ProvenLog) -> tuple[str, list[str]]:
    """Return the column that names predictions, and the id in each row; empty ids where none does.

    It is the one that is called so, in whatever type; else a place, else one whose values are ids that are proven.
    """
    named = [name for name in (_ID, _PLACE) if name in frame.columns]
    others = [name for name, dtype in frame.schema.items() if dtype in {pl.String, pl.Categorical, pl.Enum}]
    for name in dict.fromkeys((*named, *others)):
        series = frame[name]
        if series.dtype.is_nested() or series.dtype in {pl.Binary, pl.Object}:
            continue
        ids = ["" if each is None else str(each) for each in series.cast(pl.String).to_list()]
        if name == _PLACE:
            ids = [each.rpartition("@")[0] for each in ids]
        if any(each in proven.predictions or each in proven.inputs for each in ids):
            return name, ids
    return "", [""] * frame.height


def _answers(own: str, name: str, proven: ProvenLog, *, is_drawn: bool) -> tuple[Any, ...]:
    """Return what the proven rows have under a name for a prediction: in each of the tables that have it."""
    rows = [rows[own] for rows in (proven.predictions, proven.inputs) if own in rows]
    held = [row[name] for row in rows if name in row]
    if name in _IN_EVERY_TABLE:
        histories = (history.get(own, ()) for history in proven.histories.values())
        held += [row[name] for history in histories for row in history if name in row]
    if is_drawn and name in _OF_OUTPUTS and "outputs" in proven.predictions.get(own, {}):
        held.append((proven.predictions[own]["outputs"] or {}).get(name))
    if name == "final_decision" and (final := proven.final_decision(own)) is not None:
        held.append(final[0])
    return tuple(held)
