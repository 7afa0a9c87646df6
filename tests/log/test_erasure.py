"""Erasure: the values are gone everywhere, the log verifies, and no guess can be confirmed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from audit_lab.errors import LogError, MisuseError, NotFoundError
from audit_lab.log.erasure.erasable import erasable_fields
from audit_lab.log.erasure.erasure import erase
from audit_lab.log.erasure.kept import Kept
from audit_lab.log.files.disk import LocalDisk
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.index.index_cache import IndexCache
from audit_lab.log.integrity import examine_log
from audit_lab.log.keys.vault import Vault
from audit_lab.log.tree.state import LogState
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.holds import place_hold, release_hold
from audit_lab.log.writing.traces import reapply_erasures
from audit_lab.log.writing.writer import create_log, open_writer
from audit_lab.seal import key_file
from audit_lab.seal.disclosure import disclosure_bytes, field_digest, field_salt
from audit_lab.seal.values import Value, value_bytes

ORIGIN = "tests/loans"
BEGAN = datetime(2026, 3, 1, 8, tzinfo=UTC)
SECRETS = ("secret-subject", "secret-request", "secret-label", "secret-reason", "secret-city", "secret-value")


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch, tmp_path):
    monkeypatch.setattr(key_file, "_COST", 2)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


class Log:
    """A sealed log of six predictions in two segments; p1 and p4 are of the subject who asks to be forgotten."""

    def __init__(self, folder):
        self.place = folder
        self.folder, self.vault_folder = folder / "log", folder / "vault"

    def made(self):
        vault = Vault.create(ORIGIN, self.vault_folder, passphrase=b"x")
        writer = create_log(self.folder, ORIGIN, vault=vault, writer_id="w", clock=self.clock)
        writer.append({"predictions": predictions(0, 3), "inputs/loans": inputs(0, 3)})
        writer.append(
            {
                "predictions": predictions(3, 6),
                "inputs/loans": inputs(3, 6),
                "overrides": pl.DataFrame(
                    {
                        "prediction_id": ["p1", "p1", "p2"],
                        "recorded_at": [BEGAN, BEGAN + timedelta(hours=1), BEGAN],
                        "kind": ["contest", "answer", "answer"],
                        "actor": ["secret-subject", "clerk-7", "clerk-7"],
                        "reason": ["secret-reason", "secret-reason", "other"],
                    }
                ),
                "outcomes": pl.DataFrame(
                    {
                        "prediction_id": ["p4", "p5"],
                        "observed_at": [BEGAN, BEGAN],
                        "label": ["secret-label", "paid"],
                        "source": ["ledger", "ledger"],
                    }
                ),
                "explanations": pl.DataFrame(
                    {"prediction_id": ["p4"], "method": ["shap"], "values": ["secret-value"], "base_value": [0.25]}
                ),
                "events": pl.DataFrame({"event_id": ["e1"], "at": [BEGAN], "summary": ["began"]}),
            }
        )
        return self

    def clock(self):
        return BEGAN

    def writer(self):
        return open_writer(self.folder, vault=self.vault(), writer_id="w", clock=self.clock)

    def vault(self):
        return Vault.open(ORIGIN, self.vault_folder, passphrase=b"x")

    def state(self):
        return LogState.fold(LogTree(LocalStorage(self.folder)).entries())

    def rows(self, table):
        files = self.state().files[table].values()
        return pl.concat([pl.read_parquet(self.folder / file.path, glob=False) for file in files])

    def findings(self, **options):
        report = examine_log(self.folder, **{"vault": self.vault(), "remembered": False, **options})
        return [finding.code for finding in report.findings]

    def erase(self, **named):
        return erase(self.writer(), **{"actor": "privacy desk", "reason": "request 12", **named})

    def copy(self, name):
        folder = self.place / name
        shutil.copytree(self.folder, folder / "log")
        shutil.copytree(self.vault_folder, folder / "vault")
        return Log(folder)


def predictions(first, last):
    numbers = range(first, last)
    of_subject = [number in {1, 4} for number in numbers]
    return pl.DataFrame(
        {
            "prediction_id": [f"p{number}" for number in numbers],
            "occurred_at": [BEGAN + timedelta(minutes=number) for number in numbers],
            "model_name": ["loans"] * 3,
            "model_version": ["1"] * 3,
            "subject_id": ["secret-subject" if mine else "other" for mine in of_subject],
            "request_id": [
                "secret-request" if mine else f"r{number}" for number, mine in zip(numbers, of_subject, strict=True)
            ],
            "outputs": [{"score": 0.5, "label": "secret-label" if mine else "good"} for mine in of_subject],
            "decision": ["deny" if mine else "approve" for mine in of_subject],
            "sequence": list(numbers),
            "writer_id": ["w"] * 3,
        }
    )


def inputs(first, last):
    numbers = range(first, last)
    return pl.DataFrame(
        {
            "prediction_id": [f"p{number}" for number in numbers],
            "income": [1000.5 + number for number in numbers],
            "city": ["secret-city" if number in {1, 4} else "Bern" for number in numbers],
        }
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """The log, made once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(key_file, "_COST", 2)
        return Log(tmp_path_factory.mktemp("template")).made()


@pytest.fixture
def log(template, tmp_path):
    return template.copy(tmp_path / "mine")


# What goes and what stays.


def test_an_unerased_log_verifies_and_holds_the_values(log):
    assert log.findings() == []
    assert secrets_in(log) == set(SECRETS)


def test_a_subjects_values_are_gone_and_the_others_stay(log):
    before = {table: log.rows(table) for table in log.state().files}
    done = log.erase(subject_id="secret-subject")
    assert done.rows == {"explanations": 1, "inputs/loans": 2, "outcomes": 1, "overrides": 2, "predictions": 2}
    assert done.remaining == ()
    after = {table: log.rows(table) for table in log.state().files}
    others = pl.col("prediction_id").is_in(["p0", "p2", "p3", "p5"])
    for table in done.rows:
        assert after[table].schema == before[table].schema
        assert after[table].filter(others).equals(before[table].filter(others))
        assert after[table]["prediction_id"].equals(before[table]["prediction_id"])
    assert after["events"].equals(before["events"])
    gone = after["predictions"].filter(~others)
    empty = [name for name in gone.columns if gone[name].null_count() == 2]
    null_before = [name for name in gone.columns if before["predictions"].filter(~others)[name].null_count() == 2]
    assert sorted(set(empty) - set(null_before)) == ["decision", "outputs", "request_id", "subject_id"]
    assert after["inputs/loans"].filter(~others).select("income", "city").rows() == [(None, None), (None, None)]
    assert after["overrides"].filter(~others).select("kind", "actor", "reason").rows() == [
        ("contest", None, None),
        ("answer", "clerk-7", None),
    ]
    assert after["outcomes"].filter(~others).select("label", "source").rows() == [(None, "ledger")]
    assert after["explanations"].select("method", "values", "base_value").rows() == [("shap", None, 0.25)]


@pytest.mark.parametrize(
    ("table", "columns", "expected"),
    [
        ("predictions", ["prediction_id", "decision", "latency_ms", "postcode"], ("decision", "postcode")),
        ("inputs/x", ["prediction_id", "recorded_at", "model_name"], ("model_name",)),
        ("outcomes", ["prediction_id", "observed_at", "label", "value", "source"], ("label", "value")),
    ],
)
def test_columns_that_nobody_knows_are_erased_too(table, columns, expected):
    assert erasable_fields(table, columns) == expected


def test_the_log_verifies_with_and_without_its_vault(log):
    log.erase(subject_id="secret-subject")
    assert log.findings() == []
    assert log.findings(vault=None) == []


def test_no_file_of_the_log_or_of_the_users_cache_shows_a_value(log, tmp_path):
    cache = IndexCache()
    digests = [file.sha256 for files in log.state().files.values() for file in files.values()]
    for digest in digests:
        (cache.folder / digest).mkdir(parents=True)
        (cache.folder / digest / "1-1.subject_id.index").write_bytes(b"hashes of ids")
    log.erase(subject_id="secret-subject")
    assert secrets_in(log) == set()
    left = {path.name for path in cache.folder.iterdir()}
    assert left == {file.sha256 for file in log.state().files["events"].values()}


def secrets_in(log):
    """Return which of the secrets stand anywhere in the log: as bytes, or in a column of a Parquet file."""
    found = set()
    for path in log.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if content[:4] == b"PAR1":
                content += str(pl.read_parquet(path, glob=False).rows()).encode()
            found |= {secret for secret in SECRETS if secret.encode() in content}
    return found


def test_indexes_no_longer_find_what_was_erased(log):
    from audit_lab.log.index.index_file import IndexFile, index_path, key_of

    log.erase(subject_id="secret-subject")
    paths = sorted((log.folder / "index" / "predictions").iterdir())
    stems = sorted(file.name for file in log.state().files["predictions"].values())
    assert [path.name for path in paths] == [
        index_path("predictions", stem, column).rpartition("/")[2]
        for stem in stems
        for column in ("prediction_id", "request_id", "subject_id")
    ]
    for path in paths:
        index = IndexFile.parse(path.read_bytes())
        for secret in ("secret-subject", "secret-request"):
            assert index.find(key_of(secret)).tolist() == []


def test_earlier_snapshots_show_the_erased_rows_erased(log):
    from audit_lab.log.store import open_store

    size = LogTree(LocalStorage(log.folder)).size
    log.erase(subject_id="secret-subject")
    rows = open_store(log.folder, as_of=size).table("predictions").collect()
    assert rows.height == 6
    assert rows["subject_id"].null_count() == 2


def test_what_is_sealed_says_who_erased_what_and_why_and_no_value(log):
    log.erase(subject_id="secret-subject")
    entries = log.state().erasures
    assert {(entry.actor, entry.reason) for entry in entries} == {("privacy desk", "request 12")}
    overrides = {entry.rows: entry.fields for entry in entries if entry.table == "overrides"}
    assert overrides == {
        (0,): ("actor", "reason", "rule", "decision_before", "decision_after"),
        (1,): ("reason", "rule", "decision_before", "decision_after"),
    }
    for entry in entries:
        assert (log.folder / entry.kept).exists()
        assert entry.new_sha256 in {file.sha256 for file in log.state().files[entry.table].values()}


# A guess.


def test_the_right_guess_cannot_be_told_from_a_wrong_one(log):
    """With all that log and vault still hold, no salt gives the digest of the erased value; the old key would."""
    before = log.vault()
    (first, _) = sorted(log.state().segments["predictions"])
    old_key = before.row_keys("predictions", first)[32:64]
    log.erase(subject_id="secret-subject")
    kept = kept_of(log, "predictions", first)
    digest = kept.row(1)["subject_id"]
    value = value_bytes(Value("s", "secret-subject"))
    assert digest == field_digest(disclosure_bytes(field_salt(old_key, "subject_id"), "subject_id", value))
    keys = [
        log.vault().row_keys(table, segment)[at : at + 32]
        for table in ("predictions", "inputs/loans")
        for segment in log.state().segments[table]
        for at in range(0, 96, 32)
    ]
    assert bytes(32) in keys
    salts = {field_salt(key, "subject_id") for key in keys if any(key)}
    salts |= {text for row in kept.rows for text in kept.row(row).values() if len(text) == 32}
    assert len(salts) > 10
    assert digest not in {field_digest(disclosure_bytes(salt, "subject_id", value)) for salt in salts}


def kept_of(log, table, segment):
    entry = next(entry for entry in log.state().erasures if (entry.table, entry.segment) == (table, segment))
    statement = log.state().segments[table][segment].statement
    columns = [name for name, _ in statement.schema]
    return Kept.parse((log.folder / entry.kept).read_bytes(), columns, statement.rows, "kept")


# Attacks 12 and 33.


def test_a_restored_value_is_found_even_when_it_is_sealed(log):
    """Whoever has the key writes a guess into the erased field, and seals the file anew."""
    log.erase(subject_id="secret-subject")
    assert log.findings() == []
    name, forged = forged_log(log, lambda rows: rows.with_columns(subject_id=pl.lit("secret-subject")))
    assert name.endswith(".parquet")
    assert "log.erased-value-present" in forged


def test_a_redacted_field_that_stays_cannot_be_altered(log):
    log.erase(subject_id="secret-subject")
    _, forged = forged_log(log, lambda rows: rows.with_columns(model_version=pl.lit("2")))
    assert "log.row-changed" in forged


def test_a_value_that_vanished_without_an_entry_is_found(log):
    blank = pl.when(pl.col("prediction_id") == "p1").then(None).otherwise(pl.col("decision")).alias("decision")
    _, forged = forged_log(log, lambda rows: rows.with_columns(blank))
    assert forged == ["log.rows-root-differs", "log.row-changed"]


def test_an_erase_entry_for_a_row_that_was_not_erased_is_found(log):
    log.erase(subject_id="secret-subject")
    with log.writer().turn() as turn:
        entry = next(entry for entry in turn.state.erasures if entry.table == "predictions")
        turn.seal([replace(entry, rows=(2,), sealed_at=turn.sealed_at)])
    assert log.findings() == ["log.erasure-forged"]


def forged_log(log, change):
    """Seal a changed file in the place of the first one of predictions, as only a holder of the key could."""
    from audit_lab.log.writing.segment_file import parquet_bytes, segment_name
    from audit_lab.seal.digests import sha256
    from audit_lab.seal.entry_forms import PlacedRows
    from audit_lab.seal.entry_kinds import PlacementEntry

    with log.writer().turn() as turn:
        file = next(iter(turn.state.files["predictions"].values()))
        content = parquet_bytes("predictions", change(pl.read_parquet(log.folder / file.path, glob=False)))
        path = f"predictions/{segment_name(turn.now)}.parquet"
        placement = PlacementEntry(
            origin=turn.origin,
            sealed_at=turn.sealed_at,
            table="predictions",
            file=path,
            sha256=sha256(content),
            size_bytes=len(content),
            rows=file.rows,
            holds=tuple(PlacedRows(hold.segment, hold.first_row, hold.rows) for hold in file.holds),
            reason="compact",
            replaces=(file.path,),
            index_sha256=None,
        )
        turn.seal([placement], {path: content})
    return path, log.findings()


def test_an_older_file_that_comes_back_is_told_and_removed_by_the_next_writer(log, tmp_path):
    path = next(iter(log.state().files["predictions"]))
    shutil.copy(log.folder / path, tmp_path / "old")
    log.erase(subject_id="secret-subject")
    shutil.copy(tmp_path / "old", log.folder / path)
    notes = examine_log(log.folder, vault=log.vault(), remembered=False).notes
    assert any(note.startswith(f"{path} is the file from before an erasure, and still shows") for note in notes)
    log.writer()
    assert not (log.folder / path).exists()


# By prediction, by field, again.


def test_single_predictions_and_single_fields(log):
    done = log.erase(prediction_ids=["p0", "p5"], fields={"inputs/loans": ["income"]})
    assert done.rows == {"inputs/loans": 2}
    assert log.rows("inputs/loans").select("prediction_id", "income", "city").rows() == [
        ("p0", None, "Bern"),
        ("p1", 1001.5, "secret-city"),
        ("p2", 1002.5, "Bern"),
        ("p3", 1003.5, "Bern"),
        ("p4", 1004.5, "secret-city"),
        ("p5", None, "Bern"),
    ]
    assert log.findings() == []


def test_more_is_erased_later_and_the_older_kept_file_goes(log):
    log.erase(subject_id="secret-subject", fields={"predictions": ["outputs"]})
    older = sorted((log.folder / "kept").rglob("*.kept"))
    log.erase(subject_id="secret-subject")
    newer = sorted((log.folder / "kept" / "predictions").rglob("*.kept"))
    assert len(newer) == len(older) == 2
    assert not set(older) & set(newer)
    assert secrets_in(log) == set()
    assert log.findings() == []
    log.erase(prediction_ids=["p2"])
    assert log.findings() == []
    assert log.rows("predictions")["subject_id"].null_count() == 3


def test_what_is_erased_already_is_not_found_again(log):
    log.erase(subject_id="secret-subject")
    size = LogTree(LocalStorage(log.folder)).size
    for whom in ({"subject_id": "secret-subject"}, {"prediction_ids": ["p1"]}, {"subject_id": "nobody"}):
        with pytest.raises(NotFoundError, match="holds nothing to erase of the (subject|predictions) '"):
            log.erase(**whom)
    assert LogTree(LocalStorage(log.folder)).size == size


def test_writing_goes_on_after_an_erasure(log):
    writer = log.writer()
    erase(writer, actor="a", reason="r", subject_id="secret-subject")
    writer.append({"predictions": predictions(6, 9)})
    assert log.findings() == []
    assert log.rows("predictions").height == 9


def test_what_cannot_be_erased_is_named(log):
    events = {
        "event_id": ["e2", "e3", "e4"],
        "at": [BEGAN] * 3,
        "subject": ["p1", None, "p2"],
        "summary": ["alert", "letter to secret-subject", "alert"],
    }
    third = {"prediction_id": ["p1"], "occurred_at": [BEGAN], "subject_id": ["third"]}
    log.writer().append({"events": pl.DataFrame(events), "predictions": pl.DataFrame(third)})
    predictions(1, 4).write_parquet(log.folder / "predictions" / "left-over.parquet")
    predictions(6, 9).write_parquet(log.folder / "predictions" / "of-others.parquet")
    done = log.erase(subject_id="secret-subject")
    assert done.remaining == (
        "2 rows of events speak of them: events are committed whole, and cannot be erased",
        (
            "the file predictions/left-over.parquet is no part of the log and may hold rows of them: find out who left "
            "it, and remove it"
        ),
        (
            "1 predictions (p1) stand under another subject too: that row of theirs stays, while inputs and outcomes "
            "of these ids were erased"
        ),
    )
    subjects = log.rows("predictions").filter(pl.col("prediction_id") == "p1")["subject_id"].to_list()
    assert sorted(subjects, key=str) == [None, "third"]


def test_compacted_files_and_those_they_replaced_are_erased_alike(log):
    writer = log.writer()
    before = sorted(path.name for path in (log.folder / "predictions").glob("*.parquet"))
    writer.compact()
    assert len(list((log.folder / "predictions").glob("*.parquet"))) == 3
    assert set(before) < {path.name for path in (log.folder / "predictions").glob("*.parquet")}
    done = log.erase(subject_id="secret-subject")
    assert done.rows["predictions"] == 2
    assert secrets_in(log) == set()
    assert log.findings() == []
    (path,) = (log.folder / "predictions").glob("*.parquet")
    rows = pl.read_parquet(path, glob=False)
    assert rows.filter(pl.col("subject_id").is_null())["prediction_id"].to_list() == ["p1", "p4"]
    assert rows["_row"].to_list() == [0, 1, 2, 0, 1, 2]


# What forbids it.


def test_a_hold_on_the_subject_or_on_a_prediction_forbids_it(log):
    writer = log.writer()
    place_hold(writer, "lawsuit", actor="Jane", reason="r", subjects=["secret-subject"])
    place_hold(writer, "audit", actor="Jane", reason="r", prediction_ids=["p4"])
    size = LogTree(LocalStorage(log.folder)).size
    with pytest.raises(MisuseError, match="A legal hold forbids the erasure: audit, lawsuit. Nothing was erased"):
        log.erase(subject_id="secret-subject")
    with pytest.raises(MisuseError, match="forbids the erasure: lawsuit"):
        log.erase(prediction_ids=["p1", "p0"])
    assert LogTree(LocalStorage(log.folder)).size == size
    assert secrets_in(log) == set(SECRETS)
    release_hold(writer, "lawsuit", actor="Jane", reason="r")
    release_hold(writer, "audit", actor="Jane", reason="r")
    log.erase(subject_id="secret-subject")
    assert secrets_in(log) == set()


@pytest.mark.parametrize("name", ["prediction_id", "occurred_at", "recorded_at"])
def test_what_names_a_row_and_its_time_cannot_be_erased(log, name):
    with pytest.raises(MisuseError, match=f"{name} of the table predictions cannot be erased"):
        log.erase(subject_id="secret-subject", fields={"predictions": [name, "decision"]})


def test_misuse_is_named(log):
    with pytest.raises(MisuseError, match="Nobody is named"):
        log.erase()
    with pytest.raises(MisuseError, match="The table inputs/loans has no column 'age'"):
        log.erase(subject_id="secret-subject", fields={"inputs/loans": ["age"]})


def test_a_damaged_file_is_not_sealed_anew(log):
    path = log.folder / next(iter(log.state().files["predictions"]))
    pl.read_parquet(path, glob=False).with_columns(decision=pl.lit("forged")).write_parquet(path)
    with pytest.raises(LogError, match="is not the one that was sealed. Verify the log first"):
        log.erase(subject_id="secret-subject")


def test_a_vault_without_the_right_row_keys_is_refused(log):
    (first, _) = sorted(log.state().segments["predictions"])
    path = log.vault_folder / "row_keys" / "predictions" / f"{first}.keys"
    right = path.read_bytes()
    path.write_bytes(right[::-1])
    with pytest.raises(LogError, match=f"row 1 of predictions/{first} is not as it was sealed, or its row key"):
        log.erase(subject_id="secret-subject")
    path.unlink()
    with pytest.raises(LogError, match=f"does not hold the row keys of predictions/{first}"):
        log.erase(subject_id="secret-subject")
    path.write_bytes(right)
    assert log.findings() == []


# Restored vaults.


def test_a_restored_vault_is_erased_again_from_the_logs_list(log, tmp_path):
    shutil.copytree(log.vault_folder, tmp_path / "backup")
    log.erase(subject_id="secret-subject")
    erased = {path: path.read_bytes() for path in sorted(log.vault_folder.rglob("*.keys"))}
    shutil.rmtree(log.vault_folder)
    shutil.copytree(tmp_path / "backup", log.vault_folder)
    assert {path: path.read_bytes() for path in erased} != erased
    assert reapply_erasures(log.folder, log.vault()) == 8
    assert {path: path.read_bytes() for path in erased} == erased
    assert reapply_erasures(log.folder, log.vault()) == 0


def test_a_vault_that_can_no_longer_sign_is_erased_again_too(log, tmp_path):
    shutil.copytree(log.vault_folder, tmp_path / "backup")
    log.clock = lambda: BEGAN + timedelta(days=2)
    log.erase(subject_id="secret-subject")
    shutil.rmtree(log.vault_folder)
    shutil.copytree(tmp_path / "backup", log.vault_folder)
    with pytest.raises(LogError, match="older backup cannot continue the log"):
        log.writer().heartbeat()
    assert reapply_erasures(log.folder, log.vault()) == 8


def test_erasures_of_another_log_do_not_touch_the_vault(log, tmp_path):
    other = Log(tmp_path / "other").made()
    log.erase(subject_id="secret-subject")
    with pytest.raises(LogError, match="never signed the log"):
        reapply_erasures(log.folder, other.vault())
    assert other.findings() == []


# Stopped at any step.


class Stopped(BaseException):
    """The process ends here."""


def test_stopped_anywhere_nothing_or_everything_is_erased_and_a_second_run_completes_it(tmp_path, monkeypatch):
    """Before each step that changes what is seen of the log, the vault or the cache, the process ends once."""
    steps = [(LocalDisk, "rename"), (LocalDisk, "unlink"), (Vault, "destroy_row_keys"), (IndexCache, "forget")]
    log = Log(tmp_path / "small")
    with create_log(log.folder, ORIGIN, vault=log.vault_folder, passphrase=b"x", clock=log.clock) as writer:
        writer.append({"predictions": predictions(0, 3), "inputs/loans": inputs(0, 3)})
    outcomes = []
    finished = False
    while not finished:
        copy = log.copy("copy")
        with monkeypatch.context() as patched:
            done = []
            for owner, name in steps:
                patched.setattr(owner, name, stopping(getattr(owner, name), done, len(outcomes)))
            try:
                copy.erase(subject_id="secret-subject")
                finished = True
            except Stopped:
                pass
        outcomes.append(bool(copy.state().erasures))
        assert copy.rows("predictions")["subject_id"].null_count() == outcomes[-1]
        if outcomes[-1]:
            copy.writer()  # completes what was begun
        else:
            copy.erase(subject_id="secret-subject")
        assert copy.findings(rows=finished) == []
        assert secrets_in(copy) == set()
        (segment,) = copy.state().segments["predictions"]
        assert copy.vault().row_keys("predictions", segment)[32:64] == bytes(32)
        shutil.rmtree(copy.place)
    assert outcomes == sorted(outcomes)
    assert outcomes.count(True) > 5
    assert outcomes.count(False) > 5


def stopping(original, done, count):
    def step(*arguments, **named):
        if len(done) == count:
            raise Stopped
        done.append(1)
        return original(*arguments, **named)

    return step
