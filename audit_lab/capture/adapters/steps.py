"""Whose label it is, where a request goes through several nodes: exchanges and labels of one step have one id.

That a key has several steps is seen where its sides are together; then each is called ``KEY/STEP``. A label that comes
before or after them, in a run of its own, names its step. So it is called ``KEY/STEP``, unless the exchange of its step
is called ``KEY``, as the only one; and an exchange whose label was there before it takes the id that the label has.

A step may come in a later run than the others, too. It is called ``KEY/STEP`` where the log has another model's
prediction as ``KEY``, and ``KEY`` where that is its own: whether it says anything new is seen then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture.adapters.block import Block
from audit_lab.log.files.reading import collect
from audit_lab.log.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from audit_lab.capture.adapters.exchange import Half
    from audit_lab.capture.adapters.part import Part
    from audit_lab.capture.adapters.settings import Settings

__all__ = ["name_exchanges", "name_labels"]


def name_exchanges(log: Path, part: Part, settings: Settings) -> None:
    """Give each exchange that names its step the id that goes with what the log has of the same key."""
    halves = [each.half for each in part.items if not isinstance(each, Block) and each.half.step]
    names = [(_alone(half), f"{_alone(half)}/{half.step}") for half in halves]
    labelled = _rows_of(log, "outcomes", [name for _, name in names])
    there = _rows_of(log, "predictions", [name for each in names for name in each])
    for half, (alone, named) in zip(halves, names, strict=True):
        own = (half.about or {}).get("model_name") or ""
        # Where each step is a model of its own, a prediction of the same model is one of the same step.
        is_model = own.endswith(half.step) and settings.model is None
        if named in there or (named in labelled and half.key == alone):
            half.key = named
        elif alone in there and is_model:
            half.key = alone if own in there[alone] else named


def name_labels(log: Path, part: Part, settings: Settings) -> None:
    """Give each label that names its step the id of that step's prediction: in the part, in the log, or to come."""
    labels = [half for half, _, _ in part.labels if _is_open(half)]
    if not labels:
        return
    own = {each.half.key: each.half.step for each in part.items if not isinstance(each, Block)}
    there = _rows_of(log, "predictions", [name for half in labels for name in (half.key, _named(half))])
    for half in labels:
        if half.key in own and _named(half) not in own:
            is_alone = own[half.key] == half.step
        else:
            known = _named(half) not in own and _named(half) not in there
            is_alone = known and bool(there.get(half.key, set()) & {half.step, settings.model})
        if not is_alone:
            half.key = _named(half)


def _alone(half: Half) -> str:
    """Return the key of an exchange without its step."""
    return half.key.removesuffix(f"/{half.step}")


def _is_open(half: Half) -> bool:
    """Whether an id names a step that is not said in it."""
    return bool(half.step) and not half.key.endswith(f"/{half.step}")


def _named(half: Half) -> str:
    return f"{half.key}/{half.step}"


def _rows_of(log: Path, table: str, names: Iterable[str]) -> dict[str, set[str | None]]:
    """Return which of some ids, without the number of an instance, a table has, and the models that its rows name."""
    wanted = sorted(set(names))
    store = open_store(log) if wanted else None
    if store is None or not store.source.tables().get(table):
        return {}
    asked = pl.LazyFrame({"name": pl.Series(wanted, dtype=pl.String)})
    model = pl.col("model_name") if table == "predictions" else pl.lit(None, pl.String)
    rows = store.table(table).select(name=pl.col("prediction_id").str.replace(r"#[0-9]+$", ""), model=model)
    found: dict[str, set[str | None]] = {}
    for name, of in collect(rows.join(asked, on="name", how="semi").unique(), f"the {table} of {log}").iter_rows():
        found.setdefault(name, set()).add(of)
    return found
