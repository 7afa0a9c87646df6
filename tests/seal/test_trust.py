from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit_lab.errors import MisuseError
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey, format_trust

KEY = SigningKey.generate("jane").public
HEAD = 'format = "audit_lab.trust"\nversion = 1\n'


def test_an_empty_trust_accepts_nothing():
    assert Trust().pinned(KEY.key_id, "investigator") == ()
    assert Trust.parse(HEAD, "t").pinned(KEY.key_id, "investigator") == ()


def test_a_key_is_accepted_for_its_role_only():
    trust = Trust((TrustedKey(KEY, "investigator", "*"),))
    assert len(trust.pinned(KEY.key_id, "investigator")) == 1
    assert trust.pinned(KEY.key_id, "log") == ()


def test_a_trust_file_reads_back():
    key = TrustedKey(KEY, "investigator", 'a "quoted" \\ log', datetime(2026, 5, 1, tzinfo=UTC))
    assert Trust.parse(format_trust([key]), "t").keys == (key,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "format = ",
        HEAD.replace("1", "2"),
        HEAD + "other = 1\n",
        HEAD + f'[[key]]\npublic = "{KEY}"\nrole = "investigator"\n',
        HEAD + f'[[key]]\npublic = "{KEY}"\nrole = "king"\norigin = "*"\n',
        HEAD + f'[[key]]\npublic = "{KEY}"\nrole = "log"\norigin = "*"\nextra = 1\n',
        HEAD + f'[[key]]\npublic = "{KEY}"\nrole = "log"\norigin = "*"\nrevoked_from = 2026-05-01T00:00:00\n',
        HEAD + f'[[key]]\npublic = "{KEY}x"\nrole = "log"\norigin = "*"\n',
        HEAD
        + '[[key]]\npublic = "m+f0a2b1f5+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"\nrole = "log"\norigin = "*"\n',
    ],
)
def test_a_damaged_trust_file_is_refused(text):
    with pytest.raises(MisuseError, match="trust file t"):
        Trust.parse(text, "t")


def test_a_witness_has_the_key_of_a_cosigner_and_nobody_else_has():
    witness = SigningKey.generate("w.example/w")
    key = TrustedKey(witness.cosigner, "witness", "*")
    assert Trust.parse(format_trust([key]), "t").keys == (key,)
    for public, role in ((witness.public, "witness"), (witness.cosigner, "log"), (witness.cosigner, "investigator")):
        with pytest.raises(MisuseError, match="a key of another kind"):
            Trust.parse(format_trust([TrustedKey(public, role, "*")]), "t")


def test_a_missing_trust_file_is_refused(tmp_path):
    with pytest.raises(MisuseError, match="cannot be read"):
        Trust.read(tmp_path / "none.toml")


def test_holder_roles_and_end_read_back():
    end = datetime(2027, 1, 1, tzinfo=UTC)
    key = TrustedKey(KEY, "sign-off", "*", None, end, 'Rex "R" Holm', ("reviewer", "approver"))
    assert Trust.parse(format_trust([key]), "t").keys == (key,)


@pytest.mark.parametrize(
    ("role", "held", "why"),
    [
        ("log", "person = 'Rex'", "a holder or an end"),
        ("log", "valid_until = 2027-01-01T00:00:00Z", "a holder or an end"),
        ("sign-off", "valid_until = 2027-01-01", "no time with a zone"),
        ("sign-off", "person = ''", "no name in one line"),
        ("sign-off", "person = 7", "no name in one line"),
        ("sign-off", "roles = ['judge']", "roles of a key"),
        ("sign-off", "roles = []", "roles of a key"),
        ("sign-off", "roles = 'reviewer'", "roles of a key"),
        ("investigator", "roles = ['investigator']", "roles of a key"),
    ],
)
def test_what_is_no_holder_or_end_is_refused(role, held, why):
    text = format_trust([TrustedKey(KEY, role, "*")]) + held
    with pytest.raises(MisuseError, match=why):
        Trust.parse(text, "t")
