"""Which columns the linter warns of, which it leaves alone, and that it never tells a value."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta

import polars as pl
import pytest
from stdnum import luhn

import audit_lab as al
from audit_lab.capture.redaction.linter import lint_personal
from audit_lab.capture.redaction.personal_names import kind_of_name
from audit_lab.capture.redaction.personal_values import kind_of_values
from audit_lab.cli import main
from audit_lab.errors import LogError, MisuseError

DRAWN = random.Random(7)
IBANS = [
    "DE89370400440532013000",
    "GB29 NWBK 6016 1331 9268 19",
    "CH9300762011623852957",
    "FR1420041010050500013M02606",
]
CARDS = ["4111 1111 1111 1111", "5555555555554444", "378282246310005", "6011111111111117", "4012888888881881"]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("customerEmail", "email"),
        ("e-mail_address", "email"),
        ("courriel", "email"),
        ("Téléphone", "phone"),
        ("own_telephone", "phone"),
        ("puhelin", "phone"),
        ("Kontonummer", "iban"),
        ("SSN", "national-id"),
        ("codice_fiscale", "national-id"),
        ("Sozialversicherungs-Nummer", "national-id"),
        ("date_of_birth", "birth"),
        ("geburts_datum", "birth"),
        ("fecha de nacimiento", "birth"),
        ("Straße", "address"),
        ("HAUSNUMMER", "address"),
        ("código_postal", "postcode"),
        ("IPAddress", "ip"),
        ("ageInYears", "age"),
        ("Vorname", "name"),
        ("last name", "name"),
        ("name", "name"),
        ("personal_status_and_sex", "trait"),
        ("nationalité", "trait"),
        ("user_agent", "device"),
        ("kunden_nr", "person-id"),
        ("customer", "person-id"),
        ("file_name", None),
        ("model_name", None),
        ("ship", None),
        ("percentage", None),
        ("page_views", None),
        ("distance_miles", None),
        ("amount", None),
        ("customer_segment", None),
        ("", None),
        ("数据", None),
    ],
)
def test_a_name_says(column, kind):
    assert kind_of_name(column) == kind


def luhn_like(count):
    digits = ["".join(DRAWN.choices("0123456789", k=16)) for _ in range(count)]
    return [each for each in digits if not luhn.is_valid(each)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["x", "please write to jane.doe@example.co.uk", *"abcdefgh"], "email"),
        (["a", "b", IBANS[1]], "iban"),
        ([each.replace("0", "1") for each in IBANS], None),
        (CARDS, "card"),
        ([int(each.replace(" ", "")) for each in CARDS], "card"),
        (luhn_like(200), None),
        (["+41 44 668 18 00", "none"], "phone"),
        (["+99 99 999 99 99", "none"], None),
        (["10.0.0.1", "192.168.1.7", "2001:db8::1", "8.8.8.8", "1.1.1.1"], "ip"),
        (["1.2", "3.4", "10:15", "11:20", "9:00"], None),
        (["756.9217.0769.86", "756.1234.5678.98", "756.3047.5009.63", "756.9999.9999.90"], None),
        (["536-90-4399", "078-05-1121", "219-09-9998", "123-45-6789", "400-12-3456"], "national-id"),
        (["44051401359", "02070803628", "80072909146", "55030101193", "90090515836"], "national-id"),
        ([date(1950, 1, 1) + timedelta(days=400 * step) for step in range(40)], "birth"),
        ([f"{step + 1:02}.03.{1960 + step}" for step in range(20)], "birth"),
        ([date(2026, 1, 1) + timedelta(days=step) for step in range(40)], None),
        ([date(1999, 12, 31)] * 10, None),
        ([None, None], None),
        ([1.5, 2.5], None),
        ([[1], [2]], None),
        ([True, False], None),
        ([2**63 - 1, -(2**63)], None),
    ],
)
def test_values_show(values, kind):
    found = kind_of_values(pl.Series(values))
    assert (None if found is None else found.kind) == kind


@pytest.fixture
def people(tmp_path):
    """Return a table of people as a CSV file, and its columns."""
    columns = {
        "email": [f"person{number}@quackenbush.example" for number in range(20)],
        "iban_of_the_customer": IBANS * 5,
        "x1": CARDS * 4,
        "amount": [str(100.5 * number) for number in range(20)],
        "customer": [al.pseudonym.__name__.encode().hex().ljust(64, "0")] * 20,
    }
    path = tmp_path / "people.csv"
    pl.DataFrame(columns).write_csv(path)
    return path, columns


def test_a_file_s_personal_columns_are_named_and_no_value_is(people, tmp_path, capsys):
    path, columns = people
    assert main(["lint", str(path)]) == 1
    said = capsys.readouterr().out
    assert main(["lint", str(path), "--json"]) == 1
    told = capsys.readouterr().out
    assert [each["column"] for each in json.loads(told)["findings"]] == ["email", "iban_of_the_customer", "x1"]
    assert [each["by_name"] for each in json.loads(told)["findings"]] == [True, True, False]
    for values in columns.values():
        for value in values:
            assert value not in said.replace("quackenbush", "")
            assert value not in told
    assert 'x1 = { rule = "mask", keep_last = 4 }' in said
    # What it proposes is a redaction under which nothing is left to warn of.
    profile = tmp_path / "redaction.toml"
    rules = lint_personal(path).to_toml()
    profile.write_text(f'format = "audit_lab.source-redaction"\nversion = 1\nname = "x"\n[columns]\n{rules}')
    assert main(["lint", str(path), "--redaction", str(profile)]) == 0
    assert "3 have a rule" in capsys.readouterr().out


def test_a_log_is_looked_at_with_what_stands_beside_its_inputs(make_log):
    folder = make_log(
        inputs_loans=lambda frame: frame.with_columns(telephone=pl.lit("yes")),
        outcomes=lambda frame: frame.with_columns(source=pl.lit("told by jane@example.org")),
    )
    found = lint_personal(folder)
    assert {each.column: (each.kind, each.matching) for each in found.findings} == {
        "inputs/loans.telephone": ("phone", 0),
        "outcomes.source": ("email", 1),
    }
    assert found.findings[0].by_name


def test_what_the_sample_log_of_credit_decisions_holds_of_people_is_found(credit):
    names = {each.column.partition(".")[2]: each.kind for each in lint_personal(credit).findings}
    assert {"age_in_years", "telephone", "personal_status_and_sex", "foreign_worker"} <= set(names)


def test_rows_are_taken_from_all_of_a_table(tmp_path):
    path = tmp_path / "table.parquet"
    pl.DataFrame({"x": ["a"] * 90 + ["jane@example.org"] * 10}).write_parquet(path)
    assert lint_personal(path, rows=10).findings[0].matching == 1


@pytest.mark.parametrize("name", ["table.xlsx", "missing.csv", "folder"])
def test_what_cannot_be_read_is_refused(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "table.xlsx").write_bytes(b"PK")
    with pytest.raises(MisuseError):
        lint_personal(tmp_path / name)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(LogError, match=r"table\.parquet cannot be read as parquet"):
        lint_personal(tmp_path / "table.parquet")


def test_names_that_are_no_plain_keys_are_quoted(tmp_path):
    path = tmp_path / "table.parquet"
    pl.DataFrame({'e-mail "x"\n': ["a"], "naïve mail": ["b"]}).write_parquet(path)
    import tomllib

    assert list(tomllib.loads(lint_personal(path).to_toml())) == ['e-mail "x"\n', "naïve mail"]
