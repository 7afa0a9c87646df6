"""What a redaction changes is nowhere on the disk, and the log says what was changed, and what follows from that."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pandas as pd
import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import MisuseError, ModelError
from audit_lab.log.keys.pseudonym import PseudonymKey

KEY = PseudonymKey("customers", (), bytes(range(32)))

#: Values that must not be found anywhere, by feature.
PERSONAL = {
    "name": "Wilhelmina Quackenbush",
    "email": "wilhelmina@quackenbush.example",
    "telephone": "+41765550199",
    "customer": "C-77018234",
    "born": "1983-11-29",
    "postcode": "SW1A9ZZ",
    "job": "lighthouse keeper",
}
PROFILE = """
format = "audit_lab.source-redaction"
version = 1
name = "loans, at the source"
pseudonym_key = "customers.pseudonym.toml"

[columns]
name = "drop"
"inputs/loans.email" = "mask"
telephone = { rule = "mask", keep_last = 2 }
customer = "pseudonym"
subject_id = "pseudonym"
age = { rule = "generalise", step = 10 }
born = { rule = "generalise", to = "year" }
postcode = { rule = "generalise", prefix = 2 }
job = { rule = "generalise", map = { nurse = "health" } }
amount = "keep"
"predictions.trace_id" = "drop"
"""


def profile(folder, text=PROFILE):
    path = folder / "redaction.toml"
    path.write_text(text)
    if not (folder / "customers.pseudonym.toml").exists():
        KEY.write(folder)
    return path


def inputs(**changed):
    return {**PERSONAL, "age": 37, "amount": 1200.5, **changed}


def content_of(*folders):
    """Return everything that lies in folders; Parquet's pages come out of their compression."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                yield path.name, content
                if path.suffix == ".parquet":
                    yield path.name, pl.read_parquet(io.BytesIO(content)).write_json().encode()


def test_what_a_redaction_takes_is_in_no_file_of_spool_log_or_quarantine(recorded, tmp_path):
    with recorded.recorder(
        redaction=profile(tmp_path), features={**dict.fromkeys(PERSONAL, "String"), "age": "Int64", "amount": "Float64"}
    ) as recorder:
        recorder.record(inputs(), 0.25, subject_id=PERSONAL["customer"], trace_id=PERSONAL["email"])
        recorder.record(list(inputs().values()), 0.5)
        recorder.record(recorder.take(inputs()), error=f"ValueError: no such job {PERSONAL['job']}")
        recorder.record(inputs(age=PERSONAL["name"]), 0.5)  # fits no column: its inputs go to quarantine
        explanation = {"method": "shap", "values": {"age": 0.5}}
        with pytest.raises(MisuseError, match="an explanation has no 'data'"):
            recorder.record(inputs(), 0.5, explanation={**explanation, "data": PERSONAL["email"]})
        recorder.record(inputs(), 0.5, explanation=explanation)
        recorder.flush()
        before = list(content_of(recorded.spool))
    sealed = recorded.seal()
    assert (sealed.records, sealed.quarantined) == (5, 1)
    after = list(content_of(recorded.spool, recorded.folder, recorded.vault))
    names = {name for name, _ in (*before, *after)}
    assert {"00000001.open", "00000001.quarantine.jsonl"} <= names
    searched = b"\n".join(content for _, content in (*before, *after))
    assert b"lighthouse" not in searched
    for value in PERSONAL.values():
        for part in (value, value[2:], value[:-2]):
            assert part.encode() not in searched, value
    assert KEY.pseudonym(PERSONAL["customer"]).encode() in searched


def test_the_log_holds_what_the_rules_make_and_the_same_pseudonym_everywhere(recorded, tmp_path):
    with recorded.recorder(redaction=profile(tmp_path), node="web-1") as recorder:
        recorder.record(inputs(), 0.25, subject_id=PERSONAL["customer"], error="KeyError: 'Wilhelmina'")
        recorder.record(inputs(telephone=None, born=None, age=None), 0.25, error="broken: a, b c!")
    recorded.seal()
    pseudonym = KEY.pseudonym(PERSONAL["customer"])
    first, second = recorded.inputs.drop("prediction_id", "recorded_at").to_dicts()
    assert first == {
        "email": "****",
        "telephone": "****99",
        "customer": pseudonym,
        "born": "1983-01-01",
        "postcode": "SW",
        "job": "other",
        "age": 30,
        "amount": 1200.5,
    }
    assert (second["telephone"], second["born"], second["age"]) == (None, None, None)
    assert recorded.predictions.select("subject_id", "error", "node").rows() == [
        (pseudonym, "KeyError: [withheld]", "web-1"),
        (None, "broken: [withheld]", "web-1"),
    ]


def test_what_is_missing_is_not_told_to_be_withheld(recorded, tmp_path):
    with recorded.recorder(redaction=profile(tmp_path)) as recorder:
        recorder.record(inputs(), 0.5)
        recorder.record(inputs(customer=pd.NA, born=pd.NaT, age=pd.NA, job=None), 0.5)
        recorder.record({**inputs(customer=pd.NA), "more": 1.0}, 0.5)
    recorded.seal()
    assert recorded.inputs.select("customer", "born", "age", "job").rows()[1] == (None,) * 4
    assert recorded.inputs["customer"].is_null().to_list() == [False, True, True]


def test_the_log_is_told_once_for_each_writer_what_was_done(recorded, tmp_path):
    with recorded.recorder(redaction=profile(tmp_path), seal_s=0.0) as recorder:
        for _ in range(3):
            recorder.record(inputs(), 0.25).wait()
        writer = recorder.writer_id
    recorded.seal()
    recorded.seal()
    (event,) = recorded.table("events").to_dicts()
    assert (event["kind"], event["subject_kind"], event["subject"]) == ("recorder.redaction", "writer", writer)
    said = json.loads(event["payload"])
    assert said["profile"] == "loans, at the source"
    assert said["columns"]["inputs/loans.age"] == "generalised to steps of 10"
    assert said["columns"]["inputs/loans.name"] == "left out"
    assert said["columns"]["inputs/loans.customer"] == "replaced by a pseudonym under the key customers"
    assert said["columns"]["predictions.trace_id"] == "left out"
    assert said["columns"]["inputs/loans.*"] == "recorded as it is"
    assert KEY.secret.hex() not in event["payload"]


def test_features_that_no_rule_names_are_left_out_where_the_profile_says_so(recorded, tmp_path):
    text = PROFILE.replace("version = 1\n", 'version = 1\nothers = "drop"\n')
    with recorded.recorder(redaction=profile(tmp_path, text), features=[*inputs(), "new"]) as recorder:
        recorder.record(inputs(new="a secret"), 0.25)
        recorder.record({**inputs(new="a secret"), "newer": "a secret"}, 0.25)
        recorder.record({"age": 5, "newer": "a secret"}, 0.25)
    recorded.seal()
    assert "new" not in recorded.inputs.columns
    assert "newer" not in recorded.inputs.columns
    assert recorded.inputs["age"].to_list() == [30, 30, 0]


def test_a_prediction_of_which_something_was_changed_says_that_no_replay_can_be_exact(recorded, make_log, tmp_path):
    made = make_log("made")
    store = al.open(made)._store
    with al.open_writer(recorded.folder, vault=recorded.vault) as writer:
        writer.append(
            {"model_versions": store.table("model_versions").collect().drop("_segment", "_row", strict=False)}
        )
    (recorded.folder / "artifacts").mkdir()
    (recorded.folder / "artifacts" / "loans-1.ubj").write_bytes((made / "artifacts" / "loans-1.ubj").read_bytes())
    row = {"income": 4321.0, "city": "Bern", "years": 7}
    head = PROFILE.split("[columns]", maxsplit=1)[0] + "[columns]\n"
    tickets = {}
    for name, rules in {
        "none": None,
        "besides": 'phone = "mask"\nsubject_id = "pseudonym"\n',
        "changed": 'years = { rule = "generalise", step = 5 }\nphone = "mask"\n',
        "left out": 'city = "drop"\nphone = "drop"\n',
    }.items():
        path = None if rules is None else profile(tmp_path, head + rules)
        with recorded.recorder(version="1", redaction=path, features=[*row, "phone"], threshold=0.5) as recorder:
            tickets[name] = recorder.record({**row, "phone": "+41765550199"}, 0.5, occurred_at=datetime.now(UTC))
    recorded.seal()
    log = al.open(recorded.folder)
    gaps, verdicts = {}, {}
    for name, ticket in tickets.items():
        decision = log.decision(ticket.prediction_id)
        gaps[name] = {gap.code: gap.what for gap in decision.gaps if gap.code.endswith(("redacted", "incomplete"))}
        verdicts[name] = decision.replay()
    profile_said = "(profile loans, at the source)"
    assert gaps == {
        "none": {},
        "besides": {
            "partly-redacted": "Before it was recorded phone was masked; predictions.subject_id was replaced by a "
            f"pseudonym under the key customers {profile_said}."
        },
        "changed": {
            "inputs-redacted": f"Before it was recorded years was generalised to steps of 5 {profile_said}.",
            "partly-redacted": f"Before it was recorded phone was masked {profile_said}.",
        },
        "left out": {
            "inputs-redacted": f"Before it was recorded city was left out {profile_said}.",
            "partly-redacted": f"Before it was recorded phone was left out {profile_said}.",
        },
    }
    assert [verdicts[name].code for name in ("none", "besides")] == ["score-differs"] * 2  # it ran, on what was scored
    for name in ("changed", "left out"):
        assert (verdicts[name].verdict, verdicts[name].code) == ("UNREPLAYABLE", "inputs-redacted")
        assert "No replay can be exact: it would score other values." in verdicts[name].why
    many = log.decisions([ticket.prediction_id for ticket in tickets.values()])
    told = many.gaps.filter(pl.col("code").str.ends_with("redacted")).select("prediction_id", "code", "what").rows()
    assert sorted(told) == sorted(
        (tickets[name].prediction_id, code, what) for name, each in gaps.items() for code, what in each.items()
    )
    coverage = log.coverage()
    assert dict(coverage.table.select("code", "predictions").iter_rows()) == {"replayable": 2, "inputs-redacted": 2}
    assert coverage.reconstructable == 2
    assert any("changed or left out before it was recorded" in line for line in coverage.summary())
    assert sorted(log.replay().groups.select("code", "predictions").rows()) == [
        ("inputs-redacted", 2),
        ("score-differs", 2),
    ]
    with pytest.raises(ModelError) as caught:
        log.decision(tickets["changed"].prediction_id).explain("shap")
    assert caught.value.code == "inputs-redacted"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PROFILE.replace("telephone =", "telefone ="), "telefone, and loans has no such feature"),
        (PROFILE.replace('name = "drop"', 'name = "shred"'), "there is no rule 'shred'"),
        (PROFILE.replace("version = 1", "version = 2"), "no redaction at the source of version 1"),
        (PROFILE.replace("[columns]", "colour = 1\n[columns]"), "has colour"),
        (PROFILE.replace("predictions.trace_id", "predictions.outputs"), "predictions.outputs cannot be changed"),
        (PROFILE.replace("version = 1", 'version = 1\nothers = "mask"'), "others is neither keep nor drop"),
        (PROFILE.replace("customers.pseudonym", "nobody.pseudonym"), "nobody.pseudonym.toml cannot be read"),
        ("[columns", "is not TOML"),
    ],
)
def test_a_profile_that_cannot_be_applied_is_refused_before_anything_is_recorded(recorded, tmp_path, text, told):
    with pytest.raises(MisuseError) as caught:
        recorded.recorder(redaction=profile(tmp_path, text), features=list(inputs()))
    assert told in str(caught.value)
    assert not recorded.spool.exists()


def test_a_rule_for_a_feature_that_there_is_not_is_told_with_the_first_record(recorded, tmp_path):
    with recorded.recorder(redaction=profile(tmp_path, PROFILE.replace("telephone =", "telefone ="))) as recorder:
        for _ in range(2):
            with pytest.raises(MisuseError, match="Did you mean telephone"):
                recorder.record(inputs(), 0.5)
    assert not list(recorded.spool.rglob("*.spool"))


def test_a_rule_that_makes_text_of_a_column_of_numbers_is_refused(recorded, tmp_path):
    with recorded.recorder() as recorder:
        recorder.record(inputs(telephone=41765550199), 0.5)
    recorded.seal()
    with pytest.raises(MisuseError, match="makes text of telephone, which .* has as Int64"):
        recorded.recorder(redaction=profile(tmp_path))


def test_a_column_of_the_log_keeps_its_type_whatever_a_recorder_declares(recorded):
    with recorded.recorder(features={"amount": "Int64"}) as recorder:
        recorder.record({"amount": 1}, 0.5)
    recorded.seal()
    with recorded.recorder(features={"amount": "String"}) as recorder:
        recorder.record({"amount": "x"}, 0.5)
    assert recorded.seal().quarantined == 1
    assert recorded.inputs["amount"].to_list() == [1]
