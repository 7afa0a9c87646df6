"""How old a bundle may be: what a reader names, by Python, the command line and the one-file verifier."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.cli import main as audit_lab_command
from audit_lab.errors import IntegrityError, MisuseError
from audit_lab.seal.trust import format_trust
from audit_lab.verifier.age import known_to_reader
from audit_lab.verifier.command import main as one_file_command

sys.path.insert(0, str(Path(__file__).parents[1] / "attacks"))
from attack_scene import TRUST, archived, export_clean

NOTE = "flights.example\n7\n" + "A" * 43 + "=\n\n\u2014 flights.example " + "A" * 91 + "=\n"


@pytest.fixture
def trust(tmp_path):
    path = tmp_path / "trust.toml"
    path.write_text(format_trust(TRUST.keys))
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Return a bundle as users export it: the full verifier looks into it, too."""
    folder = tmp_path_factory.mktemp("old")
    (folder / "case.zip").write_bytes(archived(export_clean(folder).files))
    return folder / "case.zip"


def test_a_checkpoint_and_a_time_are_read(tmp_path):
    (tmp_path / "checkpoint").write_text(NOTE)
    known = known_to_reader(tmp_path / "checkpoint", "2026-01-31")
    assert (known.checkpoint.origin, known.checkpoint.size) == ("flights.example", 7)
    assert known.signed_since == datetime(2026, 1, 31, tzinfo=UTC)
    assert known_to_reader(signed_since="2026-01-31T12:00:00+02:00").signed_since.hour == 12
    assert known_to_reader() == known_to_reader(None, None)


@pytest.mark.parametrize(
    ("content", "since", "said"),
    [(None, None, "cannot be read"), ("seven", None, "checkpoint"), (NOTE, "31.1.2026", "is no time")],
)
def test_what_is_none_is_said_to_be_none(tmp_path, content, since, said):
    if content is not None:
        (tmp_path / "checkpoint").write_text(content)
    with pytest.raises(MisuseError, match=said):
        known_to_reader(tmp_path / "checkpoint", since)


def test_an_older_bundle_is_stale(path, trust):
    with pytest.raises(IntegrityError) as caught:
        al.verify(path, trust, signed_since="2100-01-01")
    assert caught.value.report.verdict == "STALE"
    assert [each.code for each in caught.value.report.findings] == ["bundle.older-signature"]


@pytest.mark.parametrize("command", [one_file_command, lambda given: audit_lab_command(["verify", *given])])
def test_both_commands_exit_1_for_a_stale_bundle(path, trust, capsys, command):
    assert command([str(path), "--trust", str(trust), "--json", "--signed-since", "2100-01-01"]) == 1
    assert json.loads(capsys.readouterr().out)["verdict"] == "STALE"


def test_one_that_is_new_enough_holds(path, trust, capsys):
    assert one_file_command([str(path), "--trust", str(trust), "--signed-since", "2025-01-01"]) == 0
    assert "signed after 2025-01-01" in capsys.readouterr().out


def test_it_is_asked_of_bundles_only(path, tmp_path, capsys):
    proof = tmp_path / "proof.json"
    proof.write_text("{}")
    with pytest.raises(MisuseError, match="asked of evidence bundles"):
        al.verify(proof, signed_since="2025-01-01")
    assert one_file_command([str(proof), "--signed-since", "2025-01-01"]) == 2
    assert "is asked of bundles" in capsys.readouterr().err
