"""Has a bundle time-stamped (RFC 3161), so that its time no longer rests on its signer's word.

The authority gets the SHA-256 of the attestation, which covers every file, and nothing else of the bundle. What it
answers is checked before it is added, by our own reading of tokens and by rfc3161-client.
"""

from __future__ import annotations

from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.evidence.added_file import add_file
from audit_lab.face.accepted import accepted_keys
from audit_lab.log.time_anchors.timestamps import Authority, check_timestamp, read_authority, timestamp_request
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding, Verdict, settle
from audit_lab.seal.trust import Trust, TrustedAuthority
from audit_lab.verifier.bundle import examine_bundle, opened
from audit_lab.verifier.layout import ATTESTATION, TIME_STAMP
from audit_lab.verifier.time_stamp_token import MOST_TOKEN_BYTES, check_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.seal.report import Verification
    from audit_lab.verifier.container import Container
    from audit_lab.verifier.time_stamp_token import StampedTime

__all__ = ["accepting", "second_opinion", "stamp_bundle", "stamp_request"]

_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"
_TAKEN = 200
_PIN = "Get the authority's root certificate from the authority, and give it: --timestamp-authority (authorities=...)"


def accepting(trust: Trust, authorities: Sequence[Authority | Path | str]) -> Trust:
    """Return a trust that accepts more time-stamping authorities, each given by its certificates or their PEM file.

    Raises
    ------
    MisuseError
        A file cannot be read, or holds no certificate.
    """
    read = [each if isinstance(each, Authority) else read_authority(Path(each)) for each in authorities]
    more = tuple(TrustedAuthority(each.name, each.certificates) for each in read)
    return replace(trust, authorities=(*trust.authorities, *more))


def stamp_request(bundle: Path | str) -> bytes:
    """Return the request (TimeStampReq, DER) for a time stamp over a bundle, to be carried to an authority.

    Raises
    ------
    MisuseError
        There is no bundle, or it bears a time stamp already.
    """
    with opened(Path(bundle)) as (container, _):
        return timestamp_request(_attestation(container, bundle))


def stamp_bundle(
    bundle: Path | str,
    *,
    authority: str | None = None,
    answer: bytes | None = None,
    trust: Trust | Path | str | Sequence[Path | str] | None = None,
    authorities: Sequence[Authority | Path | str] = (),
    timeout_s: float = 30.0,
) -> StampedTime:
    """Add an authority's time stamp to a bundle, which must hold before and after.

    Parameters
    ----------
    bundle
        ``<case>.zip`` or a folder.
    authority
        The address of an authority, which is asked over HTTP; or
    answer
        what an authority answered to `stamp_request`.
    trust
        The keys and authorities that are accepted; default: the user's own.
    authorities
        Further accepted authorities, by their certificates or PEM files.
    timeout_s
        How long the authority may take to answer.

    Raises
    ------
    IntegrityError
        The bundle does not hold, or would not with this time stamp.
    MalformedError
        The answer is no time stamp over this bundle by an accepted authority; nothing was changed.
    MisuseError
        There is no bundle, it is stamped already, no authority is accepted, or the address is none.
    AuditLabError
        The authority could not be reached.
    """
    path, accepted = Path(bundle), accepting(accepted_keys(trust), authorities)
    if (authority is None) == (answer is None):
        raise MisuseError("A time stamp comes from an address or from an answer", "Give one of the two")
    if not accepted.authorities:
        raise MisuseError("No time-stamping authority is accepted here", _PIN)
    settle(examine_bundle(path, accepted))
    with opened(path) as (container, _):
        attestation = _attestation(container, bundle)
        if container is None:
            raise AuditLabError(f"{path} changed while it was read", "Stamp it again")
        given = _asked(str(authority), timestamp_request(attestation), timeout_s) if answer is None else answer
        stamp = check_token(given, attestation, accepted.authorities, TIME_STAMP)
        check_timestamp(given, attestation, _authorities(accepted), TIME_STAMP)
        add_file(path, container, TIME_STAMP, given, accepted)
    return stamp


def second_opinion(report: Verification, container: Container, trust: Trust) -> Verification:
    """Return a report in which the time stamp, where it anchors the bundle, has passed rfc3161-client's check too."""
    if TIME_STAMP not in container.names or not trust.authorities:
        return report
    try:
        check_timestamp(_whole(container, TIME_STAMP), _whole(container, ATTESTATION), _authorities(trust), TIME_STAMP)
    except MalformedError as error:
        finding = Finding(error.code, TIME_STAMP, error.message, error.next_step)
        return replace(report, verdict=Verdict.FAILED, findings=(*report.findings, finding))
    return replace(report, checked=(*report.checked, "time stamp: by rfc3161-client too"))


def _authorities(trust: Trust) -> list[Authority]:
    return [Authority(each.name, each.certificates) for each in trust.authorities]


def _attestation(container: Container | None, bundle: Path | str) -> bytes:
    if container is None or ATTESTATION not in container.names:
        raise MisuseError(f"{bundle} is no bundle", "Run audit-lab verify to see why")
    if TIME_STAMP in container.names:
        raise MisuseError(f"{bundle} bears a time stamp already", "The older one says more; nothing was changed")
    return _whole(container, ATTESTATION)


def _whole(container: Container, name: str) -> bytes:
    return b"".join(container.chunks(name))


def _asked(address: str, request: bytes, timeout_s: float) -> bytes:
    """Post a request and return the answer; no redirect is followed, no proxy used."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise MisuseError(f"{address!a} is no address of an authority", "Give one that begins https:// or http://")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=timeout_s)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, request, {"Content-Type": _QUERY, "Accept": _REPLY, "User-Agent": "audit_lab"})
        response = connection.getresponse()
        status, content = response.status, response.read(MOST_TOKEN_BYTES + 1)
    except (OSError, HTTPException, ValueError) as error:
        message = f"The time-stamping authority {address} could not be reached ({type(error).__name__})"
        next_step = "Try again; or carry a request to it: audit-lab timestamp BUNDLE --request FILE"
        raise AuditLabError(message, next_step) from error
    finally:
        connection.close()
    if status != _TAKEN:
        raise AuditLabError(f"The time-stamping authority {address} answered with status {status}", "Check its address")
    return content
