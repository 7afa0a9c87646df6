"""Which decisions of a log attributions of a group are about: a question, or ids; of one version of one model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.log.engines.choice import engine_named
from audit_lab.replay.recorded_rows import CHUNK_ROWS, RecordedRows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from audit_lab.log.search.query import Question
    from audit_lab.log.store import LogStore

__all__ = ["Asked"]

_RESOLVED = ("model_name", "model_version", "predictions", "first", "unstated")

_MOST_SHOWN = 8


@dataclass(frozen=True)
class Asked:
    """A question about the decisions of one version.

    Parameters
    ----------
    store
        The log.
    question
        What is searched for; where ids are given, nothing but a model.
    ids
        The ids that are meant, or None.
    version
        The version, where the question finds several.
    not_found
        How many further ids were given that stand nowhere in the log.
    """

    store: LogStore
    question: Question
    ids: tuple[str, ...] | None = None
    version: str | None = None
    not_found: int = 0

    def resolved(self, chunk_rows: int = CHUNK_ROWS) -> Resolved:
        """Return the one version that the question finds.

        Raises
        ------
        MisuseError
            It finds several, or none of the log's models.
        NotFoundError
            It finds no decision.
        """
        store, question = self.store, self.question
        if self.ids is not None:
            store = replace(store, engine=engine_named("polars"))  # others take no expression of polars
            question = replace(question, expression=pl.col("prediction_id").is_in(list(dict.fromkeys(self.ids))))
        reading = RecordedRows(store, question, chunk_rows)
        found = reading.versions()
        if self.version is not None:
            found = found.filter(pl.col("model_version") == self.version)
        if found.is_empty():
            named = f" of version {self.version}" if self.version is not None else ""
            raise NotFoundError(
                f"no decision{named} matches, so there is nothing to explain", "Widen the window or the expression."
            )
        if found.height > 1:
            listed = [
                f"{row['model_name'] or 'no model'} {row['model_version'] or 'without a version'} "
                f"({row['predictions']:,})"
                for row in found.iter_rows(named=True)
            ]
            more = f" and {len(listed) - _MOST_SHOWN} more" if len(listed) > _MOST_SHOWN else ""
            raise MisuseError(
                f"these decisions are of {found.height} versions, whose contributions are not of one kind: "
                f"{', '.join(listed[:_MOST_SHOWN])}{more}",
                "Ask for one of them: model=... and version=..., or --model and --version.",
            )
        row = found.row(0, named=True)
        return Resolved(self, reading, *(row[name] for name in _RESOLVED))

    def to_dict(self) -> dict[str, Any]:
        """Return log, state and question as JSON-safe values."""
        store = self.store
        ids: dict[str, Any] = {}
        if self.ids is not None:
            digest = hashlib.sha256("".join(f"{each}\n" for each in self.ids).encode("utf-8", "surrogatepass"))
            ids = {"ids": len(self.ids), "ids_sha256": digest.hexdigest(), "ids_not_found": self.not_found}
        return {
            "log": store.origin,
            "state": store.checkpoint or (store.manifest.sha256 if store.manifest else store.location),
            **self.question.to_dict(),
            "version": self.version,
            **ids,
        }


@dataclass(frozen=True)
class Resolved:
    """What a question finds, all of one version: how many ``predictions``, and the ``first`` time of them.

    Of those ``unstated`` the version is not stated, and follows from the deployments alone.
    """

    asked: Asked
    reading: RecordedRows
    model_name: str | None
    model_version: str | None
    predictions: int
    first: datetime | None
    unstated: int

    def rows(self) -> Iterator[pl.DataFrame]:
        """Yield them in chunks, in the order of the log."""
        same = [
            pl.col(name).eq_missing(pl.lit(getattr(self, name), dtype=pl.String))
            for name in ("model_name", "model_version")
        ]
        for chunk in self.reading.chunks():
            rows = chunk.rows.filter(*same)
            if rows.height:
                yield rows
