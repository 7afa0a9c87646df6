from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.errors import MisuseError
from audit_lab.seal.keys import SMALL_ORDER_Y, PublicKey, SigningKey
from audit_lab.seal.malformed import MalformedError

# The verifier key of the Go checksum database: a key string that nobody here wrote.
SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
PRIME = 2**255 - 19


def test_reads_and_writes_the_public_key_of_another_project():
    key = PublicKey.parse(SUMDB)
    assert key.name == "sum.golang.org"
    assert str(key) == SUMDB
    assert key.key_id.startswith("033de0ae")


def test_reads_and_writes_the_key_of_a_public_witness():
    line = "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G"
    key = PublicKey.parse(line)
    assert key.is_cosigner
    assert str(key) == line
    assert key.key_hash.hex() == "a3e00fe2"
    assert not PublicKey.parse(SUMDB).is_cosigner


def test_one_secret_gives_different_keys_for_signing_and_for_cosigning():
    key = SigningKey("w.example/w", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    assert key.cosigner.raw == key.public.raw
    assert key.cosigner.key_id != key.public.key_id
    assert PublicKey.parse(str(key.cosigner)) == key.cosigner


def _line(name, raw, *, algorithm=b"\x01"):
    digest = hashlib.sha256(name.encode() + b"\n" + algorithm + raw).hexdigest()[:8]
    return name + "+" + digest + "+" + base64.b64encode(algorithm + raw).decode()


def _add(one, two):
    """Add two points of the twisted Edwards curve (RFC 8032, section 5.1.4, affine form)."""
    d = -121665 * pow(121666, -1, PRIME) % PRIME
    x1, y1 = one
    x2, y2 = two
    product = d * x1 * x2 * y1 * y2 % PRIME
    x3 = (x1 * y2 + x2 * y1) * pow(1 + product, -1, PRIME) % PRIME
    return x3, (y1 * y2 + x1 * x2) * pow(1 - product, -1, PRIME) % PRIME


def _point(y):
    d = -121665 * pow(121666, -1, PRIME) % PRIME
    square = (y * y - 1) * pow(d * y * y + 1, -1, PRIME) % PRIME
    x = pow(square, (PRIME + 3) // 8, PRIME)
    if x * x % PRIME != square:
        x = x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    assert x * x % PRIME == square
    return x, y


def test_the_refused_points_are_those_that_eight_makes_neutral():
    assert len(SMALL_ORDER_Y) == 5  # y of eight points, three pairs of which share theirs
    for y in SMALL_ORDER_Y:
        point = _point(y)
        for _ in range(3):
            point = _add(point, point)
        assert point == (0, 1)


@pytest.mark.parametrize("y", [*sorted(SMALL_ORDER_Y), PRIME, PRIME + 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_keys_of_small_order_are_refused(y, sign):
    raw = (y | sign << 255).to_bytes(32, "little")
    with pytest.raises(MalformedError) as caught:
        PublicKey.parse(_line("mallory", raw))
    assert caught.value.code == "key.small-order"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jane",
        SUMDB.replace("033de0ae", "033de0af"),
        SUMDB.replace("+Ac4", "+As4"),
        _line("jane", bytes(range(32)), algorithm=b"\x02"),
        _line("jane", bytes(range(32)), algorithm=b"\x05"),
        SUMDB + "=",
        SUMDB + "\n",
        SUMDB.replace("sum.golang.org", "sum golang"),
    ],
)
def test_a_damaged_key_is_refused(text):
    with pytest.raises(MalformedError) as caught:
        PublicKey.parse(text)
    assert caught.value.code == "key.malformed"


def test_signs_the_known_answer_of_the_standard():
    # RFC 8032, section 7.1, test 2.
    secret = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    key = SigningKey("jane", Ed25519PrivateKey.from_private_bytes(secret))
    assert key.public.raw.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )


def test_a_demonstration_key_says_so():
    assert SigningKey.generate("demonstration-x").public.is_demonstration
    assert not SigningKey.generate("jane").public.is_demonstration


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "../" * 40, "-x"])
def test_a_name_that_cannot_stand_in_a_note_is_refused(name):
    with pytest.raises(MisuseError):
        SigningKey.generate(name)


def test_the_secret_is_never_shown():
    key = SigningKey("jane", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    assert repr(key) == f"SigningKey('jane', key id {key.public.key_id[:16]})"
