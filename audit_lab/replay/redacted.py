"""Which predictions hold, for a feature that their version takes, something else than what was scored."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.log.index.shelf import derived, table_rows
from audit_lab.log.redactions import redactions
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_lab.log.store import LogStore

__all__ = ["is_redacted", "redaction_told"]

_Groups = dict[tuple[str, ...], list[tuple[str, str]]]


def is_redacted(store: LogStore, *, api: Any = pl) -> Any:
    """Return whether a prediction's version takes a feature that was changed before it was recorded.

    Parameters
    ----------
    store
        The log.
    api
        The library whose expressions these are, narwhals or polars. Looked at are ``model_name``, ``model_version``
        and ``writer_id``.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    groups = derived(store, "redacted versions", ("events", "model_versions"), lambda: _groups(store))
    met = [
        api.col("writer_id").is_in(list(writers))
        & reduce(or_, ((api.col("model_name") == name) & (api.col("model_version") == own) for name, own in versions))
        for writers, versions in groups.items()
    ]
    return reduce(or_, met) if met else api.lit(value=False)


def redaction_told(store: LogStore, writer_id: str | None, features: Iterable[str]) -> tuple[str | None, str | None]:
    """Say what a writer changed of some features, and what else it changed; each None where that is nothing.

    Raises
    ------
    LogError
        The events cannot be read.
    """
    found = redactions(store).get(writer_id or "")
    names = tuple(features)
    return (None, None) if found is None else (found.told(names), found.told_besides(names))


def _names(signature: str | None) -> tuple[str, ...]:
    try:
        return () if signature is None else Signature.parse(signature).names
    except ModelError:
        return ()


def _groups(store: LogStore) -> _Groups:
    """Return versions by the writers that changed a feature of theirs; features of all that the registry ever said."""
    known = redactions(store)
    if not known:
        return {}
    taken: dict[tuple[str, str], set[str]] = {}
    rows = table_rows(store, "model_versions").select("model_name", "model_version", "signature")
    for name, version, signature in rows.iter_rows():
        if name is not None and version is not None:
            taken.setdefault((name, version), set()).update(_names(signature))
    groups: _Groups = {}
    for (name, version), features in taken.items():
        writers = [each.writer_id for each in known.values() if each.model_name == name and each.changed(features)]
        if writers:
            groups.setdefault(tuple(writers), []).append((name, version))
    return groups
