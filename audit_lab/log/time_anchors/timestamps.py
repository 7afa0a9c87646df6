"""Time-stamp tokens (RFC 3161): what an outside authority says existed, and when.

A token holds the log in time only as far as the reader trusts the authority: its certificates are given by the reader,
never taken from the token or from the log. Nothing here speaks to a network; `timestamp_request` gives the bytes that
are sent to an authority, by whatever way the reader has.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cryptography.x509 import Certificate
    from rfc3161_client import Accuracy, TimeStampResponse

__all__ = ["MOST_TOKEN_BYTES", "Authority", "Timestamp", "check_timestamp", "read_authority", "timestamp_request"]

#: A larger answer than this is not looked into.
MOST_TOKEN_BYTES = 65_536

_MOST_CERTIFICATE_BYTES = 1_000_000
_SHA256 = "2.16.840.1.101.3.4.2.1"
_NEXT = "Ask the authority for a new token, over the checkpoint as it is stored"


@dataclass(frozen=True)
class Authority:
    """A time-stamping authority that the reader accepts: its name and the certificates that its tokens must lead to."""

    name: str
    certificates: tuple[Certificate, ...]


@dataclass(frozen=True)
class Timestamp:
    """What an accepted token says: which authority, what time (UTC), and how far that may be off."""

    authority: str
    time: datetime
    accuracy: timedelta

    def is_before(self, moment: datetime) -> bool:
        """Whether the token was certainly made before `moment`.

        A token may state whole seconds only, so a moment within its second, or within its accuracy, is not before it.
        """
        return self.time + self.accuracy < moment.replace(microsecond=0)


def read_authority(path: Path) -> Authority:
    """Read the certificates of an authority from a PEM file: its root, and those in between if there are any.

    Raises
    ------
    MisuseError
        The file cannot be read or holds no certificate.
    """
    from cryptography.x509 import load_pem_x509_certificates

    try:
        with path.open("rb") as file:
            certificates = load_pem_x509_certificates(file.read(_MOST_CERTIFICATE_BYTES))
    except (OSError, ValueError) as error:
        raise MisuseError(
            f"The certificates of a time-stamping authority cannot be read from {path}",
            "Give a PEM file with the authority's root certificate, which you got from the authority itself",
        ) from error
    return Authority(path.stem, tuple(certificates))


def timestamp_request(content: bytes) -> bytes:
    """Return the request (TimeStampReq, DER) for a token over the SHA-256 of `content`, the certificate included.

    The same as ``openssl ts -query -sha256 -cert -data FILE``.
    """
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(content).hash_algorithm(HashAlgorithm.SHA256)
    return builder.nonce(nonce=True).cert_request(cert_request=True).build().as_bytes()


def check_timestamp(response: bytes, content: bytes, authorities: Iterable[Authority], name: str) -> Timestamp:
    """Check an authority's answer (TimeStampResp, DER) over `content`.

    Parameters
    ----------
    response
        The exact bytes of the answer.
    content
        What it must be a token over.
    authorities
        Those that the reader accepts; without any, no token is.
    name
        The file's name, for the message.

    Raises
    ------
    MalformedError
        Codes ``timestamp.malformed``, ``timestamp.other-bytes``, ``timestamp.not-sha256`` and
        ``timestamp.authority-not-trusted``.
    """
    token = _parsed(response, name)
    imprint = token.tst_info.message_imprint
    if imprint.hash_algorithm.dotted_string != _SHA256:
        raise _refused(name, "is a token over another digest than SHA-256", "timestamp.not-sha256")
    if imprint.message != hashlib.sha256(content).digest():
        raise _refused(name, "is a token over other bytes", "timestamp.other-bytes")
    for authority in authorities:
        if _accepts(authority, token, content):
            return Timestamp(authority.name, token.tst_info.gen_time.astimezone(UTC), _accuracy(token))
    raise MalformedError(
        f"{name} is a token of no authority that is accepted here",
        "Get the authority's root certificate from the authority itself, and name it as accepted",
        "timestamp.authority-not-trusted",
    )


def _parsed(response: bytes, name: str) -> TimeStampResponse:
    from rfc3161_client import PKIStatus, decode_timestamp_response

    if len(response) > MOST_TOKEN_BYTES:
        raise _refused(name, "is larger than a token can be", "timestamp.malformed")
    try:
        token = decode_timestamp_response(response)
        granted = token.status == PKIStatus.GRANTED
        _ = token.tst_info.gen_time, token.tst_info.accuracy
    except (ValueError, OverflowError, AttributeError) as error:
        raise _refused(name, "is not a time-stamp response", "timestamp.malformed") from error
    if not granted:
        raise _refused(name, "is an answer without a token", "timestamp.malformed")
    return token


def _accepts(authority: Authority, token: TimeStampResponse, content: bytes) -> bool:
    from rfc3161_client import VerificationError, VerifierBuilder

    builder = VerifierBuilder(roots=list(authority.certificates))
    try:
        return builder.build().verify_message(token, content)
    except (VerificationError, ValueError):
        return False


def _accuracy(token: TimeStampResponse) -> timedelta:
    stated: Accuracy | None = token.tst_info.accuracy
    if stated is None:
        return timedelta(0)
    return timedelta(seconds=stated.seconds or 0, milliseconds=stated.millis or 0, microseconds=stated.micros or 0)


def _refused(name: str, what: str, code: str) -> MalformedError:
    return MalformedError(f"{name} {what}", _NEXT, code)
