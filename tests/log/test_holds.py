"""Legal holds: sealed without naming anybody, in force until released, and in the way of erasures."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit_lab.errors import MisuseError
from audit_lab.log.keys.vault import Vault
from audit_lab.log.writing.holds import hindering_holds, place_hold, release_hold
from audit_lab.log.writing.writer import create_log
from audit_lab.seal import key_file

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch):
    monkeypatch.setattr(key_file, "_COST", 2)


@pytest.fixture
def vault(tmp_path):
    made = Vault.create("tests", tmp_path / "vault", passphrase=b"x")
    (made.folder / "digest.key").write_bytes(bytes(range(32)))
    return made


@pytest.fixture
def writer(tmp_path, vault):
    return create_log(tmp_path / "log", "tests", vault=vault, clock=lambda: NOW)


def hindering(writer, vault, subjects=(), prediction_ids=()):
    writer.heartbeat()
    return hindering_holds(writer.state, vault, subjects, prediction_ids)


def test_a_hold_names_nobody_in_the_log(writer, vault, tmp_path):
    place_hold(writer, "case-7", actor="Jane", reason="lawsuit 7", subjects=["jane"], prediction_ids=["prediction-1"])
    (entry,) = writer.state.holds["case-7"]
    # printf 'subject\0jane' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102..1f
    assert entry.subjects_sha256 == ("69e6f373d27675927c04aefcd0e984e89670d6816da45864d91831788fe16b06",)
    assert entry.predictions_sha256 == (vault.keyed_digest("prediction", "prediction-1"),)
    assert (entry.actor, entry.reason) == ("Jane", "lawsuit 7")
    for path in (tmp_path / "log").rglob("*"):
        # Four letters may stand by chance in the base64 of a signature: JSON would quote them.
        content = b"" if path.is_dir() else path.read_bytes()
        assert b'"jane"' not in content
        assert b"prediction-1" not in content


def test_it_hinders_what_it_names_and_nothing_else(writer, vault):
    place_hold(writer, "b", actor="Jane", reason="r", subjects=["jane", "joe"])
    place_hold(writer, "a", actor="Jane", reason="r", prediction_ids=["p1"])
    assert hindering(writer, vault, ["joe"]) == ("b",)
    assert hindering(writer, vault, ["joe"], ["p1", "p2"]) == ("a", "b")
    assert hindering(writer, vault, ["p1"], ["joe"]) == ()
    assert hindering(writer, vault, ["someone"], ["p2"]) == ()


def test_it_ends_with_its_release(writer, vault):
    place_hold(writer, "a", actor="Jane", reason="r", subjects=["joe"])
    release_hold(writer, "a", actor="Jane", reason="settled")
    assert hindering(writer, vault, ["joe"]) == ()
    place_hold(writer, "a", actor="Jane", reason="appeal", subjects=["jim"])
    assert hindering(writer, vault, ["joe"]) == ()
    assert hindering(writer, vault, ["jim"]) == ("a",)


def test_more_ids_than_one_entry_holds(writer, vault):
    ids = [f"p{number}" for number in range(1_700)]
    place_hold(writer, "all of March", actor="Jane", reason="r", subjects=["joe"], prediction_ids=ids)
    entries = writer.state.holds["all of March"]
    assert [len(entry.subjects_sha256) + len(entry.predictions_sha256) for entry in entries] == [800, 800, 101]
    assert hindering(writer, vault, (), ["p0"]) == hindering(writer, vault, (), ["p1699"]) == ("all of March",)
    release_hold(writer, "all of March", actor="Jane", reason="r")
    assert hindering(writer, vault, ["joe"], ids) == ()


def test_misuse_is_named(writer):
    with pytest.raises(MisuseError, match="The hold 'a' holds nothing"):
        place_hold(writer, "a", actor="Jane", reason="r")
    with pytest.raises(MisuseError, match=r"No hold 'a' is in force\. Holds in force: none"):
        release_hold(writer, "a", actor="Jane", reason="r")
    place_hold(writer, "a", actor="Jane", reason="r", subjects=["joe"])
    with pytest.raises(MisuseError, match="A hold 'a' is in force already"):
        place_hold(writer, "a", actor="Jane", reason="r", subjects=["jim"])
    with pytest.raises(MisuseError, match=r"No hold 'b' is in force\. Holds in force: a"):
        release_hold(writer, "b", actor="Jane", reason="r")
