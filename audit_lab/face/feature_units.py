"""The units of a log's features, as the registered signatures state them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.log.files.reading import collect
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["feature_units"]


def feature_units(store: LogStore) -> dict[str, dict[str, str | None]]:
    """Return model to feature to unit; the newest version that states a unit counts, unreadable signatures do not."""
    versions = store.table("model_versions").filter(pl.col("signature").is_not_null())
    rows = collect(
        versions.select("model_name", "signature", "recorded_at").sort("recorded_at", nulls_last=False),
        f"the model versions of {store.location}",
    )
    units: dict[str, dict[str, str | None]] = {}
    for model, text, _ in rows.unique(["model_name", "signature"], keep="last", maintain_order=True).iter_rows():
        try:
            signature = Signature.parse(text)
        except ModelError:
            continue
        units.setdefault(str(model), {}).update({each.name: each.unit for each in signature.features if each.unit})
    return units
