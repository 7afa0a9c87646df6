"""The vault: what it keeps, where it may lie, and what stays after a crash between any two of its steps."""

from __future__ import annotations

import os
import stat

import pytest

from audit_lab.errors import LogError, MisuseError, StorageError
from audit_lab.log.files import durable, private_file
from audit_lab.log.keys import signing_keys
from audit_lab.log.keys.vault import Vault, vault_folder
from audit_lab.seal import key_file
from audit_lab.seal.keys import SigningKey

ORIGIN = "bank.example/loans"
PASSPHRASE = b"correct horse"


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch):
    monkeypatch.setattr(key_file, "_COST", 2)


@pytest.fixture
def vault(tmp_path):
    return Vault.create(ORIGIN, tmp_path / "vault", passphrase=PASSPHRASE)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def current(vault):
    return Vault.open(ORIGIN, vault.folder, passphrase=PASSPHRASE)


def only_key(vault):
    (key,) = vault._keys.values()
    return key


def test_default_place_is_the_users_state_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert vault_folder(ORIGIN) == tmp_path / "state" / "audit_lab" / "vaults" / "bank.example_loans"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert vault_folder("a") == tmp_path / ".local" / "state" / "audit_lab" / "vaults" / "a"


def test_only_the_owner_reads_it_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        made = Vault.create(ORIGIN, tmp_path / "vault", passphrase=PASSPHRASE)
        made.new_row_keys("inputs/loans", "a1", 2)
    finally:
        os.umask(before)
    folders = ("", "row_keys", "row_keys/inputs", "row_keys/inputs/loans")
    assert [mode(made.folder / name) for name in folders] == [0o700] * 4
    files = ("log.key", "digest.key", "row_keys/inputs/loans/a1.keys")
    assert [mode(made.folder / name) for name in files] == [0o600] * 3


@pytest.mark.parametrize("place", ["log", "log/vault", "log/a/../vault", "link/vault"])
@pytest.mark.parametrize("way", [Vault.create, Vault.open])
def test_a_vault_inside_the_log_is_refused(tmp_path, place, way):
    (tmp_path / "log" / "vault").mkdir(parents=True, mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "log")
    with pytest.raises(MisuseError, match="lies inside the log"):
        way(ORIGIN, tmp_path / place, passphrase=PASSPHRASE, log=tmp_path / "log")


def test_a_vault_that_others_can_read_is_refused(vault):
    vault.folder.chmod(0o755)
    with pytest.raises(MisuseError, match=r"can be read by others\. Run: chmod 700"):
        current(vault)


def test_the_vault_of_another_log_is_refused(vault):
    with pytest.raises(MisuseError, match="is the vault of the log bank.example/loans, not of other"):
        Vault.open("other", vault.folder, passphrase=PASSPHRASE)
    with pytest.raises(MisuseError, match="is the vault of the log bank.example/loans, not of other"):
        Vault.create("other", vault.folder, passphrase=PASSPHRASE)


def test_a_missing_vault_is_named(tmp_path):
    with pytest.raises(MisuseError, match="There is no vault .*none"):
        Vault.open(ORIGIN, tmp_path / "none", passphrase=PASSPHRASE)


def test_created_again_it_is_the_same_vault(vault):
    key = only_key(vault)
    again = Vault.create(ORIGIN, vault.folder, passphrase=PASSPHRASE)
    assert again.signing_key(key.public).public == key.public


def test_the_first_key_can_be_given(tmp_path):
    key = SigningKey.generate(ORIGIN)
    made = Vault.create(ORIGIN, tmp_path / "vault", passphrase=PASSPHRASE, key=key)
    assert current(made).signing_key(key.public).public == key.public
    with pytest.raises(MisuseError, match="The key bank.example/loans cannot sign the log other"):
        Vault.create("other", tmp_path / "other", passphrase=PASSPHRASE, key=key)


def test_the_key_is_never_written_in_the_clear_and_needs_its_passphrase(vault):
    key = only_key(vault)
    assert b"ENCRYPTED PRIVATE KEY" in (vault.folder / "log.key").read_bytes()
    with pytest.raises(MisuseError, match="does not open with this passphrase"):
        Vault.open(ORIGIN, vault.folder, passphrase=b"wrong").signing_key(key.public)
    with pytest.raises(MisuseError, match="The passphrase is empty"):
        Vault.create("other", vault.folder.parent / "other", passphrase=b"")


def test_the_passphrase_is_asked_for_once_and_only_to_sign(vault, monkeypatch):
    public = only_key(vault).public
    opened = Vault.open(ORIGIN, vault.folder, passphrase="env:SECRET")
    opened.new_row_keys("predictions", "s1", 1)
    monkeypatch.setenv("SECRET", PASSPHRASE.decode())
    opened.signing_key(public)
    monkeypatch.delenv("SECRET")
    opened.prepare_key()


def test_a_demonstration_log_asks_for_no_passphrase(tmp_path):
    made = Vault.create("demonstration-flights", tmp_path / "vault")
    public = only_key(made).public
    assert public.is_demonstration
    assert Vault.open("demonstration-flights", tmp_path / "vault").signing_key(public).public == public


def test_row_keys_are_kept_and_never_made_twice(vault):
    keys = vault.new_row_keys("predictions", "s1", 3)
    assert len(keys) == 96
    assert current(vault).row_keys("predictions", "s1") == keys
    assert vault.row_keys("outcomes", "s1") is None
    assert vault.new_row_keys("outcomes", "s1", 0) == b""
    with pytest.raises(MisuseError, match="has row keys of predictions/s1 already"):
        vault.new_row_keys("predictions", "s1", 3)


@pytest.mark.parametrize(("table", "segment"), [("../..", "x"), ("predictions", "../../../x")])
def test_a_segment_name_never_leads_out_of_the_vault(vault, table, segment):
    with pytest.raises(LogError, match="names a file outside itself"):
        vault.new_row_keys(table, segment, 1)


def test_destroyed_row_keys_are_zeros_in_place_and_the_others_stay(vault):
    keys = vault.new_row_keys("predictions", "s1", 5)
    inode = (vault.folder / "row_keys" / "predictions" / "s1.keys").stat().st_ino
    vault.destroy_row_keys("predictions", "s1", [3, 1, 4, 1])
    assert vault.row_keys("predictions", "s1") == keys[:32] + bytes(32) + keys[64:96] + bytes(64)
    assert (vault.folder / "row_keys" / "predictions" / "s1.keys").stat().st_ino == inode


def test_row_keys_that_are_not_there_are_named(vault):
    vault.new_row_keys("predictions", "s1", 2)
    with pytest.raises(LogError, match="no key of row 2 of predictions/s1"):
        vault.destroy_row_keys("predictions", "s1", [0, 2])
    with pytest.raises(LogError, match="no row keys of predictions/s9"):
        vault.destroy_row_keys("predictions", "s9", [0])


def test_row_keys_of_a_segment_never_sealed_can_be_dropped(vault):
    vault.new_row_keys("predictions", "s1", 2)
    vault.drop_row_keys("predictions", "s1")
    vault.drop_row_keys("predictions", "s1")
    assert vault.row_keys("predictions", "s1") is None


def test_keyed_digests_need_the_vault(vault, tmp_path):
    other = Vault.create(ORIGIN, tmp_path / "second", passphrase=PASSPHRASE)
    (vault.folder / "digest.key").write_bytes(bytes(range(32)))
    # printf 'subject\0jane' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102..1f
    assert vault.keyed_digest("subject", "jane") == "69e6f373d27675927c04aefcd0e984e89670d6816da45864d91831788fe16b06"
    assert vault.keyed_digest("prediction", "jane") != vault.keyed_digest("subject", "jane")
    assert other.keyed_digest("subject", "jane") != vault.keyed_digest("subject", "jane")


def test_after_a_rotation_only_the_new_key_is_left(vault):
    old = only_key(vault)
    new = vault.prepare_key()
    assert vault.signing_key(old.public).public == old.public
    inode = (vault.folder / "log.key").stat().st_ino
    kept = os.open(vault.folder / "log.key", os.O_RDONLY)
    vault.adopt_key(new.public)
    assert set(os.read(kept, 10_000)) == {0}, "the old key's bytes were overwritten before its name went"
    os.close(kept)
    assert (vault.folder / "log.key").stat().st_ino != inode
    assert sorted(path.name for path in vault.folder.iterdir()) == ["digest.key", "log.key", "row_keys"]
    assert current(vault).signing_key(new.public).public == new.public
    for holder in (vault, current(vault)):
        with pytest.raises(LogError, match="does not hold the key that signs the log now"):
            holder.signing_key(old.public)


def test_a_prepared_key_that_was_never_sealed_goes(vault):
    old = only_key(vault)
    abandoned = vault.prepare_key()
    prepared = current(vault).prepare_key()
    assert prepared.public != abandoned.public
    again = current(vault)
    again.adopt_key(old.public)
    assert not (vault.folder / "log.next.key").exists()
    with pytest.raises(LogError, match="does not hold the key"):
        current(vault).signing_key(prepared.public)


class Stopped(BaseException):
    """The machine stops here."""


STEPS = ("mkstemp", "fsync", "replace", "sync_folder", "overwrite_file")


def stop_at(monkeypatch, count):
    """Let the machine stop at the `count`-th step that changes the vault; return the list of steps done."""
    done = []

    def stopping(name, function):
        def step(*arguments, **named):
            if len(done) == count:
                raise Stopped
            done.append(name)
            return function(*arguments, **named)

        return step

    monkeypatch.setattr(durable.tempfile, "mkstemp", stopping("mkstemp", durable.tempfile.mkstemp))
    monkeypatch.setattr(durable.os, "fsync", stopping("fsync", os.fsync))
    monkeypatch.setattr(durable.Path, "replace", stopping("replace", durable.Path.replace))
    monkeypatch.setattr(signing_keys, "overwrite_file", stopping("overwrite_file", private_file.overwrite_file))
    monkeypatch.setattr(signing_keys, "sync_folder", stopping("sync_folder", durable.sync_folder))
    return done


def test_a_crash_at_any_step_of_a_rotation_leaves_a_key_to_continue_with(tmp_path, monkeypatch):
    outcomes = []
    for count in range(40):
        vault = Vault.create(ORIGIN, tmp_path / str(count), passphrase=PASSPHRASE)
        in_force = only_key(vault).public
        finished = False
        with monkeypatch.context() as patched:
            done = stop_at(patched, count)
            try:
                prepared = vault.prepare_key().public
                in_force = prepared  # the rotation is sealed here
                vault.adopt_key(prepared)
                finished = True
            except Stopped:
                pass
        again = current(vault)
        assert again.signing_key(in_force).public == in_force
        again.adopt_key(in_force)
        assert only_key(again).public == in_force
        assert current(vault).signing_key(in_force).public == in_force
        following = again.prepare_key().public
        again.adopt_key(following)
        assert current(vault).signing_key(following).public == following
        outcomes.append(finished)
        if finished:
            break
    assert done == [
        "mkstemp",
        "fsync",
        "replace",
        "fsync",
        "overwrite_file",
        "fsync",
        "replace",
        "sync_folder",
        "fsync",
    ]
    assert outcomes == [False] * 9 + [True]


def test_a_disk_that_refuses_is_a_sentence_and_the_key_stays(vault, monkeypatch):
    import errno

    key = only_key(vault)
    with monkeypatch.context() as patched:
        patched.setattr(durable.os, "fsync", raising(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(StorageError, match=r"cannot write to the vault .*: the disk is full\. Free some space"):
            vault.new_row_keys("predictions", "s1", 3)
        with pytest.raises(StorageError, match="the disk is full"):
            vault.prepare_key()
    assert current(vault).signing_key(key.public).public == key.public
    assert vault.row_keys("predictions", "s1") is None
    assert not [path for path in vault.folder.rglob("*") if path.name.endswith(".tmp")]
    vault.new_row_keys("predictions", "s1", 3)


def raising(error):
    def step(*_):
        raise error

    return step


def test_an_overwritten_prepared_key_is_cleared_away(vault):
    key = only_key(vault)
    vault.prepare_key()
    path = vault.folder / "log.next.key"
    path.write_bytes(bytes(path.stat().st_size))
    again = current(vault)
    assert again.has_prepared_key()
    again.adopt_key(key.public)
    assert not again.has_prepared_key()


def test_row_keys_are_on_disk_before_they_are_handed_out(vault, monkeypatch):
    done = stop_at(monkeypatch, 99)
    vault.new_row_keys("predictions", "s1", 1)
    assert done == ["fsync", "mkstemp", "fsync", "replace", "fsync"]
