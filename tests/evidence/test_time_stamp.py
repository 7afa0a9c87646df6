"""A bundle is time-stamped by a local authority, over HTTP and by hand, and verified against it."""

from __future__ import annotations

import shutil
import sys
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import audit_lab as al
from audit_lab.errors import AuditLabError, IntegrityError, MisuseError
from audit_lab.evidence import examine_in_full, sign_off
from audit_lab.evidence.time_stamp import accepting, stamp_bundle, stamp_request
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Verdict
from audit_lab.seal.trust import TrustedKey

sys.path.insert(0, str(Path(__file__).parents[1]))
from local_authority import make_local_authority

STAMP = "timestamp.tsr"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return make_local_authority(tmp_path_factory.mktemp("authorities") / "trusted-clock")


@pytest.fixture(scope="module")
def other_authority(tmp_path_factory):
    return make_local_authority(tmp_path_factory.mktemp("authorities") / "another-clock")


@pytest.fixture
def bundle(exported, tmp_path):
    return Path(shutil.copy(exported, tmp_path / "INC-1.zip"))


@contextmanager
def served(answer, status=200):
    """Serve an authority on this machine; `asked` collects what it was sent."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append((self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
            content = answer(asked[-1][1])
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsr", asked
        finally:
            server.shutdown()
            thread.join()


def test_an_authority_is_asked_and_the_bundle_is_verified(bundle, authority, trust):
    with served(authority.answer) as (address, asked):
        stamp = stamp_bundle(bundle, authority=address, trust=trust, authorities=[authority.root])
    assert stamp.authority == "trusted-clock"
    ((kind, request),) = asked
    assert kind == "application/timestamp-query"
    assert len(request) < 100  # a digest and nothing of the bundle
    report = al.verify(bundle, trust, authorities=[authority.root], require_anchor=True)
    assert report.verdict is Verdict.VERIFIED
    assert report.checked[-1] != report.checked[0]
    assert "time stamp: by rfc3161-client too" in report.checked
    with pytest.raises(MisuseError, match="bears a time stamp already"):
        stamp_bundle(bundle, authority=address, trust=trust, authorities=[authority.root])


def test_an_answer_is_carried_by_hand_into_a_folder_too(bundle, authority, trust, tmp_path):
    with zipfile.ZipFile(bundle) as file:
        file.extractall(tmp_path / "folder")
    for place in (bundle, tmp_path / "folder"):
        answer = authority.answer(stamp_request(place))
        stamp_bundle(place, answer=answer, trust=trust, authorities=[authority.root])
        assert examine_in_full(place, accepting(trust, [authority.root])).verdict is Verdict.VERIFIED
    assert (tmp_path / "folder" / STAMP).read_bytes() == answer


def test_openssl_accepts_the_stamp(bundle, authority, trust, tmp_path):
    stamp_bundle(bundle, answer=authority.answer(stamp_request(bundle)), trust=trust, authorities=[authority.root])
    with zipfile.ZipFile(bundle) as file:
        for name in (STAMP, "attestation.dsse.json"):
            file.extract(name, authority.folder)
    verify = ("ts", "-verify", "-data", "attestation.dsse.json", "-in", STAMP, "-CAfile", authority.root.name)
    authority.openssl(*verify)


def test_a_sign_off_and_a_stamp_leave_each_other_as_they_are(bundle, authority, trust, key):
    stamp_bundle(bundle, answer=authority.answer(stamp_request(bundle)), trust=trust, authorities=[authority.root])
    both = replace(trust, keys=(*trust.keys, TrustedKey(key.public, "sign-off", "*")))
    sign_off(bundle, key=key, printed_name="Jane", meaning="authored", trust=both)
    report = examine_in_full(bundle, accepting(both, [authority.root]))
    assert (report.verdict, len(report.signers)) == (Verdict.VERIFIED, 2)


def test_what_is_no_stamp_over_this_bundle_changes_nothing(bundle, authority, other_authority, trust):
    before = bundle.read_bytes()
    request = stamp_request(bundle)
    accepted = {"trust": trust, "authorities": [authority.root]}
    for answer, code in (
        (authority.stamp(b"another bundle"), "timestamp.other-bytes"),
        (other_authority.answer(request), "timestamp.authority-not-trusted"),
        (b"stamped", "timestamp.malformed"),
    ):
        with pytest.raises(MalformedError) as caught:
            stamp_bundle(bundle, answer=answer, **accepted)
        assert caught.value.code == code
    assert bundle.read_bytes() == before


def test_an_authority_that_does_not_answer_as_one(bundle, authority, trust):
    before = bundle.read_bytes()
    accepted = {"trust": trust, "authorities": [authority.root]}
    for status in (302, 500):
        with (
            served(authority.answer, status) as (address, asked),
            pytest.raises(AuditLabError, match=f"status {status}"),
        ):
            stamp_bundle(bundle, authority=address, **accepted)
        assert len(asked) == 1
    with pytest.raises(AuditLabError, match="could not be reached"):
        stamp_bundle(bundle, authority=address, **accepted)
    for address in ("file:///etc/passwd", "ftp://x/", "tsa", "https://"):
        with pytest.raises(MisuseError, match="no address"):
            stamp_bundle(bundle, authority=address, **accepted)
    assert bundle.read_bytes() == before


def test_nothing_is_asked_before_an_authority_is_accepted_and_the_bundle_holds(bundle, authority, trust):
    with served(authority.answer) as (address, asked):
        with pytest.raises(MisuseError, match="No time-stamping authority is accepted"):
            stamp_bundle(bundle, authority=address, trust=trust)
        content = bytearray(bundle.read_bytes())
        content[len(content) // 2] ^= 1
        bundle.write_bytes(content)
        with pytest.raises(IntegrityError):
            stamp_bundle(bundle, authority=address, trust=trust, authorities=[authority.root])
    assert asked == []


def test_a_stamp_from_before_the_data_is_not_added(case, authority, trust, key, tmp_path):
    later = case.export(tmp_path / "out", key=key, signed_at=datetime(2126, 2, 1, tzinfo=UTC))
    with pytest.raises(IntegrityError) as caught:
        stamp_bundle(later, answer=authority.answer(stamp_request(later)), trust=trust, authorities=[authority.root])
    assert [finding.code for finding in caught.value.report.findings] == ["timestamp.before-data"]
    with zipfile.ZipFile(later) as file:
        assert STAMP not in file.namelist()


def test_the_second_opinion_is_asked(bundle, authority, trust, monkeypatch):
    stamp_bundle(bundle, answer=authority.answer(stamp_request(bundle)), trust=trust, authorities=[authority.root])

    def refuse(*_):
        raise MalformedError("it is none", "Ask again", "timestamp.malformed")

    monkeypatch.setattr("audit_lab.evidence.time_stamp.check_timestamp", refuse)
    report = examine_in_full(bundle, accepting(trust, [authority.root]))
    assert [(finding.code, finding.file) for finding in report.findings] == [("timestamp.malformed", STAMP)]
    assert report.verdict is Verdict.FAILED
