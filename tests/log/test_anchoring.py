"""Anchors that a log's keeper puts beside it: each is checked first, and then found by every verification."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit_lab.errors import MisuseError
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.integrity.check import examine_log
from audit_lab.log.time_anchors.anchoring import keep_cosigned, keep_timestamp, stamp_request
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.writer import create_log
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.cosignature import cosignature_line, cosigned_note
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedAuthority

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture
def writer(tmp_path):
    with create_log(tmp_path / "log", "demonstration-a", vault=tmp_path / "vault", clock=lambda: NOON) as made:
        yield made


@pytest.fixture
def folder(writer, tmp_path):
    writer.heartbeat()
    return tmp_path / "log"


def cosigned(folder, name):
    signed = parse_checkpoint(LogTree(LocalStorage(folder)).note)
    witness = SigningKey.generate(name)
    return cosigned_note(signed.note, cosignature_line(signed.note.body, witness, NOON)).to_bytes(), witness


def test_an_answer_of_the_authority_is_kept_under_the_size_that_it_stamps(folder, writer, authority):
    answer = authority.answer(stamp_request(folder))
    writer.heartbeat()
    size, stamp = keep_timestamp(folder, answer, [authority.authority])
    assert (size, stamp.authority) == (2, "trusted-clock")
    assert (folder / "anchors" / "2.tsr").read_bytes() == answer


def test_an_authority_of_the_trust_file_counts_for_a_log_too(folder, authority, other_authority):
    keep_timestamp(folder, authority.answer(stamp_request(folder)), [authority.authority])
    accepted, others = (
        Trust(authorities=(TrustedAuthority(each.folder.name, each.authority.certificates),))
        for each in (authority, other_authority)
    )
    stamped = examine_log(folder, trust=accepted, remembered=False)
    assert any("time-stamped by trusted-clock" in anchor for anchor in stamped.anchors)
    refused = examine_log(folder, trust=others, remembered=False)
    assert "timestamp.authority-not-trusted" in [finding.code for finding in refused.findings]


def test_an_answer_of_another_authority_is_not_kept(folder, authority, other_authority):
    answer = other_authority.answer(stamp_request(folder))
    with pytest.raises(MisuseError, match="no authority that is accepted"):
        keep_timestamp(folder, answer, [authority.authority])
    assert not (folder / "anchors").exists()


def test_an_answer_over_other_bytes_is_not_kept(folder, authority):
    with pytest.raises(MisuseError, match="stamps no checkpoint"):
        keep_timestamp(folder, authority.stamp(b"something else"), [authority.authority])


def test_cosignatures_of_several_witnesses_are_kept_together(folder):
    for name in ("tower", "bridge"):
        content, _ = cosigned(folder, name)
        assert keep_cosigned(folder, content) == 2
    kept = parse_checkpoint((folder / "anchors" / "2.cosigned").read_bytes())
    assert [line.name for line in kept.note.signatures] == ["demonstration-a", "tower", "bridge"]


def test_a_checkpoint_with_another_root_is_not_kept(folder, tmp_path):
    with create_log(tmp_path / "other", "demonstration-a", vault=tmp_path / "v2", clock=lambda: NOON) as other:
        other.heartbeat()
    content, _ = cosigned(tmp_path / "other", "tower")
    with pytest.raises(MisuseError, match="is none of the log"):
        keep_cosigned(folder, content)


def test_a_file_that_is_no_checkpoint_is_not_kept(folder):
    with pytest.raises(MisuseError):
        keep_cosigned(folder, b"nothing")


def test_a_log_that_is_not_sealed_cannot_be_anchored(tmp_path):
    with pytest.raises(MisuseError, match="is not sealed"):
        stamp_request(tmp_path)
