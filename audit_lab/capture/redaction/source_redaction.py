"""A redaction at the source: which columns are changed before they are recorded, as a TOML file declares it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.capture.redaction.rule import WITHHELD, Rule, stated_rule
from audit_lab.errors import MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.log.keys.pseudonym import pseudonym_key
from audit_lab.log.redactions import KEPT, OTHERS
from audit_lab.log.schema import INPUTS_PREFIX, TABLES
from audit_lab.log.store import open_store
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from audit_lab.log.keys.pseudonym import PseudonymKey

__all__ = ["BESIDE", "COLUMNS", "SourceRedaction"]

_FORMAT, _VERSION = "audit_lab.source-redaction", 1
_KNOWN = frozenset({"format", "version", "name", "pseudonym_key", "others", "columns"})
_LARGEST_BYTES = 1 << 20
_NEXT = f'Write format = "{_FORMAT}", version = {_VERSION}, name = "...", and [columns] with column = "drop".'

#: Columns of the predictions that a rule can change. What a replay compares, and what places a row, is not among them.
BESIDE = ("endpoint", "environment", "error", "node", "parameters", "request_id", "subject_id", "trace_id")

#: Columns that a rule can change, by table.
COLUMNS: dict[str, tuple[str, ...]] = {
    "predictions": BESIDE,
    "overrides": ("actor", "role", "reason", "rule"),
    "outcomes": ("label", "source"),
    "events": ("actor", "purpose", "subject", "summary", "payload"),
}

#: The kind of an error, before what it says, which often quotes a value.
_KIND_OF_ERROR = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,80}(?=:|$)")


def _kind_of_error(value: Any) -> str:
    found = _KIND_OF_ERROR.match(value) if isinstance(value, str) else None
    return WITHHELD if found is None else f"{found[0]}: {WITHHELD}"


#: What is done to an error unless told otherwise.
_ERROR = Rule("generalise", "generalised to the kind of error", _kind_of_error, gives_text=True)


@dataclass(frozen=True)
class SourceRedaction:
    """What is changed before it is recorded.

    Parameters
    ----------
    name, sha256
        The profile's name, and the digest of its file.
    others
        What is done to features that no rule names: the rule ``keep`` or ``drop``.
    rules
        Column, or ``table.column``, to its rule.
    path
        Where it was read, for messages.
    """

    name: str
    sha256: str
    others: Rule
    rules: Mapping[str, Rule]
    path: str

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read a file.

        Raises
        ------
        MisuseError
            It is missing, is no such file, names a column that no table has, or a rule that is none; or it makes
            pseudonyms and there is no key (``pseudonym_key`` beside it, or the file in AUDIT_LAB_PSEUDONYM_KEY).
        """
        place = Path(path)
        try:
            with place.open("rb") as file:
                content = file.read(_LARGEST_BYTES)
            value = tomllib.loads(content.decode("utf-8"))
        except OSError as error:
            raise MisuseError(f"the redaction {place} cannot be read ({error.strerror})", _NEXT) from error
        except ValueError as error:
            raise MisuseError(f"{place} is not TOML ({error})", _NEXT) from error
        name, columns, named = value.get("name"), value.get("columns"), value.get("pseudonym_key")
        if (value.get("format"), value.get("version")) != (_FORMAT, _VERSION):
            raise MisuseError(f"{place} is no redaction at the source of version {_VERSION}", _NEXT)
        unknown = sorted(value.keys() - _KNOWN)
        if unknown:
            raise MisuseError(f"{place} has {printable(unknown[0])}, which means nothing here", _NEXT)
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise MisuseError(f"{place} has no name of one line", _NEXT)
        if not isinstance(columns, dict) or not isinstance(named, str | None):
            raise MisuseError(f"{place} has no table [columns]", _NEXT)
        others = value.get("others", "keep")
        if others not in ("keep", "drop"):
            raise MisuseError(f"{place}: others is neither keep nor drop", _NEXT)
        key = _Key(None if named is None else place.parent / named)
        rules = {
            str(column): stated_rule(stated, f"{place}, {printable(str(column))}", key.read)
            for column, stated in columns.items()
        }
        for column in rules:
            _check_column(column, place)
        return cls(name, sha256(content), stated_rule(others, str(place), key.read), rules, str(place))

    def of_feature(self, model: str, feature: str) -> Rule:
        """Return the rule of a model's input."""
        return self.rules.get(f"{INPUTS_PREFIX}{model}.{feature}") or self.rules.get(feature) or self.others

    def of_column(self, table: str, column: str) -> Rule | None:
        """Return the rule of a column of a table; None where there is none."""
        if column not in COLUMNS.get(table, ()):
            return None
        stated = self.rules.get(f"{table}.{column}") or self.rules.get(column)
        return _ERROR if stated is None and (table, column) == ("predictions", "error") else stated

    def check_features(self, model: str, features: Iterable[str]) -> None:
        """Check that each rule is one of a column that there is.

        Raises
        ------
        MisuseError
            A rule names neither a feature nor a column of a table; the message says which are alike.
        """
        known, own = set(features), f"{INPUTS_PREFIX}{model}."
        for stated in self.rules:
            name = stated.removeprefix(own)
            if name in known or (name == stated and (_is_of_a_table(name) or _table_of(stated) is not None)):
                continue
            alike = get_close_matches(name, sorted(known), 1)
            hint = f"Did you mean {printable(alike[0])}? " if alike else ""
            raise MisuseError(
                f"{self.path} has a rule for {printable(stated)}, and {printable(model)} has no such feature",
                f"{hint}Features that are not in each record are named in features=; a rule for another model is "
                f'written "{INPUTS_PREFIX}<model>.<feature>".',
            )

    def check_log(self, log: Path, model: str) -> None:
        """Check that a log has no column of another type for what becomes text.

        Raises
        ------
        MisuseError
            It has: each record would be kept from it.
        """
        store = open_store(log)
        known = store.inputs(model).collect_schema() if model in store.models() else {}
        for name, dtype in known.items():
            if self.of_feature(model, name).gives_text and dtype not in (pl.String(), pl.Null()):
                raise MisuseError(
                    f"{self.path} makes text of {printable(name)}, which {log} has as {dtype}",
                    "Generalise it by step, edges or to, leave it out, or begin another log.",
                )

    def beside(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return columns of a prediction, besides inputs and outputs, as they are recorded."""
        made = dict(values)
        for name, rule in self._beside.items():
            if name in made:
                if rule.apply is None:
                    del made[name]
                else:
                    made[name] = rule.apply(made[name])
        explanation = made.get("explanation")
        if not isinstance(explanation, str | None):
            made["explanation"] = {
                name: explanation[name] for name in TABLES["explanations"].columns if name in explanation
            }
        return made

    def row(self, table: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row of a table as it is recorded."""
        made = {}
        for name, value in values.items():
            rule = None if value is None else self.of_column(table, name)
            if rule is None or rule.name == "keep":
                made[name] = value
            elif rule.apply is not None:
                made[name] = rule.apply(value)
        return made

    def statement(self, model: str, features: Iterable[str]) -> dict[str, Any]:
        """Return what the log is told: profile, digest, and what is done to each column, in words."""
        own, inputs = f"{INPUTS_PREFIX}{model}.", {name: self.of_feature(model, name).said for name in features}
        inputs |= {
            name.removeprefix(own): rule.said
            for name, rule in self.rules.items()
            if name.startswith(own) or (_table_of(name) is None and not _is_of_a_table(name))
        }
        columns = {f"{own}{name}": said for name, said in inputs.items()}
        columns[f"{own}{OTHERS}"] = self.others.said
        columns |= {f"predictions.{name}": rule.said for name, rule in self._beside.items()}
        return {"model": model, "profile": self.name, "sha256": self.sha256, "columns": columns}

    def statement_of(self, table: str) -> dict[str, Any]:
        """Return what the log is told about the rows of another table; ``columns`` is empty where nothing is done."""
        rules = {name: self.of_column(table, name) for name in COLUMNS.get(table, ())}
        said = {f"{table}.{name}": rule.said for name, rule in rules.items() if rule is not None and rule.said != KEPT}
        return {"table": table, "profile": self.name, "sha256": self.sha256, "columns": said}

    @cached_property
    def _beside(self) -> dict[str, Rule]:
        found = {name: self.of_column("predictions", name) for name in BESIDE}
        return {name: rule for name, rule in found.items() if rule is not None and rule.name != "keep"}


class _Key:
    """The key of pseudonyms, read when the first rule asks for it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read: PseudonymKey | None = None

    def read(self) -> PseudonymKey:
        if self._read is None:
            self._read = pseudonym_key(self._path)
        return self._read


def _table_of(stated: str) -> str | None:
    """Return the table that a column's name begins with."""
    if stated.startswith(INPUTS_PREFIX):
        return stated[: stated.rfind(".")] if "." in stated else None
    table = stated.partition(".")[0]
    return table if "." in stated and table in TABLES else None


def _is_of_a_table(name: str) -> bool:
    """Return whether a name alone is that of a column that a rule can change."""
    return any(name in columns for columns in COLUMNS.values())


def _check_column(stated: str, place: Path) -> None:
    """Refuse a rule for a column of a table that no rule can change."""
    table = _table_of(stated)
    if table is None or table.startswith(INPUTS_PREFIX):
        return
    column = stated.partition(".")[2]
    if column not in COLUMNS.get(table, ()):
        known = ", ".join(f"{name}.{each}" for name, columns in COLUMNS.items() for each in columns)
        raise MisuseError(
            f"{place}: {printable(stated)} cannot be changed at the source", f"Besides features these can: {known}."
        )
