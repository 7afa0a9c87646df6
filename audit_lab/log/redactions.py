"""What was changed of recorded values before they reached the log, as its events say.

Whoever records under a redaction says so once, in the same append as its first rows: an event about a writer, whose id
stands in each of its predictions, or about a table. So of each prediction it can be told which columns hold what was
scored, and which hold something in its place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.printable import printable
from audit_lab.log.index.shelf import derived, table_rows
from audit_lab.log.schema import INPUTS_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from audit_lab.log.store import LogStore

__all__ = ["KEPT", "OTHERS", "TABLE_REDACTION", "WRITER_REDACTION", "Redaction", "redactions"]

#: Kinds of the events: about a writer of predictions, and about a table.
WRITER_REDACTION, TABLE_REDACTION = "recorder.redaction", "record.redaction"

#: Stands for features that no rule names; and what is said of one that was recorded as it was.
OTHERS, KEPT = "*", "recorded as it is"


@dataclass(frozen=True)
class Redaction:
    """What one writer changed of what it recorded.

    Parameters
    ----------
    writer_id
        Whose predictions.
    model_name
        Of which model.
    profile, sha256
        The name of the profile, and the digest of its file.
    inputs, beside
        Feature, and column of the predictions, to what was done, in words: ``left out``, ``generalised to ...``.
    """

    writer_id: str
    model_name: str
    profile: str
    sha256: str
    inputs: Mapping[str, str]
    beside: Mapping[str, str]

    def changed(self, features: Iterable[str]) -> dict[str, str]:
        """Return which of some features do not hold what was scored, each with what was done."""
        found = {name: self.inputs.get(name, self.inputs.get(OTHERS, KEPT)) for name in features}
        return {name: how for name, how in found.items() if how != KEPT}

    def told(self, features: Iterable[str]) -> str | None:
        """Say what was done to those of some features that were changed; None where none was."""
        return self._said(self.changed(features))

    def told_besides(self, features: Iterable[str]) -> str | None:
        """Say what was done to columns that are none of some features; None where none was changed.

        That errors were reduced to their kind is not told: an error says it itself.
        """
        said = {name: how for name, how in self.inputs.items() if name not in {OTHERS, *features}}
        if OTHERS in self.inputs:
            said["each other feature"] = self.inputs[OTHERS]
        said |= {f"predictions.{name}": how for name, how in self.beside.items() if name != "error"}
        return self._said({name: how for name, how in said.items() if how != KEPT})

    def _said(self, changed: Mapping[str, str]) -> str | None:
        words = [f"{printable(name)} was {printable(how, 200)}" for name, how in changed.items()]
        return f"{'; '.join(words)} (profile {printable(self.profile)})" if words else None


def redactions(store: LogStore) -> dict[str, Redaction]:
    """Return what writers of a log changed of what they recorded, by their ids.

    Raises
    ------
    LogError
        The events cannot be read.
    """
    return derived(store, "redactions", ("events",), lambda: _read(store))


def _read(store: LogStore) -> dict[str, Redaction]:
    rows = table_rows(store, "events", pl.col("kind") == WRITER_REDACTION)
    made = (_redaction(subject, payload) for subject, payload in rows.select("subject", "payload").iter_rows())
    return {each.writer_id: each for each in made if each is not None}


def _redaction(writer_id: str | None, payload: str | None) -> Redaction | None:
    """Read an event; one that says nothing that can be understood says nothing."""
    try:
        said: dict[str, Any] = json.loads(payload or "")
        model, profile, digest = (str(said[name]) for name in ("model", "profile", "sha256"))
        columns = {str(name): str(how) for name, how in said["columns"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    inputs = f"{INPUTS_PREFIX}{model}."
    return Redaction(
        str(writer_id),
        model,
        profile,
        digest,
        {name.removeprefix(inputs): how for name, how in columns.items() if name.startswith(inputs)},
        {name.removeprefix("predictions."): how for name, how in columns.items() if name.startswith("predictions.")},
    )
