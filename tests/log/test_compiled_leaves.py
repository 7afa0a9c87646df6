"""Compiled code hashes field-committed rows as the definition does, or is not used."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest
from numba import config

import audit_lab as al
from audit_lab.log.commitment import compiled_leaves, leaves
from audit_lab.log.commitment.compiled_leaves import constant_texts, is_usable
from audit_lab.log.commitment.leaves import row_leaves
from audit_lab.log.writing import segment_file

ROWS = 20_000

needs_instructions = pytest.mark.skipif(
    not compiled_leaves.binding.get_host_cpu_features().get("sha"), reason="no instructions for SHA-256"
)


@pytest.fixture
def _asked_anew():
    is_usable.cache_clear()
    yield
    is_usable.cache_clear()


def _frame(rows=ROWS):
    numbers = pl.Series("n", range(rows))
    return pl.DataFrame(
        {
            "id": numbers.cast(pl.String),
            "amount": numbers / 7,
            "sometimes": [None if row % 3 else row for row in range(rows)],
            "never": pl.Series([None] * rows, dtype=pl.Float64),
            "nothing": [None] * rows,
            "long": ["\u00e9" * (row % 200) for row in range(rows)],
            "bytes": [bytes([row % 256]) * (row % 5) for row in range(rows)],
            "list": [[float(row)] * (row % 4) for row in range(rows)],
            "x" * 300: numbers % 2 == 0,
        }
    )


def _keys(rows=ROWS):
    return hashlib.shake_256(b"keys").digest(32 * rows)


@needs_instructions
def test_many_rows_are_hashed_by_compiled_code_to_the_same_leaves(monkeypatch):
    used = []
    monkeypatch.setattr(leaves, "_compiled", lambda *given, real=leaves._compiled: used.append(1) or real(*given))
    frame, keys = _frame(), _keys()
    found = row_leaves(frame, keys, compiled=True)
    assert len(used) == 5
    assert found == row_leaves(frame, keys)
    assert len(used) == 5


@needs_instructions
@pytest.mark.parametrize("rows", [1, 2, 3, 4096, 4097])
def test_an_odd_row_and_the_last_of_a_slice_are_hashed_too(rows):
    frame, keys = _frame(rows), _keys(rows)
    assert leaves._compiled(frame, keys) == row_leaves(frame, keys)


def test_few_rows_do_not_wait_for_a_compiler(monkeypatch):
    monkeypatch.setattr(leaves, "_compiled", lambda *_: pytest.fail("compiled"))
    row_leaves(_frame(100), _keys(100), compiled=True)


@pytest.mark.usefixtures("_asked_anew")
@pytest.mark.parametrize("name", ["DISABLE_JIT", "CPU_NAME", "CPU_FEATURES"])
def test_what_numba_is_told_to_compile_for_is_not_guessed_at(monkeypatch, name):
    monkeypatch.setattr(config, name, 1 if name == "DISABLE_JIT" else "generic")
    assert not is_usable()


@pytest.mark.usefixtures("_asked_anew")
def test_a_processor_without_the_instructions_hashes_as_before(monkeypatch):
    monkeypatch.setattr(compiled_leaves.binding, "get_host_cpu_features", dict)
    monkeypatch.setattr(leaves, "_compiled", lambda *_: pytest.fail("compiled"))
    assert not is_usable()
    assert len(row_leaves(_frame(), _keys(), compiled=True)) == 32 * ROWS


@needs_instructions
@pytest.mark.usefixtures("_asked_anew")
def test_code_that_hashes_otherwise_than_the_definition_is_not_used(monkeypatch):
    monkeypatch.setattr(compiled_leaves, "constant_texts", lambda _: constant_texts("x;"))
    assert not is_usable()


@needs_instructions
@pytest.mark.usefixtures("_asked_anew")
def test_a_compiler_that_fails_is_done_without(monkeypatch):
    def fails(*_):
        raise RuntimeError("no locator")

    monkeypatch.setattr(compiled_leaves, "compiled_leaves", fails)
    assert not is_usable()


@needs_instructions
def test_a_log_that_compiled_code_wrote_is_verified_without_it(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        segment_file, "row_leaves", lambda *given, **named: said.append(named) or row_leaves(*given, **named)
    )
    with al.create_log(tmp_path / "log", "demonstration-compiled", vault=tmp_path / "vault") as writer:
        frame = _frame().with_columns(pl.col("id").alias("prediction_id")).drop("nothing")
        predictions = frame.select("prediction_id", model_name=pl.lit("loans"), sequence=pl.int_range(1, pl.len() + 1))
        receipt = writer.append({"predictions": predictions, "inputs/loans": frame})
    assert said == [{"compiled": True}] * 2
    assert [(each.table, each.rows) for each in receipt.segments] == [("inputs/loans", ROWS), ("predictions", ROWS)]
    monkeypatch.setattr(leaves, "_compiled", lambda *_: pytest.fail("compiled"))
    assert str(al.open(tmp_path / "log").verify().verdict) == "UNANCHORED"
