"""A rotation holds only when both keys signed it; a trust file is changed where it must be, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit_lab.errors import MisuseError
from audit_lab.seal.envelope import Envelope, sign_envelope
from audit_lab.seal.key_rotation import parse_rotation, rotation_envelope
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.trust import Trust, TrustedKey, format_trust
from audit_lab.seal.trust_edit import named_key, with_revocation, with_rotation

OLD, NEW, OTHER = (
    SigningKey(name, Ed25519PrivateKey.from_private_bytes(bytes(range(at, at + 32))))
    for at, name in enumerate(("rex", "rex-2027", "mallory"))
)
AT = "2027-01-01T00:00:00.000000Z"
CONTENT = rotation_envelope(OLD, NEW, AT, "yearly")
TRUST = "# mine\n" + format_trust(
    [TrustedKey(OLD.public, "sign-off", "bank"), TrustedKey(OLD.public, "investigator", "*")]
)


def test_a_rotation_is_read_back():
    found = parse_rotation(CONTENT, "r")
    assert (found.old, found.new, found.at, found.reason) == (OLD.public, NEW.public, AT, "yearly")


@pytest.mark.parametrize("keys", [[OLD], [NEW], [OLD, OTHER], [OLD, NEW, OTHER]])
def test_both_keys_and_nobody_else_sign(keys):
    envelope = Envelope.parse(CONTENT, "r")
    with pytest.raises(MalformedError, match="not signed by both keys"):
        parse_rotation(sign_envelope(envelope.payload, envelope.payload_type, keys), "r")


def test_what_is_no_rotation_is_refused():
    envelope = Envelope.parse(CONTENT, "r")
    for payload, kind in ((envelope.payload, "application/json"), (envelope.payload.replace(b"Z", b"X"), None)):
        with pytest.raises(MalformedError) as caught:
            parse_rotation(sign_envelope(payload, kind or envelope.payload_type, [OLD, NEW]), "r")
        assert caught.value.code == "key-rotation.malformed"
    renamed = SigningKey("rex-again", OLD.private)
    with pytest.raises(MalformedError, match="names the same key twice"):
        parse_rotation(rotation_envelope(OLD, renamed, AT, ""), "r")


def test_the_new_key_is_accepted_as_the_old_one_was():
    changed = with_rotation(TRUST, "t", parse_rotation(CONTENT, "r"))
    assert changed.startswith(TRUST.rstrip())
    assert [(key.public.name, key.role, key.origin) for key in Trust.parse(changed, "t").keys] == [
        ("rex", "sign-off", "bank"),
        ("rex", "investigator", "*"),
        ("rex-2027", "sign-off", "bank"),
        ("rex-2027", "investigator", "*"),
    ]


def test_a_rotation_leads_on_from_an_accepted_key_only():
    rotation = parse_rotation(CONTENT, "r")
    with pytest.raises(MisuseError, match="does not accept rex"):
        with_rotation(format_trust([TrustedKey(OTHER.public, "sign-off", "*")]), "t", rotation)
    revoked = with_revocation(TRUST, "t", OLD.public, datetime(2026, 6, 1, tzinfo=UTC))
    with pytest.raises(MisuseError, match="rex is revoked"):
        with_rotation(revoked, "t", rotation)


def test_a_revocation_reaches_every_role_and_keeps_the_comments():
    revoked = with_revocation(TRUST, "t", OLD.public, datetime(2026, 6, 1, tzinfo=UTC))
    assert revoked.startswith("# mine\n")
    assert revoked.count("revoked_from = 2026-06-01T00:00:00Z") == 2
    assert revoked.replace("revoked_from = 2026-06-01T00:00:00Z\n", "") == TRUST


def test_a_trust_file_in_a_form_of_its_own_is_told_what_to_add():
    inline = (
        f'format = "audit_lab.trust"\nversion = 1\nkey = [{{public = "{OLD.public}", role = "log", origin = "*"}}]\n'
    )
    with pytest.raises(MisuseError, match="does not name rex in a line of its own") as caught:
        with_revocation(inline, "t", OLD.public, datetime(2026, 6, 1, tzinfo=UTC))
    assert "revoked_from = 2026-06-01T00:00:00Z" in str(caught.value)


def test_a_key_is_named_by_its_name_or_the_start_of_its_id():
    trust = Trust.parse(TRUST, "t")
    assert named_key(trust, "rex") == named_key(trust, OLD.public.key_id[:8]) == OLD.public
    for name in (OLD.public.key_id[:7], "max"):
        with pytest.raises(MisuseError, match="has no key called"):
            named_key(trust, name)
