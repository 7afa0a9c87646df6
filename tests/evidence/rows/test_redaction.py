"""What a profile withholds leaves no trace in the bundle, and the rows are proven all the same."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime

import altair as alt
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import AuditLabError, MisuseError
from audit_lab.evidence.export import export_case
from audit_lab.evidence.full_verifier import examine_in_full
from audit_lab.evidence.leaving import Leaving
from audit_lab.evidence.redaction.profile import RedactionProfile
from audit_lab.evidence.redaction.search import check_withheld
from audit_lab.evidence.redaction.sentences import Needles, needles_of
from audit_lab.evidence.redaction.values import Withheld, redacted_document, redacted_table
from audit_lab.evidence.signing_off import changed_since
from audit_lab.log.keys.pseudonym import PseudonymKey, pseudonym
from audit_lab.seal.row_proofs import SegmentProof
from audit_lab.seal.strict_json import parse_json
from audit_lab.verifier.bundle import examine_archive, examine_bundle

SUBJECT = "Annemarie Hollenbeck"
COLUMNS = 'subject_id = "hash"\nincome = "mask"\n"inputs/loans.city" = "drop"\n'


@pytest.fixture
def profile(tmp_path):
    """Write a profile and read it."""
    key = PseudonymKey.generate("counsel").write(tmp_path / "keys")

    def read(columns=COLUMNS, more=""):
        path = tmp_path / "profile.toml"
        head = 'format = "audit_lab.redaction"\nversion = 1\nname = "for counsel"\n'
        path.write_text(f'{head}pseudonym_key = "keys/{key.name}"\n{more}[columns]\n{columns}')
        return RedactionProfile.read(path)

    read.key = key
    return read


@pytest.fixture
def export(loans, case, key, tmp_path):
    """Export the case, or one that the test made, under a profile."""

    def make(profile, another=None, out="redacted.zip", notebook=None):
        leaving = Leaving(vault=loans.vault, redaction=profile)
        at = datetime(2030, 2, 1, tzinfo=UTC)
        return export_case(another or case, tmp_path / out, key=key, signed_at=at, leaving=leaving, notebook=notebook)

    return make


@pytest.fixture
def case(loans, make_loans_case):
    return make_loans_case(loans.folder)


def files_of(bundle):
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def table(files, name):
    return pl.read_parquet(io.BytesIO(files[name]))


def test_redacted_rows_are_proven_to_be_in_the_log(profile, export, both_keys):
    bundle = export(profile())
    report = examine_bundle(bundle, both_keys)
    assert report.findings == ()
    assert any(line.startswith("8 rows of the log") for line in report.checked)
    assert examine_in_full(bundle, both_keys).findings == ()


def test_rows_are_proven_without_their_ids(profile, export, both_keys):
    with export(profile('prediction_id = "drop"\n')).open("rb") as bundle:
        report = examine_archive(bundle, "redacted.zip", both_keys)
    assert report.findings == ()
    assert any(line.startswith("8 rows of the log") for line in report.checked)


def test_what_is_withheld_is_replaced_in_rows_and_their_digests_stay(profile, export):
    read = profile()
    files = files_of(export(read))
    inputs = table(files, "data/rows/log/0001-inputs-loans.parquet")
    assert inputs.columns == ["_row", "prediction_id", "recorded_at", "income", "years"]
    assert inputs["income"].to_list() == ["[withheld]"] * 3
    assert table(files, "data/rows/log/0004-predictions.parquet")["subject_id"][0] == pseudonym(SUBJECT, profile.key)
    proof = SegmentProof.parse(files["data/proofs/rows/0001-inputs-loans.json"], "proof")
    assert proof.withheld == ("city", "income")
    assert [(row.row_bytes[:3], len(row.disclosures)) for row in proof.rows] == [(b"k5:", 3)] * 3


def test_no_file_holds_a_withheld_value(profile, export):
    for name, content in files_of(export(profile())).items():
        text = table({name: content}, name).write_json() if name.endswith(".parquet") else content.decode()
        assert SUBJECT not in text, name


def test_exhibits_that_withhold_something_have_other_names_and_say_which_they_had(profile, export, case):
    files = files_of(export(profile(), case))
    stated = json.loads(files["data/investigation.json"])
    first, _, third = (each.id for each in case.exhibits)  # the third has a column "city", of whatever table it is
    assert [each.get("redacted_from") for each in stated["exhibits"]] == [first, None, third]
    assert stated["findings"][0]["supported_by"] == [stated["exhibits"][0]["id"]]
    decision = next(parse_json(content, name) for name, content in files.items() if name.endswith("decision.json"))
    assert next(entry for entry in decision["inputs"] if entry["feature"] == "income")["value"] == "[withheld]"
    assert stated["exhibits"][0]["kept_by"] == "jane"


def test_the_case_is_known_not_to_have_changed_since(profile, export, case):
    bundle = export(profile(), case)
    assert not changed_since(case, bundle)
    case.conclude("Something else.")
    assert changed_since(case, bundle)


def test_the_attestation_and_the_page_say_what_was_withheld(profile, export):
    files = files_of(export(profile()))
    page = files["data/README.html"].decode()
    assert "for counsel" in page
    assert "inputs/loans.city: left out" in page
    assert "income: 3 of its 3 withheld values were not searched" not in page
    assert "only whole values were searched for" in page


def test_exported_twice_it_is_the_same(profile, export, case):
    read = profile()
    first = export(read, case, "one.zip").read_bytes()
    lines = (case.folder / "custody.jsonl").read_bytes().splitlines(keepends=True)
    (case.folder / "custody.jsonl").write_bytes(b"".join(lines[:-1]))
    assert export(read, case, "two.zip").read_bytes() == first


@pytest.mark.parametrize(
    ("say", "place"),
    [
        (lambda case: case.conclude(f"{SUBJECT.upper()} was a newcomer."), "subject_id in data/README.html"),
        (lambda case: case.keep(pl.DataFrame({"note": [SUBJECT]}), "Notes"), "column note of data/.*table.parquet"),
        (lambda case: case.comment(f"Call {SUBJECT}"), "subject_id in data/README.html"),
    ],
)
def test_a_value_that_stands_elsewhere_is_refused_with_its_place(profile, export, case, say, place):
    say(case)
    with pytest.raises(AuditLabError, match=place) as refused:
        export(profile(), case)
    assert SUBJECT not in str(refused.value)
    assert not list(case.folder.parents[1].glob("*.zip"))


def test_a_picture_that_draws_a_withheld_column_is_withheld(profile, export, case):
    data = pl.DataFrame({"income": [5200.25, 61000.5], "city": ["Bern", "Oslo"]})
    case.keep(alt.Chart(data).mark_bar().encode(x="city:N", y="income:Q"), "Income by city")
    names = [name for name in files_of(export(profile(), case)) if "-chart/" in name]
    assert [name.rpartition("/")[2] for name in names] == ["data.parquet"]


def test_a_picture_whose_text_shows_a_withheld_value_is_refused(profile, export, case):
    data = pl.DataFrame({"who": [SUBJECT], "rows": [3]})
    case.keep(alt.Chart(data).mark_bar().encode(x="who:N", y="rows:Q"), "Rows by person")
    with pytest.raises(AuditLabError, match="subject_id in data/exhibits/004-[0-9a-f]{12}-chart/chart.svg"):
        export(profile(), case)


def test_a_notebook_that_shows_a_withheld_value_is_refused_with_its_cell(profile, export, write_notebook):
    story = write_notebook("# Story", f"name = '{SUBJECT[:9]}' + '{SUBJECT[9:]}'\nprint('<' + name + '>')")
    with pytest.raises(AuditLabError, match="subject_id in cell 2 of data/notebook/investigation.ipynb"):
        export(profile(), notebook=story)


def test_rows_that_are_committed_to_as_a_whole_are_left_out_where_a_column_is_withheld(profile, export, unpacked, key):
    bundle = export(profile('"model_versions.threshold" = "drop"\n'))
    again = type(unpacked).read(bundle, key)
    assert again.predicate.rows.proven == 7
    assert any("threshold is withheld" in why for why in again.predicate.rows.not_proven)


def test_a_column_with_a_withheld_field_is_withheld_whole(profile, export, unpacked, key, both_keys):
    bundle = export(profile('score = "drop"\n'))
    again = type(unpacked).read(bundle, key)
    assert again.predicate.redaction.columns == {"predictions.outputs": "drop", "score": "drop"}
    assert examine_in_full(bundle, both_keys).findings == ()


def test_short_values_and_names_of_columns_are_said_to_be_searched_beside_their_name_only():
    withheld = Withheld(
        {"city": {"Bern", "Oslo", "Rome"}, "what": {"income", "a longer one"}, "sum": {4221}}, {"income"}
    )
    needles = needles_of(withheld)
    assert (needles.texts, needles.telling) == ({"a longer one": "what"}, {"4221": "sum", "4,221": "sum"})
    assert needles.short["city"] == {"bern", "oslo", "rome"}
    rest = "are so short, or names of columns, that they were searched for as whole words beside the column's name only"
    assert needles.not_searched == (
        f"city: 3 of its 3 withheld values {rest}",
        f"what: 1 of its 2 withheld values {rest}",
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", b"<p>M&uuml;ller &amp; S\xc3\xb6hne</p>"),
        ("a.html", b"<p>M\xc3\xbcller &amp; <b>S\xc3\xb6hne</b></p>"),
        ("a.json", b'{"x": ["M\\u00fcller & S\\u00f6hne"]}'),
        ("a.md", "Mu\u0308ller & So\u0308hne".encode()),
        ("a.md", "MÜLLER & SÖHNE".encode()),
        ("a.ipynb", json.dumps({"cells": [{"outputs": [{"text": ["Müller & ", "Söhne"]}]}]}).encode()),
    ],
)
def test_a_value_is_found_however_it_is_written(name, content):
    withheld = Withheld()
    withheld.add("subject_id", "Müller & Söhne")
    with pytest.raises(AuditLabError, match="subject_id in"):
        check_withheld({name: content}, needles_of(withheld))


def test_numbers_are_found_as_they_are_written_and_not_within_others():
    withheld = Withheld()
    withheld.add("income", 1234567.0)
    needles = needles_of(withheld)
    assert set(needles.texts) == {"1234567.0", "1,234,567.0", "1234567", "1,234,567"}
    check_withheld({"a.txt": b"91234567 a1234567b 12345678"}, Needles({"1234567": "income"}))
    with pytest.raises(AuditLabError, match="income in a.txt"):
        check_withheld({"a.txt": b"(1,234,567)"}, needles)


def test_a_document_withholds_members_and_entries_that_name_a_column(profile):
    withheld = Withheld()
    value = {"income": 1, "inputs": [{"feature": "income", "value": 2, "unit": "EUR"}], "text": '{"income": 3, "a": 1}'}
    assert redacted_document(value, profile('income = "drop"\n'), withheld) == {
        "inputs": [{"feature": "income", "value": None, "unit": "EUR"}],
        "text": '{"a": 1}',
    }
    assert withheld.values == {"income": {1, 2, 3}}


def test_a_table_withholds_what_is_nested(profile):
    frame = pl.DataFrame({"rows": [[{"income": 5.0, "city": "Bern"}]], "income": [1.0]})
    shown = redacted_table(frame, profile('income = "mask"\n'), Withheld())
    assert shown.to_dicts() == [{"rows": [{"income": "[withheld]", "city": "Bern"}], "income": "[withheld]"}]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("nothing", "is not TOML"),
        ('format = "audit_lab.redaction"\nversion = 2\n', "is no redaction profile"),
        ('format = "audit_lab.redaction"\nversion = 1\nname = "p"\n', "withholds no column"),
        (
            'format = "audit_lab.redaction"\nversion = 1\nname = "p"\n[columns]\na = "blur"\n',
            "it is none of drop, hash",
        ),
        ('format = "audit_lab.redaction"\nversion = 1\nname = ""\n[columns]\na = "drop"\n', "no name of one line"),
        (
            'format = "audit_lab.redaction"\nversion = 1\nname = "p"\nwhy = 1\n[columns]\na = "drop"\n',
            "is no redaction",
        ),
        ('format = "audit_lab.redaction"\nversion = 1\nname = "p"\n[columns]\na = "hash"\n', "There is no key"),
    ],
)
def test_a_profile_that_is_none(tmp_path, text, what):
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(MisuseError, match=what):
        RedactionProfile.read(tmp_path / "p.toml")


def test_a_case_exports_with_a_profiles_path(loans, case, profile, key, tmp_path):
    profile()
    bundle = case.export(tmp_path / "b.zip", key=key, redaction=tmp_path / "profile.toml", vault=loans.vault)
    assert any(name.startswith("data/proofs/rows/") for name in files_of(bundle))
    assert SUBJECT not in files_of(bundle)["data/README.html"].decode()
    assert al.open(loans.folder).decision("p-001").prediction["subject_id"] == SUBJECT
