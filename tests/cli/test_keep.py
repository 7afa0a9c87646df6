"""What whoever keeps a sealed log does from the command line, and what its readers then find."""

from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

ORIGIN = "demonstration-loans"


@pytest.fixture
def vault(sealed, tmp_path):
    return tmp_path.with_name(f"{tmp_path.name}.state") / "audit_lab" / "vaults" / ORIGIN


def findings(answer):
    return [found["code"] for found in answer.json["findings"]]


def test_a_log_is_sealed_and_verified(run, loans, tmp_path):
    answer = run("seal", loans, "--actor", "keeper", "--origin", ORIGIN, "--trust", tmp_path / "log.toml")
    assert answer.code == 0
    assert "is sealed from" in answer.out
    assert "Nothing is known about changes before." in " ".join(answer.out.split())
    report = run("verify", loans, "--trust", tmp_path / "log.toml", "--json").json
    assert report["verdict"] == "UNANCHORED"
    assert any("sealed on arrival" in note for note in report["notes"])


def test_a_second_verification_starts_from_the_first(run, sealed, tmp_path):
    assert run("verify", sealed, "--trust", tmp_path / "log.toml", "--json").json["verdict"] == "UNANCHORED"
    assert run("verify", sealed, "--trust", tmp_path / "log.toml", "--json").json["verdict"] == "VERIFIED"
    again = run("verify", sealed, "--trust", tmp_path / "log.toml", "--do-not-remember", "--json")
    assert again.json["verdict"] == "UNANCHORED"


def test_a_required_anchor_that_is_missing_fails(run, sealed, tmp_path):
    answer = run("verify", sealed, "--trust", tmp_path / "log.toml", "--require-anchor", "--do-not-remember", "--json")
    assert (answer.code, findings(answer)) == (1, ["log.no-anchor"])


def test_rows_of_personal_tables_are_checked_with_the_vault_only(run, sealed, vault, tmp_path):
    without = run("verify", sealed, "--json").json
    given = run("verify", sealed, "--vault", vault, "--json").json
    none = run("verify", sealed, "--no-rows", "--json").json
    assert any("vault" in each for each in without["not_checked"])
    assert not any("vault" in each for each in given["not_checked"])
    assert any("as was asked for" in each for each in none["not_checked"])


def test_a_changed_row_is_named(run, sealed, vault):
    (path,) = (sealed / "predictions").glob("*.parquet")
    changed = pl.read_parquet(path).with_columns(
        decision=pl.when(pl.col("prediction_id") == "p-003").then(pl.lit("gift")).otherwise("decision")
    )
    changed.write_parquet(path)
    answer = run("verify", sealed, "--vault", vault)
    assert answer.code == 1
    assert "p-003" in answer.out


def test_options_for_logs_are_misuse_for_a_bundle(run, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK")
    answer = run("verify", tmp_path / "x.zip", "--no-rows")
    assert answer.code == 2
    assert "only the check of a log takes rows" in answer.err


def test_snapshots_lists_what_can_be_opened(run, sealed):
    run("hold", sealed, "case-7", "--actor", "keeper", "--reason", "lawsuit", "--subject", "s-1")
    first, second = run("snapshots", "--log", sealed, "--json").json
    assert second["what"] == "hold case-7"
    assert "predictions +40" in first["what"]
    sizes = run("snapshots", "--log", sealed, "--as-of", first["size"], "--json").json
    assert [each["size"] for each in sizes] == [first["size"]]
    assert run("show", "--log", sealed, "--as-of", first["size"], "--json").json["tables"]["predictions"] == 40
    answer = run("show", "--log", sealed, "--as-of", "1999-01-01")
    assert answer.code == 2


def test_a_log_that_is_not_sealed_has_no_snapshots(run, loans):
    answer = run("snapshots", "--log", loans)
    assert answer.code == 2
    assert f"audit-lab seal {loans}" in answer.err


def test_an_erasure_waits_for_a_hold_and_leaves_a_log_that_verifies(run, sealed, vault):
    who = ("--actor", "keeper", "--reason", "request 12")
    assert run("hold", sealed, "case-7", *who, "--subject", "s-1").out == "The hold case-7 is in force.\n"
    refused = run("erase", sealed, *who, "--subject", "s-1")
    assert refused.code == 2
    assert "A legal hold forbids the erasure: case-7." in refused.err
    assert run("release", sealed, "case-7", *who, "--json").json == {"hold": "case-7", "in_force": False}
    erased = run("erase", sealed, *who, "--subject", "s-1", "--json")
    assert erased.json["erased"] == {"inputs/loans": 4, "outcomes": 1, "predictions": 4}
    assert run("find", "subject_id = 's-1'", "--log", sealed).code == 1
    assert run("verify", sealed, "--vault", vault, "--json").json["verdict"] == "UNANCHORED"
    again = run("erase", sealed, *who, "--subject", "s-1")
    assert again.code == 1
    assert "nothing to erase" in again.err


def test_only_the_named_fields_are_erased(run, sealed):
    who = ("--actor", "keeper", "--reason", "request 12", "--prediction", "p-003")
    run("erase", sealed, *who, "--field", "predictions.decision", "--field", "inputs/loans.city")
    shown = run("show", "p-003", "--log", sealed, "--json").json
    assert shown["decision"] is None
    assert {each["feature"]: each["value"] is None for each in shown["inputs"]} == {
        "income": False,
        "city": True,
        "years": False,
    }
    assert run("erase", sealed, *who, "--field", "decision").code == 2


def test_compaction_merges_what_was_appended_in_pieces(run, sealed, vault):
    import audit_lab as al

    row = al.open(sealed).predictions.head(1).collect()
    with al.open_writer(sealed) as writer:
        for number in range(3):
            writer.append({"predictions": row.with_columns(prediction_id=pl.lit(f"new-{number}"))})
    place = run("show", "new-1", "--log", sealed, "--json").json["place"]
    answer = run("compact", sealed, "--json")
    (merged,) = [each for each in answer.json["merged"] if each["table"] == "predictions"]
    assert (merged["rows"], len(merged["replaces"])) == (43, 4)
    assert run("show", "new-1", "--log", sealed, "--json").json["place"] == place
    old = sealed / merged["replaces"][0]
    assert old.exists()
    assert run("compact", sealed, "--dispose-after", 0).code == 2
    disposed = run("compact", sealed, "--dispose-after", 0, "--actor", "keeper", "--json")
    assert merged["replaces"][0] in disposed.json["removed"]
    assert not old.exists()
    assert run("verify", sealed, "--vault", vault).code == 0


def test_a_decision_is_proven_to_somebody_without_the_log(run, sealed, tmp_path):
    proof, trust = tmp_path / "p.json", ("--trust", tmp_path / "log.toml")
    made = run("prove", "p-003", "--log", sealed, "--out", proof, "--fields", "decision", "--json").json
    assert made["shown"]["predictions"] == ["prediction_id", "decision"]
    assert run("verify", proof, *trust, "--json").json["verdict"] == "UNANCHORED"
    assert run("verify", proof, *trust, "--require-anchor").code == 1
    assert run("verify", proof).code == 1
    assert run("prove", "p-003", "--log", sealed, "--out", proof, "--fields", "nothing").code == 2
    assert run("prove", "p-999", "--log", sealed, "--out", proof).code == 1


def test_a_vault_that_is_not_there_is_misuse(run, sealed, tmp_path):
    answer = run("compact", sealed, "--vault", tmp_path / "none")
    assert answer.code == 2
    assert "There is no vault" in answer.err


def test_the_document_of_a_seal_is_json(run, loans, tmp_path):
    answer = run("seal", loans, "--actor", "keeper", "--origin", ORIGIN, "--json")
    assert json.loads(answer.out)["key"].startswith(f"{ORIGIN}+")


def test_files_of_another_system_are_taken_over_and_sealed(run, tmp_path, foreign, mapping):
    into, trust = tmp_path / "taken-over", tmp_path / "theirs.trust.toml"
    given = ("--mapping", mapping, "--into", into, "--actor", "keeper", "--origin", ORIGIN, "--trust", trust)
    made = run("seal", foreign, *given, "--json").json
    assert made["rows"]["predictions"] == made["report"]["rows_kept"] > 0
    report = run("verify", into, "--trust", trust, "--json").json
    assert (report["verdict"], report["findings"]) == ("UNANCHORED", [])
    assert any("another system" in note for note in report["notes"])


def test_a_mapping_goes_with_a_place_for_the_new_log(run, foreign, mapping):
    answer = run("seal", foreign, "--mapping", mapping, "--actor", "keeper")
    assert answer.code == 2
    assert "--into" in answer.err


def test_a_restored_vault_forgets_again(run, sealed, vault, tmp_path):
    shutil.copytree(vault, tmp_path / "backup")
    assert run("erase", sealed, "--actor", "k", "--reason", "art. 17", "--prediction", "p-003").code == 0
    assert run("reapply-erasures", sealed, "--json").json == {"destroyed": 0}
    shutil.rmtree(vault)
    shutil.copytree(tmp_path / "backup", vault)
    assert run("reapply-erasures", sealed, "--json").json["destroyed"] == 2
    assert run("reapply-erasures", sealed, "--json").json == {"destroyed": 0}
