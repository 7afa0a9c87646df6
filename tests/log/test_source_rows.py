"""The stored rows behind a prediction: file, row, canonical bytes and leaf, held against what was sealed."""

from __future__ import annotations

import hashlib

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import NotFoundError


def test_the_rows_of_a_sample_are_those_of_its_files(credit):
    log = al.open(credit)
    place = log.browse().page(7, 1)["place"][0]
    found = log.decision(place).source_rows()
    assert [each.table.partition("/")[0] for each in found.rows] == ["predictions", "inputs"]
    for each in found.rows:
        path = credit / each.file
        assert hashlib.sha256(path.read_bytes()).hexdigest() == each.file_sha256
        stored = pl.read_parquet(path)[each.file_row]
        assert stored["prediction_id"][0] == found.prediction_id
        assert [one.column for one in each.values] == stored.columns
        assert each.leaf == hashlib.sha256(b"\0" + each.content).hexdigest()
        assert (each.sealed_leaf, each.is_as_sealed) == (None, None)
        identity = f"s{len(found.prediction_id.encode())}:{found.prediction_id}".encode()
        assert identity in [one.content for one in each.values]
        assert identity in each.content
    assert "is not sealed" in found.summary()[0]


def test_bytes_that_are_no_text_are_shown_as_digits(make_log):
    def with_bytes(inputs):
        return inputs.with_columns(pl.lit(b"\x00\xff<b>").alias("scan"))

    found = al.open(make_log(inputs_loans=with_bytes)).decision("p-003").source_rows()
    values = {column: text for column, _, text in found.to_dict()["rows"][1]["values"]}
    assert values["scan"] == "x00ff3c623e;"


def test_a_sealed_row_leads_to_the_leaf_that_was_sealed(sealed_log):
    log = al.open(sealed_log.folder)
    found = log.decision("p-004").source_rows(sealed_log.vault)
    for each in found.rows:
        leaves = (sealed_log.folder / each.table / f"{each.segment}.leaves").read_bytes()
        assert each.sealed_leaf == leaves[32 * each.row : 32 * each.row + 32].hex()
        assert each.leaf == each.sealed_leaf == hashlib.sha256(b"\0" + each.content).hexdigest()
        assert each.is_as_sealed is True
    assert all(line.endswith("It is as it was sealed.") for line in found.summary())


def test_without_the_vault_values_and_leaf_are_there_and_nothing_is_claimed(sealed_log):
    found = al.open(sealed_log.folder).decision("p-004").source_rows()
    row = found.rows[0]
    assert (row.content, row.leaf, row.is_as_sealed) == (None, None, None)
    assert len(row.sealed_leaf) == 64
    assert "vault" in row.why
    assert row.values


def test_a_row_that_does_not_lead_to_its_leaf_is_shown_and_named(sealed_log):
    decision = al.open(sealed_log.folder).decision("p-004")
    before = decision.source_rows(sealed_log.vault).rows[0]
    path = sealed_log.folder / before.table / f"{before.segment}.leaves"
    leaves = bytearray(path.read_bytes())
    leaves[32 * (before.row + 1)] ^= 1  # the leaf of its neighbour, which its path is made of
    path.write_bytes(leaves)
    again = decision.source_rows(sealed_log.vault)
    assert again.rows[0].is_as_sealed is False
    assert again.rows[0].values == before.values
    assert "not as it was sealed" in again.rows[0].why
    assert "It is NOT as it was sealed" in again.summary()[0]


def test_a_prediction_that_is_not_there_has_no_rows(credit):
    from audit_lab.log.source_rows import source_rows

    with pytest.raises(NotFoundError):
        source_rows(al.open(credit)._store, "nobody")
