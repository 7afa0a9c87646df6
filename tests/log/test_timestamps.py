"""Time-stamp tokens of a local authority, and tokens that must not be accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from audit_lab.errors import MisuseError
from audit_lab.log.time_anchors.timestamps import Timestamp, check_timestamp, read_authority, timestamp_request
from audit_lab.seal.malformed import MalformedError

CONTENT = b"flights.example\n9\nroot\n"


def code(response, content, *authorities):
    with pytest.raises(MalformedError) as caught:
        check_timestamp(response, content, authorities, "9.tsr")
    assert "9.tsr" in caught.value.message
    return caught.value.code


def test_token_of_an_accepted_authority_gives_its_time(authority, other_authority):
    before = datetime.now(UTC).replace(microsecond=0)
    token = authority.stamp(CONTENT)
    found = check_timestamp(token, CONTENT, [other_authority.authority, authority.authority], "9.tsr")
    assert found.authority == "trusted-clock"
    assert before <= found.time <= datetime.now(UTC)
    assert found.accuracy == timedelta(0)


def test_accuracy_that_an_authority_states_is_read(make_authority):
    exact = make_authority("exact", "accuracy = secs:2, millisecs:500, microsecs:7\n")
    found = check_timestamp(exact.stamp(CONTENT), CONTENT, [exact.authority], "9.tsr")
    assert found.accuracy == timedelta(seconds=2, milliseconds=500, microseconds=7)


def test_openssl_accepts_the_request_and_the_token(authority):
    (authority.folder / "content").write_bytes(CONTENT)
    (authority.folder / "token.tsr").write_bytes(authority.answer(timestamp_request(CONTENT)))
    authority.openssl("ts", "-verify", "-data", "content", "-in", "token.tsr", "-CAfile", "trusted-clock.pem")


def test_token_over_other_bytes_is_refused(authority):
    assert code(authority.stamp(CONTENT), CONTENT + b"x", authority.authority) == "timestamp.other-bytes"


def test_token_of_an_unknown_authority_is_refused(authority, other_authority):
    token = authority.stamp(CONTENT)
    assert code(token, CONTENT, other_authority.authority) == "timestamp.authority-not-trusted"
    assert code(token, CONTENT) == "timestamp.authority-not-trusted"


def test_token_over_another_digest_is_refused(authority):
    builder = TimestampRequestBuilder().data(CONTENT).hash_algorithm(HashAlgorithm.SHA512)
    token = authority.answer(builder.cert_request(cert_request=True).build().as_bytes())
    assert code(token, CONTENT, authority.authority) == "timestamp.not-sha256"


def test_answer_without_a_token_is_refused(authority):
    answer = authority.answer(b"no request at all")
    assert code(answer, CONTENT, authority.authority) == "timestamp.malformed"


@pytest.mark.parametrize("content", [b"", b"\x30\x80", b"token", b"\x30\x82\xff\xff", bytes(65_537)])
def test_bytes_that_are_no_answer_are_refused(content, authority):
    assert code(content, CONTENT, authority.authority) == "timestamp.malformed"


def test_cut_or_changed_answers_are_refused_each_by_a_code(authority):
    token = authority.stamp(CONTENT)
    for length in range(0, len(token), 7):
        assert code(token[:length], CONTENT, authority.authority) == "timestamp.malformed"
    signature = token[-20:-19]
    changed = token[:-20] + bytes([signature[0] ^ 1]) + token[-19:]
    assert code(changed, CONTENT, authority.authority) == "timestamp.authority-not-trusted"


@pytest.mark.parametrize(
    ("moment", "is_before"),
    [
        (datetime(2026, 3, 4, 9, 0, 1, tzinfo=UTC), False),
        (datetime(2026, 3, 4, 9, 0, 2, 999_999, tzinfo=UTC), False),
        (datetime(2026, 3, 4, 9, 0, 3, tzinfo=UTC), True),
    ],
)
def test_whole_seconds_and_accuracy_are_allowed_for(moment, is_before):
    stamp = Timestamp("clock", datetime(2026, 3, 4, 9, 0, 1, tzinfo=UTC), timedelta(seconds=1))
    assert stamp.is_before(moment) is is_before


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_file_without_certificates_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "clock.pem").write_bytes(content)
    with pytest.raises(MisuseError, match="cannot be read"):
        read_authority(tmp_path / "clock.pem")
