"""How far numbers may lie apart: by the registry's row of the models in question, else by the log's first entry."""

from __future__ import annotations

import json

import polars as pl
import pytest

from audit_lab.evidence.rerun.allowed_distance import AllowedDistance, allowed_distance
from audit_lab.log.store import open_store
from audit_lab.log.writing.writer import create_log
from audit_lab.seal.keys import SigningKey
from tests.log.small_sealed_log import SEALED_ORIGIN, registry_rows

AT_FIRST = AllowedDistance(0.001, 0.0, "the log declared when it was begun")


def declaring(tolerance):
    return json.dumps({"output": {"kind": "probability", "tolerance": tolerance}})


#: Version to what its row in the registry declares.
DECLARED = {
    "1": declaring({"absolute": 0.01, "relative": 0.1}),
    "2": declaring({"absolute": 0.02, "relative": 0.05}),
    "silent": json.dumps({"output": {"kind": "probability"}}),
    "bare": None,
    "broken": declaring({"absolute": -1}),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("declared")
    key = SigningKey.generate(SEALED_ORIGIN)
    with create_log(folder / "log", SEALED_ORIGIN, vault=folder / "vault", key=key, tolerance="0.001") as writer:
        row = registry_rows()["model_versions"].head(1)
        rows = [
            row.with_columns(pl.lit(version).alias("model_version"), pl.lit(text, pl.String).alias("signature"))
            for version, text in DECLARED.items()
        ]
        writer.append({"model_versions": pl.concat(rows)})
    return open_store(folder / "log")


def of(store, *versions):
    return allowed_distance(store, [{"model_name": "loans", "model_version": version} for version in versions])


def test_the_row_of_the_registry_comes_first(store):
    assert of(store, "1") == AllowedDistance(0.01, 0.1, "the registry declares for loans 1")
    assert str(of(store, "1")) == (
        "numbers within 0.01 or 0.1 of the recorded number, which the registry declares for loans 1"
    )


@pytest.mark.parametrize("versions", [(), ("silent",), ("bare",), ("unknown",)])
def test_where_it_says_nothing_the_log_s_first_entry_counts(store, versions):
    assert of(store, *versions) == AT_FIRST


def test_of_several_models_the_strictest_counts(store):
    found = of(store, "2", "1")
    assert (found.absolute, found.relative) == (0.01, 0.05)
    assert found.source == "the registry declares for loans 2, and the registry declares for loans 1"
    found = of(store, "1", "silent")
    assert (found.absolute, found.relative) == (0.001, 0.0)


def test_what_cannot_be_read_allows_nothing(store):
    found = of(store, "broken")
    assert (found.absolute, found.relative) == (0.0, 0.0)
    assert str(found) == "text, tables, charts and numbers exactly"


def test_a_model_is_known_by_its_artifact_too(store):
    digest = registry_rows()["model_versions"]["artifact_sha256"][0]
    named = [{"artifact_sha256": digest}]
    assert allowed_distance(store, named).absolute == 0.0  # that of the broken row: all five have this artifact
    assert allowed_distance(store, [{"artifact_sha256": "0" * 64}]) == AT_FIRST
    assert allowed_distance(store, [{"unheard": "of"}]) == AT_FIRST


def test_a_log_that_is_not_sealed_declares_nothing(make_log, tmp_path):
    assert allowed_distance(open_store(make_log(tmp_path / "log")), []) == AllowedDistance()
