"""What this user's cache still holds of decisions that were erased."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.explain.explanation_cache import ExplanationCache
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.schema import INPUTS_PREFIX

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["forget_erased"]


def forget_erased(store: LogStore, cache: ExplanationCache | None = None) -> None:
    """Remove the explanations of each decision of a log of which an input, or anything of its prediction, was erased.

    Raises
    ------
    LogError
        The log's entries, or a table, cannot be read.
    """
    cache = cache or ExplanationCache()
    if not cache.folder.exists():
        return
    for table in store.source.tables():
        if table == "predictions" or table.startswith(INPUTS_PREFIX):
            for prediction_id in erased_ids(store, table, store.table(table).collect_schema().names()):
                cache.forget(prediction_id)
