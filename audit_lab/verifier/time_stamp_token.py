"""Time-stamp tokens (RFC 3161, in the signed data of RFC 5652), checked with the standard library and cryptography.

Certificates in a token are a way to a certificate that the reader pinned, and never trusted by themselves. Revocation
lists are not looked at: nothing is fetched.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from audit_lab.seal.der import INTEGER, OCTET_STRING, SEQUENCE, SET, DerElement
from audit_lab.seal.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from audit_lab.seal.trust import TrustedAuthority

__all__ = ["MOST_TOKEN_BYTES", "StampedTime", "check_token"]

#: A larger answer than this is not looked into.
MOST_TOKEN_BYTES = 65_536

_SIGNED_DATA, _STAMPED_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    _SHA256: hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
#: What a signature algorithm says of the digest; None: it leaves that to the digest algorithm.
_RSA = {
    "1.2.840.113549.1.1.1": None,
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
}
_ECDSA = {
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
}
_ED25519 = "1.3.101.112"
_FIRST, _NULL = 0xA0, b"\x05\x00"
#: Versions of the signed data (RFC 5652, section 5.1: it is around no plain data) and of who signed it.
_DATA_VERSION, _SIGNER_VERSION = 3, 1
_MILLISECONDS, _MICROSECONDS = 0x80, 0x81
_MOST_CERTIFICATES = 8
#: What reading somebody's certificate can end in.
_UNREADABLE = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
_NEXT = "Ask whoever had it stamped for the authority's answer as it came"


@dataclass(frozen=True)
class StampedTime:
    """What a token that holds says: which authority, what time (UTC), and how far that may be off."""

    authority: str
    time: datetime
    accuracy: timedelta

    def is_before(self, moment: datetime, clocks_apart: timedelta) -> bool:
        """Whether the token was certainly made before a moment, by clocks that may be apart; it may omit fractions."""
        return self.time + self.accuracy + clocks_apart < moment.replace(microsecond=0)


def check_token(answer: bytes, content: bytes, authorities: Iterable[TrustedAuthority], name: str) -> StampedTime:
    """Check an authority's answer (TimeStampResp, DER) over `content`.

    Parameters
    ----------
    answer
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
        Codes ``timestamp.malformed``, ``timestamp.not-sha256``, ``timestamp.other-bytes``, ``timestamp.invalid`` (the
        signature does not hold) and ``timestamp.authority-not-trusted``.
    """
    if len(answer) > MOST_TOKEN_BYTES:
        raise _refused(name, "is larger than a token can be", "malformed")
    try:
        signed = _SignedData(_token(answer, name), name)
        info = _StampedInfo(signed.content, name)
        digest, imprint = info.imprint
        moment, accuracy = info.time, info.accuracy
        signer = signed.signer()
    except MalformedError as error:
        if error.code.startswith("timestamp."):
            raise
        raise _refused(name, f"is not a time-stamp answer ({error.message})", "malformed") from error
    except (IndexError, *_UNREADABLE) as error:
        raise _refused(name, "is not a time-stamp answer", "malformed") from error
    if digest != _SHA256:
        raise _refused(name, "is a token over another digest than SHA-256", "not-sha256")
    if imprint != hashlib.sha256(content).digest():
        raise _refused(name, "is a token over other bytes", "other-bytes")
    for authority in authorities:
        if _leads_to(signer, moment, signed.certificates, authority.certificates):
            return StampedTime(authority.name, moment, accuracy)
    raise MalformedError(
        f"{name} is a token of no authority that is accepted here",
        "Get the authority's root certificate from the authority itself, and pin it in the trust file",
        "timestamp.authority-not-trusted",
    )


def _token(answer: bytes, name: str) -> DerElement:
    """Return the token of an answer that grants one."""
    status, *token = DerElement.parse(answer, name).expect(SEQUENCE, name).children(name)
    granted = status.expect(SEQUENCE, name).children(name)[0].expect(INTEGER, name).integer(name) == 0
    if not granted or len(token) != 1:
        raise _refused(name, "is an answer without a token", "malformed")
    return token[0].expect(SEQUENCE, name)


class _SignedData:
    """Signed data around a TSTInfo, with one signer; `content` is the encoded TSTInfo."""

    def __init__(self, token: DerElement, name: str) -> None:
        self._name = name
        kind, wrapped = token.children(name)
        parts = wrapped.expect(_FIRST, name).only_child(name).expect(SEQUENCE, name).children(name)
        content_kind, content = parts[2].expect(SEQUENCE, name).children(name)
        if (kind.identifier(name), content_kind.identifier(name)) != (_SIGNED_DATA, _STAMPED_INFO):
            raise _refused(name, "is no signed time stamp", "malformed")
        self.content = content.expect(_FIRST, name).only_child(name).expect(OCTET_STRING, name).content
        embedded = [each for part in parts[3:-1] if part.tag == _FIRST for each in part.children(name)]
        if len(embedded) > _MOST_CERTIFICATES:
            raise _refused(name, f"carries more than {_MOST_CERTIFICATES} certificates", "malformed")
        self.certificates = [_certificate(each, name) for each in embedded]
        if parts[0].expect(INTEGER, name).integer(name) != _DATA_VERSION:
            raise _refused(name, "is signed data of another version", "malformed")
        self._digests = {_algorithm(each, name) for each in parts[1].expect(SET, name).children(name)}
        (self._signer,) = (
            each.expect(SEQUENCE, name).children(name) for each in parts[-1].expect(SET, name).children(name)
        )

    def signer(self) -> x509.Certificate:
        """Return the certificate of the signer, whose signature over the content holds."""
        name = self._name
        version, identity, digest, attributes, algorithm, signature, *_ = self._signer
        over = _DIGESTS.get(_algorithm(digest, name))
        if version.expect(INTEGER, name).integer(name) != _SIGNER_VERSION:
            raise _refused(name, "names its signer in another way than by a serial number", "malformed")
        if over is None or self._digests != {_algorithm(digest, name)}:
            raise _refused(name, "is signed over a digest that is not accepted", "malformed")
        stated = _attributes(attributes.expect(_FIRST, name), name)
        certificate = self._certificate_of(identity)
        holds = (
            stated[_CONTENT_TYPE].identifier(name) == _STAMPED_INFO
            and stated[_MESSAGE_DIGEST].expect(OCTET_STRING, name).content == _digest(over, self.content)
            and _names(stated, certificate, name)
            and _is_for_stamps(certificate)
        )
        signed, value = bytes([SET]) + attributes.encoding[1:], signature.expect(OCTET_STRING, name).content
        if not holds or not _accepts(certificate, _algorithm(algorithm, name), over, value, signed):
            raise _refused(name, "bears a signature that does not hold", "invalid")
        return certificate

    def _certificate_of(self, identity: DerElement) -> x509.Certificate:
        issuer, serial = identity.expect(SEQUENCE, self._name).children(self._name)
        number = serial.expect(INTEGER, self._name).integer(self._name)
        for certificate in self.certificates:
            if (certificate.issuer.public_bytes(), certificate.serial_number) == (issuer.encoding, number):
                return certificate
        raise _refused(self._name, "does not carry the certificate of its signer", "malformed")


class _StampedInfo:
    """The TSTInfo of a token: over what, when, and how exactly."""

    def __init__(self, content: bytes, name: str) -> None:
        version, policy, imprint, serial, moment, *more = (
            DerElement.parse(content, name).expect(SEQUENCE, name).children(name)
        )
        if version.expect(INTEGER, name).integer(name) != 1:
            raise _refused(name, "is of another version than 1", "malformed")
        policy.identifier(name)
        serial.expect(INTEGER, name)
        algorithm, value = imprint.expect(SEQUENCE, name).children(name)
        self.imprint = (_algorithm(algorithm, name), value.expect(OCTET_STRING, name).content)
        self.time = moment.time(name)
        parts = more[0].children(name) if more and more[0].tag == SEQUENCE else []
        found = {part.tag: part.integer(name) for part in parts}
        if any(value < 0 for value in found.values()):
            raise _refused(name, "states an accuracy below nothing", "malformed")
        self.accuracy = timedelta(
            seconds=found.get(INTEGER, 0),
            milliseconds=found.get(_MILLISECONDS, 0),
            microseconds=found.get(_MICROSECONDS, 0),
        )


def _certificate(element: DerElement, name: str) -> x509.Certificate:
    """Return a certificate; one that breaks RFC 5280 so that cryptography warns of it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return x509.load_der_x509_certificate(element.encoding)
        except Warning as warning:
            raise _refused(name, "carries a certificate that is not in its form", "malformed") from warning


def _algorithm(element: DerElement, name: str) -> str:
    """Return which algorithm is named; none that is accepted has parameters."""
    kind, *parameters = element.expect(SEQUENCE, name).children(name)
    if [each.encoding for each in parameters] not in ([], [_NULL]):
        raise _refused(name, "names an algorithm with parameters", "malformed")
    return kind.identifier(name)


def _attributes(element: DerElement, name: str) -> dict[str, DerElement]:
    """Return the signed attributes by kind; each stands there once, with one value."""
    found: dict[str, DerElement] = {}
    for attribute in element.children(name):
        kind, values = attribute.expect(SEQUENCE, name).children(name)
        if kind.identifier(name) in found:
            raise _refused(name, "states an attribute twice", "malformed")
        found[kind.identifier(name)] = values.expect(SET, name).only_child(name)
    missing = {_CONTENT_TYPE, _MESSAGE_DIGEST} - found.keys()
    if missing or not {_SIGNING_CERTIFICATE, _SIGNING_CERTIFICATE_V2} & found.keys():
        raise _refused(name, "does not state what it signs, and with which certificate", "malformed")
    return found


def _names(stated: dict[str, DerElement], certificate: x509.Certificate, name: str) -> bool:
    """Whether the signed attributes name the signer's certificate by its digest (RFC 5035; RFC 2634 knew SHA-1)."""
    encoded = certificate.public_bytes(Encoding.DER)
    if _SIGNING_CERTIFICATE_V2 in stated:
        first = stated[_SIGNING_CERTIFICATE_V2].children(name)[0].children(name)[0].children(name)
        over = _DIGESTS.get(_algorithm(first[0], name)) if first[0].tag == SEQUENCE else _DIGESTS[_SHA256]
        value = first[1] if first[0].tag == SEQUENCE else first[0]
        return over is not None and value.expect(OCTET_STRING, name).content == _digest(over, encoded)
    value = stated[_SIGNING_CERTIFICATE].children(name)[0].children(name)[0].children(name)[0]
    # A name, not a signature: the signature is over the other attributes too, and never SHA-1.
    return value.expect(OCTET_STRING, name).content == hashlib.sha1(encoded, usedforsecurity=False).digest()


def _is_for_stamps(certificate: x509.Certificate) -> bool:
    """Whether a certificate is for time stamps alone, and says so as critical (RFC 3161, section 2.3)."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return usage.critical and list(usage.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def _accepts(
    certificate: x509.Certificate, algorithm: str, over: hashes.HashAlgorithm, signature: bytes, signed: bytes
) -> bool:
    """Whether a certificate's key made a signature."""
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm in _RSA:
            key.verify(signature, signed, padding.PKCS1v15(), _RSA[algorithm] or over)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm in _ECDSA:
            key.verify(signature, signed, ec.ECDSA(_ECDSA[algorithm]))
        elif isinstance(key, ed25519.Ed25519PublicKey) and algorithm == _ED25519:
            key.verify(signature, signed)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _leads_to(
    certificate: x509.Certificate,
    moment: datetime,
    on_the_way: Sequence[x509.Certificate],
    pinned: Sequence[x509.Certificate],
) -> bool:
    """Whether certificates lead from a signer's to a pinned one, each valid at a moment; each is tried once."""
    waiting, seen = [certificate], {certificate}
    while waiting:
        current = waiting.pop()
        if not current.not_valid_before_utc <= moment <= current.not_valid_after_utc:
            continue
        if any(_issued(issuer, current, moment) for issuer in pinned):
            return True
        found = [issuer for issuer in on_the_way if issuer not in seen and _issued(issuer, current, moment)]
        seen.update(found)
        waiting += found
    return False


def _issued(issuer: x509.Certificate, certificate: x509.Certificate, moment: datetime) -> bool:
    """Whether an authority's certificate, valid at a moment, issued another one."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, InvalidSignature, *_UNREADABLE):
        return False
    return constraints.ca and issuer.not_valid_before_utc <= moment <= issuer.not_valid_after_utc


def _digest(algorithm: hashes.HashAlgorithm, content: bytes) -> bytes:
    return hashlib.new(algorithm.name, content).digest()


def _refused(name: str, what: str, reason: str) -> MalformedError:
    return MalformedError(f"{name} {what}", _NEXT, f"timestamp.{reason}")
