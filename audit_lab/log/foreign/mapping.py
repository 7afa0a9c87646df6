"""The mapping by which a Parquet folder of another system is read as an audit log: which column plays which role."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.log.foreign.mapped import MappedSource
from audit_lab.log.foreign.values import TIME_UNITS, parse_time

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ROLES", "MappedSource", "Mapping", "parse_time"]

FORMAT = "audit_lab.mapping"
VERSION = 1

_MAXIMUM_BYTES = 64_000_000

#: The roles a foreign column can play, and what each is for.
ROLES: dict[str, str] = {
    "prediction_id": "names one prediction",
    "occurred_at": "when it was made",
    "model_name": "which model",
    "model_version": "which version of it",
    "score": "the model's number",
    "label": "the model's label",
    "threshold": "the threshold in use",
    "decision": "what was decided",
    "request_id": "the request it belonged to",
    "subject_id": "the (pseudonymous) person or thing decided on",
    "latency_ms": "how long it took, in milliseconds",
    "outcome": "the ground truth",
}

#: Inputs keep their names, so none may bear the name of a column that every inputs table has.
_RESERVED_INPUTS = ("prediction_id", "recorded_at")


@dataclass(frozen=True)
class Mapping:
    """Which foreign column plays which role, and which are inputs.

    Parameters
    ----------
    origin, description
        What to call the log.
    columns
        Role to the name of the foreign column; a role that is absent is a gap, and stated as one.
    inputs
        Names of the foreign columns that are the model's inputs; they keep their names.
    time_unit
        Unit of `occurred_at` where it is a number since 1970-01-01 UTC: ``s``, ``ms``, ``us`` or ``ns``.
    model_name
        The model's name where no column says it.
    extra_notes
        Further sentences that every reader of the log must know.
    latency_unit
        Unit of `latency_ms` in the foreign column, where it is a number; it is converted to milliseconds.

    Raises
    ------
    MisuseError
        A role or a unit is unknown, an input stands twice, or bears a name that every inputs table has already.
    """

    origin: str
    columns: dict[str, str]
    inputs: tuple[str, ...] = ()
    description: str = ""
    time_unit: str | None = None
    model_name: str = "unnamed-model"
    extra_notes: tuple[str, ...] = ()
    latency_unit: str = "ms"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        unknown = sorted(set(self.columns) - set(ROLES))
        if unknown:
            raise MisuseError(
                f"a mapping names unknown roles: {', '.join(map(printable, unknown))}", f"Known are {', '.join(ROLES)}."
            )
        for name, unit in (("time_unit", self.time_unit), ("latency_unit", self.latency_unit)):
            if unit not in TIME_UNITS and not (unit is None and name == "time_unit"):
                raise MisuseError(f"{name} is {printable(repr(unit))}", f"Known are {', '.join(TIME_UNITS)}.")
        wrong = [name for name in self.inputs if name in _RESERVED_INPUTS or self.inputs.count(name) > 1]
        if wrong:
            raise MisuseError(
                f"a mapping cannot take the column {printable(wrong[0])} as an input",
                f"List each input once, and none of {', '.join(_RESERVED_INPUTS)}: those names are taken in every log.",
            )

    @classmethod
    def read(cls, path: Path) -> Mapping:
        """Read a mapping from TOML.

        Raises
        ------
        MisuseError
            The file is missing, is not TOML, or is not a mapping.
        """
        next_step = "Make one with `audit-lab adapt FOLDER --save MAPPING.toml` and edit that."
        try:
            with path.open("rb") as file:
                content = file.read(_MAXIMUM_BYTES)
            return cls._parse(tomllib.loads(content.decode("utf-8")))
        except OSError as error:
            raise MisuseError(f"there is no readable mapping file {path}", next_step) from error
        except MisuseError as error:
            raise MisuseError(f"{path} is not a mapping ({error.message})", error.next_step) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            detail = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            raise MisuseError(f"{path} is not a mapping ({printable(detail, 200)})", next_step) from error

    @classmethod
    def _parse(cls, document: dict[str, Any]) -> Mapping:
        if document["format"] != FORMAT or document["version"] != VERSION:
            raise ValueError(f"it is not of format {FORMAT!r} version {VERSION}")
        known = {"format", "version", "columns", "inputs", "notes", *_TEXT_SETTINGS}
        unknown = sorted(set(document) - known)
        if unknown:
            raise ValueError(f"unknown setting {unknown[0]!r}; known are {', '.join(sorted(known))}")
        settings = {name: _text(document[name], name) for name in _TEXT_SETTINGS if name in document}
        return cls(
            columns={role: _text(column, role) for role, column in document["columns"].items()},
            inputs=_texts(document.get("inputs", []), "inputs"),
            extra_notes=_texts(document.get("notes", []), "notes"),
            **{"origin": _text(document["origin"], "origin"), **settings},
        )

    def to_toml(self) -> str:
        """Return the mapping as the TOML that `read` reads back as an equal mapping."""
        lines = [
            f"format = {_quote(FORMAT)}",
            f"version = {VERSION}",
            f"origin = {_quote(self.origin)}",
            f"description = {_quote(self.description)}",
            *([] if self.time_unit is None else [f"time_unit = {_quote(self.time_unit)}"]),
            f"latency_unit = {_quote(self.latency_unit)}",
            f"model_name = {_quote(self.model_name)}",
            f"notes = {_list(self.extra_notes)}",
            f"inputs = {_list(self.inputs)}",
            "",
            "[columns]",
            *(f"{role} = {_quote(column)}" for role, column in self.columns.items()),
        ]
        return "\n".join(lines) + "\n"

    def notes(self) -> tuple[str, ...]:
        """Return what every reader of a log read in place through this mapping must know."""
        read = "Read in place through a mapping: another system wrote these files, and audit_lab did not seal them."
        return (read, *self.limits())

    def limits(self) -> tuple[str, ...]:
        """Return what the files do not say, and what their owner noted in the mapping."""
        notes = [GAP_EFFECTS[role] for role in _NOTED_GAPS if role not in self.columns]
        if "model_name" not in self.columns:
            notes.append(f"No column names the model: it is called {self.model_name!r} here.")
        if "occurred_at" in self.columns:
            notes.append("When a row was recorded is not said: every recorded_at is the time of the prediction.")
        if "outcome" in self.columns:
            notes.append("When an outcome was observed is not said: each bears the time of its prediction.")
        if not self.inputs:
            notes.append("No column is an input: predictions cannot be explained or replayed.")
        notes.append("No registry, deployments or lineage came with these files.")
        return (*notes, *self.extra_notes)


#: What is lost where no column plays a role.
GAP_EFFECTS: dict[str, str] = {
    "prediction_id": "No column names a prediction: ids are made from the file and the row.",
    "occurred_at": "No column says when a prediction was made: nothing can be ordered in time.",
    "model_name": "No column names the model: every row counts as one model's.",
    "model_version": "No column states the model version: which was in force cannot be told, nothing can be replayed.",
    "score": "No column holds a score: how sure the model was cannot be shown, nor compared with a replay.",
    "label": "No column holds the model's label: it is known only as far as the decision or the score tells it.",
    "threshold": "No column states the threshold: why a score led to its decision cannot be checked.",
    "decision": "No column holds a decision: what was done with a prediction is unknown.",
    "request_id": "No column names the request: predictions of one request cannot be put together.",
    "subject_id": "No column names the subject: the predictions on one person or thing cannot be found.",
    "latency_ms": "No column says how long a prediction took.",
    "outcome": "No column holds the ground truth: performance cannot be judged.",
}
_NOTED_GAPS = ("prediction_id", "occurred_at", "model_version", "outcome")
_TEXT_SETTINGS = ("origin", "description", "time_unit", "latency_unit", "model_name")


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, not text in quotes")
    return value


def _texts(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{name} is {value!r}, not a list of texts")
    return tuple(_text(entry, name) for entry in value)


def _quote(text: str) -> str:
    """Write a TOML basic string; whatever is not printable as an escape, so that no editor or terminal can hide it.

    Raises
    ------
    MisuseError
        The text holds half a surrogate pair, which no UTF-8 file can.
    """
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise MisuseError(
            f"the text {printable(text)} is not valid Unicode and cannot stand in a mapping",
            "Rename the column or leave it out.",
        )
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def _list(texts: tuple[str, ...]) -> str:
    return f"[{', '.join(map(_quote, texts))}]"
