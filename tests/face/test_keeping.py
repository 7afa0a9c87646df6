"""The face of a sealed log in Python: the same words as on the command line."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import AuditLabError, IntegrityError, MisuseError
from audit_lab.log.keys.pseudonym import PseudonymKey


def test_by_request_and_by_subject_give_places(sealed, key):
    log = al.open(sealed)
    assert log.by_request("r-3")["prediction_id"].to_list() == ["p-006", "p-007"]
    of_customer = log.by_subject(al.pseudonym("C-3", key))
    assert of_customer["prediction_id"].to_list() == ["p-003", "p-013", "p-023", "p-033"]
    assert log.decision(of_customer["place"][1]).prediction_id == "p-013"
    assert log.by_request("none").height == 0
    with pytest.raises(MisuseError, match="is text"):
        log.by_request(3)


def test_a_letter_finds_the_customer_s_decision_by_its_amount(sealed, key):
    log = al.open(sealed)
    income = log.inputs().filter(pl.col("prediction_id") == "p-013").collect()["income"][0]
    found = log.letter("C-3", amount=round(income), around="2024-03-04 23:00", zone="Europe/Rome", key=key)
    best = found.candidates[0]
    assert (best.prediction_id, best.matches) == ("p-013", 3)
    assert best.why.startswith("the subject is this customer; at the very time given; amount ")
    assert "(EUR) rounded" in best.why
    assert best.local_time == "2024-03-04 23:00:00+01:00"


def test_customer_and_subject_are_not_given_together(sealed, key):
    with pytest.raises(MisuseError, match="both given"):
        al.open(sealed).letter("C-3", subject="x", key=key)
    with pytest.raises(MisuseError, match="both given"):
        al.erase(sealed, actor="k", reason="r", subject="x", customer="C-3", key=key)


@pytest.mark.parametrize("decision", ["", "  ", 7])
def test_a_decision_that_is_no_word_is_refused(sealed, decision):
    with pytest.raises(MisuseError, match="decision is empty"):
        al.open(sealed).letter(decision=decision)


def test_explanations_of_erased_decisions_go_with_them(sealed, vault, key):
    from audit_lab.explain import ExplanationCache

    log = al.open(sealed)
    for prediction_id in ("p-013", "p-030"):
        log.decision(prediction_id).explain()
    cache = ExplanationCache()
    al.erase(sealed, actor="keeper", reason="request 12", customer="C-3", key=key, vault=vault)
    assert list(cache.folder.iterdir()) == [cache.folder_of("p-030")]


def test_explanations_that_cannot_be_looked_for_are_said_to_remain(sealed, vault, key, monkeypatch):
    from audit_lab.errors import LogError
    from audit_lab.face import keeping

    def fail(_):
        raise LogError("the entries cannot be read", "Verify the log.")

    monkeypatch.setattr(keeping, "forget_erased", fail)
    done = al.erase(sealed, actor="keeper", reason="request 12", customer="C-3", key=key, vault=vault)
    assert done.rows == {"inputs/loans": 4, "predictions": 4}
    assert done.remaining[-1] == (
        "explanations of the erased decisions may still be in this user's cache (the entries cannot be read)"
    )


def test_a_customer_is_erased_and_the_earlier_state_shows_nothing_of_it(sealed, vault, key):
    before = al.open(sealed).snapshots()["size"].max()
    done = al.erase(sealed, actor="keeper", reason="request 12", customer="C-3", key=key, vault=vault)
    assert done.rows == {"inputs/loans": 4, "predictions": 4}
    log = al.open(sealed)
    assert log.by_subject(al.pseudonym("C-3", key)).height == 0
    assert log.verify(vault=vault, remembered=False).holds
    earlier = al.open(sealed, as_of=int(before))
    assert earlier.by_subject(al.pseudonym("C-3", key)).height == 0
    assert earlier.predictions.select(pl.len()).collect().item() == 40


def test_a_hold_forbids_until_it_is_released(sealed, vault, key):
    subject = al.pseudonym("C-3", key)
    about = {"actor": "keeper", "reason": "lawsuit", "vault": vault}
    al.hold(sealed, "case-7", subjects=[subject], **about)
    with pytest.raises(MisuseError, match="case-7"):
        al.erase(sealed, subject=subject, **about)
    al.release(sealed, "case-7", **about)
    assert al.erase(sealed, subject=subject, **about).rows["predictions"] == 4


def test_a_proof_is_verified_without_the_log_and_a_changed_one_is_not(sealed, vault, tmp_path):
    from audit_lab.log.tree.genesis import genesis_of
    from audit_lab.seal.trust import TrustedKey, format_trust

    proof = al.open(sealed).prove("p-003", ["decision", "income"], vault=vault)
    assert proof.shown == {"predictions": ("prediction_id", "decision"), "inputs/loans": ("prediction_id", "income")}
    path = proof.save(tmp_path / "p-003.proof.json")
    key = genesis_of(sealed).log_key
    (tmp_path / "log.toml").write_text(format_trust([TrustedKey(key, "log", key.name)]))
    report = al.verify(path, tmp_path / "log.toml")
    assert report.verdict == "UNANCHORED"
    assert report.subject.startswith("record proof of 'p-003'")
    with pytest.raises(IntegrityError):
        al.verify(path)
    path.write_bytes(path.read_bytes().replace(b"deny", b"gift").replace(b"approve", b"declare"))
    with pytest.raises(IntegrityError):
        al.verify(path, tmp_path / "log.toml")
    with pytest.raises(MisuseError, match="only the check of a log takes"):
        al.verify(path, tmp_path / "log.toml", rows=False)


def test_a_proof_takes_the_usual_vault(sealed, vault, monkeypatch):
    from audit_lab.log.keys.vault import vault_folder

    with pytest.raises(MisuseError, match="vault"):
        al.open(sealed).prove("p-003")
    vault_folder(al.open(sealed).origin).parent.mkdir(parents=True)
    vault.rename(vault_folder(al.open(sealed).origin))
    assert len(al.open(sealed).prove("p-003").document.records) == 2


def test_snapshots_say_what_each_seal_added(sealed, vault):
    al.hold(sealed, "case-7", subjects=["s"], actor="keeper", reason="lawsuit", vault=vault)
    seals = al.open(sealed).snapshots()
    assert seals["what"].to_list() == [
        "genesis",
        "deployments +1; inputs/loans +40; lineage +4; model_versions +1; predictions +40",
        "outcomes +1",
        "hold case-7",
    ]
    assert seals["sealed_at"].dtype == pl.Datetime("us", "UTC")
    assert seals["size"].is_sorted()
    earlier = al.open(sealed, as_of=int(seals["size"][1]))
    assert earlier.outcomes.collect().height == 0
    assert earlier.snapshots()["size"].to_list() == seals["size"].to_list()[:2]
    at = seals["sealed_at"][1]
    assert al.open(sealed, as_of=at).outcomes.collect().height == 0


def test_a_log_that_is_not_sealed_has_one_state_only(make_log):
    log = al.open(make_log())
    with pytest.raises(MisuseError, match="is not sealed"):
        log.snapshots()
    with pytest.raises(MisuseError, match="is not sealed"):
        al.open(log.path, as_of=datetime(2024, 1, 1, tzinfo=UTC))


def test_verify_takes_a_log_by_path_and_opened(sealed, vault):
    by_path = al.verify(sealed, vault=vault, remembered=False)
    opened = al.open(sealed).verify(vault=str(vault), remembered=False)
    assert by_path == opened
    assert by_path.verdict == "UNANCHORED"
    with pytest.raises(IntegrityError):
        al.verify(sealed, require_anchor=True, remembered=False)


def test_a_log_that_lost_its_manifest_can_be_verified(sealed):
    (sealed / "manifest.json").unlink()
    with pytest.raises(IntegrityError) as failed:
        al.verify(sealed, remembered=False)
    assert {found.code for found in failed.value.report.findings} == {"log.manifest-missing"}


def test_progress_is_told_in_bytes_and_rows(sealed, vault):
    told = {}
    al.verify(
        sealed,
        vault=vault,
        remembered=False,
        progress=lambda what, count: told.__setitem__(what, told.get(what, 0) + count),
    )
    assert told["rows"] == 87
    assert told["files"] > 10_000


def test_an_old_trust_file_and_a_new_one_count_together(sealed, tmp_path):
    from audit_lab.log.tree.genesis import genesis_of
    from audit_lab.seal.trust import TrustedKey, format_trust

    key = genesis_of(sealed).log_key
    (tmp_path / "none.toml").write_text('format = "audit_lab.trust"\nversion = 1\n')
    (tmp_path / "log.toml").write_text(format_trust([TrustedKey(key, "log", key.name)]))
    alone = al.verify(sealed, tmp_path / "none.toml", remembered=False)
    both = al.verify(sealed, [tmp_path / "none.toml", tmp_path / "log.toml"], remembered=False)
    said = "the key was taken from the log itself"
    assert any(said in note for note in alone.notes)
    assert not any(said in note for note in both.notes)


def test_repr_says_what_was_opened(sealed):
    assert "; sealed, " in repr(al.open(sealed))


def test_the_public_names_are_those_of_the_command_line():
    from audit_lab.cli.app import application

    commands = {command.callback.__name__ for command in application().registered_commands}
    assert {"compact", "erase", "hold", "release", "verify"} <= commands & set(al.__all__)


def test_a_pseudonym_key_is_made_in_python_too(tmp_path):
    path = PseudonymKey.generate("bank").write(tmp_path)
    assert al.pseudonym("C-1", path) == al.pseudonym("C-1", PseudonymKey.read(path))
    with pytest.raises(AuditLabError):
        al.pseudonym("C-1", tmp_path / "none")
