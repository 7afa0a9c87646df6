"""Explanations of decisions that were erased are in the cache no longer; those of others are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from audit_lab.explain import ExplanationCache
from audit_lab.explain.forgetting import forget_erased
from audit_lab.explain.of_decision import explain_decision
from audit_lab.log.erasure.erasure import erase
from audit_lab.log.store import open_store
from audit_lab.log.writing.arrival import seal_log
from audit_lab.log.writing.writer import open_writer
from audit_lab.replay.reconstruction import reconstruct
from audit_lab.seal import key_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def test_erased_decisions_are_forgotten_and_no_others(
    make_log: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_file, "_COST", 2)
    folder, vault = make_log(), tmp_path / "vault"
    clock = lambda: datetime(2026, 3, 1, tzinfo=UTC)
    seal_log(folder, actor="Jane", vault=vault, passphrase=b"x", clock=clock)
    store = open_store(folder)
    for prediction_id in ("p-007", "p-030"):
        explain_decision(store, reconstruct(store, prediction_id), "shap")
    cache = ExplanationCache()
    forget_erased(open_store(folder))
    assert len(list(cache.folder.iterdir())) == 2

    writer = open_writer(folder, vault=vault, passphrase=b"x", clock=clock)
    erase(writer, prediction_ids=["p-007"], actor="desk", reason="request")
    forget_erased(open_store(folder))

    assert list(cache.folder.iterdir()) == [cache.folder_of("p-030")]


def test_where_nothing_was_ever_kept_nothing_is_read() -> None:
    forget_erased(None)  # type: ignore[arg-type]
    assert not ExplanationCache().folder.exists()
