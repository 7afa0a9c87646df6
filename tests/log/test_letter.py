"""Search by what a letter says: which decisions come first, and what is said about each."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import polars as pl
import pytest

from audit_lab.errors import MisuseError
from audit_lab.log.files.write import write_log
from audit_lab.log.letter import ranking as letter_ranking
from audit_lab.log.letter import search as letter_search
from audit_lab.log.letter.amount import read_amount
from audit_lab.log.letter.candidate import Clues, Surroundings, candidate_of
from audit_lab.log.letter.local_time import duration_text, read_letter_time
from audit_lab.log.letter.search import search_letter
from audit_lab.log.store import open_store

NOON = datetime(2025, 7, 14, 12, 0, tzinfo=UTC)
UNITS = {"loans": {"credit_amount": "EUR", "years": "year", "income": "thousand EUR"}, "cards": {"limit": None}}


def predictions(**columns):
    rows = len(columns["prediction_id"])
    given = {
        "occurred_at": [NOON] * rows,
        "recorded_at": [NOON] * rows,
        "model_name": ["loans"] * rows,
        "model_version": ["1"] * rows,
        "subject_id": [None] * rows,
        "decision": ["deny"] * rows,
        "outputs": [{"score": 0.5, "label": "bad"}] * rows,
        **columns,
    }
    return pl.DataFrame(given, schema_overrides={"subject_id": pl.String, "decision": pl.String})


@pytest.fixture
def store(tmp_path):
    """Five loans of two customers, one card; noon is UTC."""
    tables = {
        "predictions": predictions(
            prediction_id=["exact", "rounded", "far", "thousands", "silent", "card"],
            occurred_at=[
                *(NOON - timedelta(minutes=14), NOON + timedelta(minutes=30), NOON + timedelta(days=3)),
                *(NOON + timedelta(hours=1), None, NOON),
            ],
            subject_id=["anna", "anna", "anna", "ben", None, "ben"],
            decision=["reject", "Refused", "accept", "accept", None, "accept"],
            outputs=[{"score": 0.5, "label": "bad"}] * 3
            + [{"score": 0.5, "label": "REFUSED"}]
            + [{"score": 0.5, "label": None}] * 2,
            model_name=["loans"] * 5 + ["cards"],
        ),
        "inputs/loans": pl.DataFrame(
            {
                "prediction_id": ["exact", "rounded", "far", "thousands"],
                "credit_amount": [2500, 2487, 3100, 2],
                "years": [2, 2, 2, 2],
                "income": [1.5, 1.5, 1.5, 2.5],
                "purpose": ["2500", "car", "car", "car"],
                "owner": [True, True, True, True],
            }
        ),
        "inputs/cards": pl.DataFrame({"prediction_id": ["card"], "limit": [2.5]}),
        "overrides": pl.DataFrame(
            {
                "prediction_id": ["card", "far"],
                "recorded_at": [NOON, NOON],
                "decision_before": ["accept", "refused"],
                "decision_after": ["refused ", None],
            }
        ),
    }
    write_log(tmp_path / "log", tables, {"origin": "tests/letters", "description": "", "notes": []})
    return open_store(tmp_path / "log")


def search(store, limit=20, **given):
    return search_letter(store, clues(**given), UNITS, limit)


def clues(*, subject=None, around=None, zone="UTC", within="2h", amount=None, decision=None, model=None):
    return Clues(
        subject,
        None if around is None else read_letter_time(around, zone, within),
        None if amount is None else read_amount(amount),
        decision,
        model,
    )


def told(letter):
    return {each.prediction_id: (each.matches, each.why) for each in letter.candidates}


def test_each_candidate_says_what_matches_and_what_does_not(store):
    letter = search(store, around="2025-07-14 12:00", amount="2,500", decision="refused", model="loans")
    assert told(letter) == {
        "rounded": (
            3,
            (
                "30 minutes after the time given; amount 2,500 is inputs.credit_amount 2,487 (EUR) rounded; "
                "decision 'Refused'"
            ),
        ),
        "thousands": (
            3,
            "1 hour after the time given; amount 2,500 equals inputs.income (thousand EUR); label 'REFUSED'",
        ),
        "exact": (
            2,
            (
                "14 minutes before the time given; amount 2,500 equals inputs.credit_amount (EUR); "
                "decision 'refused' differs: recorded 'reject'"
            ),
        ),
    }
    assert [each.prediction_id for each in letter.candidates] == ["rounded", "thousands", "exact"]
    assert (letter.matching, letter.searched) == (3, "All decisions of the model loans were searched.")


def test_who_matches_equally_is_ordered_by_nearness_in_time(store):
    letter = search(store, around=NOON, within="7d")
    assert [each.prediction_id for each in letter.candidates] == ["card", "exact", "rounded", "thousands", "far"]
    assert told(letter)["far"] == (1, "3 days after the time given")


def test_a_known_customer_s_decisions_only_are_searched(store):
    letter = search(store, subject="anna", around=NOON, decision="accept")
    assert told(letter) == {
        "exact": (
            2,
            (
                "the subject is this customer; 14 minutes before the time given; "
                "decision 'accept' differs: recorded 'reject'"
            ),
        ),
        "rounded": (
            2,
            (
                "the subject is this customer; 30 minutes after the time given; "
                "decision 'accept' differs: recorded 'Refused'"
            ),
        ),
        "far": (
            2,
            (
                "the subject is this customer; decision 'accept'; "
                "3 days after the time given, which is further off than asked"
            ),
        ),
    }
    assert letter.searched.startswith("Only the decisions on this customer were searched.")


def test_an_unknown_customer_is_said_and_the_other_clues_are_searched(store):
    letter = search(store, subject="nobody", around=NOON, within="0m")
    assert letter.searched == "This customer's pseudonym is not in the log. All decisions were searched."
    assert told(letter) == {"card": (1, "at the very time given; the subject is another customer")}


def test_what_is_missing_is_said(store):
    letter = search(store, decision="reject", around=NOON, amount=7)
    silent = candidate_of(
        clues(subject="anna", around=NOON, amount=7, decision="x"),
        store.table("predictions").filter(pl.col("prediction_id") == "silent").collect().to_dicts()[0],
        "silent@0:0",
        Surroundings(),
    )
    assert (silent.matches, silent.why) == (
        0,
        "no subject is recorded; no time is recorded; amount 7: no inputs are recorded; decision 'x': none is recorded",
    )
    assert "silent" not in told(letter)


def test_an_overridden_decision_is_found_by_what_it_was_changed_to(store):
    assert told(search(store, decision="REFUSED", model="cards")) == {"card": (1, "overridden to 'refused '")}


def test_an_input_far_off_is_named_as_the_nearest(store):
    why = told(search(store, around=NOON, amount=2_900, model="loans"))["rounded"][1]
    assert "amount 2,900 stands in no input: the nearest is inputs.credit_amount 2,487 (EUR)" in why


@pytest.mark.parametrize("most_look_ups", [100, 0])
def test_the_place_of_a_row_is_no_input(store, monkeypatch, most_look_ups):
    monkeypatch.setattr(letter_search, "_MOST_LOOK_UPS", most_look_ups)
    assert "amount 3 stands in no input" in told(search(store, around=NOON, amount=3, model="loans"))["thousands"][1]


def test_two_rows_of_inputs_under_one_id_are_said_and_multiply_nothing(tmp_path):
    tables = {
        "predictions": predictions(prediction_id=["p", "p", "q"]),
        "inputs/loans": pl.DataFrame({"prediction_id": ["p", "p", "q"], "credit_amount": [5_000, 700, 1]}),
    }
    write_log(tmp_path, tables, {"origin": "l", "description": "", "notes": []})
    letter = search(open_store(tmp_path), amount=700)
    assert [each.place for each in letter.candidates] == ["p@part-00000:0", "p@part-00000:1"]
    assert letter.matching == 2
    assert letter.candidates[0].why == "amount 700 equals inputs.credit_amount (EUR) (its inputs stand in 2 rows)"


def test_a_log_without_inputs_overrides_or_subjects(tmp_path):
    write_log(tmp_path, {"predictions": predictions(prediction_id=["p"])}, {"origin": "l"})
    letter = search(open_store(tmp_path), subject="x", amount=5, decision="deny", around=NOON)
    assert told(letter)["p"][0] == 2


def test_an_empty_log_gives_no_candidate(tmp_path):
    empty = predictions(prediction_id=["p"]).clear()
    write_log(tmp_path, {"predictions": empty}, {"origin": "l", "description": "", "notes": []})
    letter = search(open_store(tmp_path), around=NOON, decision="deny")
    assert (letter.candidates, letter.matching) == ((), 0)
    assert letter.frame.height == 0


@pytest.fixture
def crowded(tmp_path, monkeypatch):
    """Two equal amounts, four that round to them, and room for three ids."""
    monkeypatch.setattr(letter_ranking, "_MOST_IDS", 3)
    ids = [f"p{number}" for number in range(6)]
    tables = {
        "predictions": predictions(
            prediction_id=ids, occurred_at=[NOON + timedelta(hours=number) for number in range(6)]
        ),
        "inputs/loans": pl.DataFrame({"prediction_id": ids, "credit_amount": [2_490, 2_510, 2_500, 2_500, 2_505, 7]}),
    }
    write_log(tmp_path, tables, {"origin": "l", "description": "", "notes": []})
    return open_store(tmp_path)


def test_an_amount_that_too_many_inputs_round_to_is_taken_exactly(crowded):
    letter = search(crowded, around=NOON, within="30m", amount=2_500)
    assert [(each.prediction_id, each.matches) for each in letter.candidates] == [("p0", 1), ("p2", 1), ("p3", 1)]
    assert letter.candidates[0].why.endswith("stands in no input: the nearest is inputs.credit_amount 2,490 (EUR)")
    assert letter.notes == (
        (
            "The amount 2,500, rounded or in other units, stands in the inputs of more than 3 decisions: "
            "it was taken exactly"
        ),
    )


def test_an_amount_that_too_many_inputs_equal_is_left_out(crowded, monkeypatch):
    monkeypatch.setattr(letter_ranking, "_MOST_IDS", 1)
    letter = search(crowded, around=NOON, within="30m", amount=2_500)
    assert (letter.asked, [each.prediction_id for each in letter.candidates]) == (("time",), ["p0"])
    assert letter.notes == (
        "The amount 2,500 stands in the inputs of more than 1 decisions: it tells nothing apart, and was left out",
    )
    with pytest.raises(MisuseError, match="more than 1 decisions.* Give another clue too"):
        search(crowded, amount=2_500)


@pytest.mark.parametrize("seed", range(12))
def test_the_passes_find_what_looking_at_every_row_finds(tmp_path, seed):
    draw = random.Random(seed)
    count = 60
    ids = [f"p{draw.randrange(50)}" for _ in range(count)]
    tables = {
        "predictions": predictions(
            prediction_id=ids,
            occurred_at=[NOON + timedelta(minutes=draw.randrange(-300, 300)) for _ in ids],
            subject_id=[draw.choice(["anna", "ben", None]) for _ in ids],
            decision=[draw.choice(["deny", "approve", None]) for _ in ids],
            model_name=[draw.choice(["loans", "cards"]) for _ in ids],
        ),
        "inputs/loans": pl.DataFrame(
            {
                "prediction_id": sorted(set(ids)),
                "credit_amount": [draw.choice([2_500, 2_487, 9, None]) for _ in set(ids)],
            }
        ),
        "inputs/cards": pl.DataFrame(
            {"prediction_id": sorted(set(ids)), "limit": [draw.choice([2.5, 40.0, None]) for _ in set(ids)]}
        ),
    }
    write_log(tmp_path, tables, {"origin": "l", "description": "", "notes": []})
    opened = open_store(tmp_path)
    for asked in (
        clues(around=NOON, amount=2_500, decision="deny"),
        clues(subject="anna", around=NOON, within="1h", amount=2_500),
        clues(amount=2_500),
        clues(around=NOON, amount=2_500, model="cards"),
        clues(decision="deny", around=NOON),
    ):
        every = search_letter(opened, asked, UNITS, 1_000)
        few = search_letter(opened, asked, UNITS, 5)
        assert few.candidates == every.candidates[:5]
        assert few.matching == every.matching == len(every.candidates)
        rows = opened.table("predictions").collect()
        if asked.model:
            rows = rows.filter(pl.col("model_name") == asked.model)
        if asked.subject:
            rows = rows.filter(pl.col("subject_id") == asked.subject)
        inputs = {name: opened.inputs(name).collect() for name in ("loans", "cards")}
        naive = [
            candidate_of(
                asked,
                row,
                "",
                Surroundings(
                    inputs[row["model_name"]].filter(pl.col("prediction_id") == row["prediction_id"]),
                    UNITS[row["model_name"]],
                ),
            )
            for row in rows.to_dicts()
        ]
        assert sorted(each.matches for each in every.candidates) == sorted(
            each.matches for each in naive if each.matches
        )


@pytest.mark.parametrize(
    ("given", "zone", "readings"),
    [
        ("2015-07-06 09:00", "America/New_York", ["2015-07-06T13:00"]),
        ("2015-01-06 09:00", "America/New_York", ["2015-01-06T14:00"]),
        ("2015-07-06T09:00:00+02:00", None, ["2015-07-06T07:00"]),
        ("2015-07-06T09:00:00Z", "Asia/Tokyo", ["2015-07-06T09:00"]),
        (datetime(2015, 7, 6, 9, 0), "Asia/Kolkata", ["2015-07-06T03:30"]),  # noqa: DTZ001 - a letter's local time
        (datetime(2015, 7, 6, 9, 0, tzinfo=timezone(timedelta(hours=3))), None, ["2015-07-06T06:00"]),
        # The clocks went back at 02:00 on 2015-11-01, and forward on 2015-03-08.
        ("2015-11-01 01:30", "America/New_York", ["2015-11-01T05:30", "2015-11-01T06:30"]),
        ("2015-03-08 02:30", "America/New_York", ["2015-03-08T06:30", "2015-03-08T07:30"]),
        ("2015-11-01 02:00", "America/New_York", ["2015-11-01T07:00"]),
        ("2015-10-04 02:15", "Australia/Lord_Howe", ["2015-10-03T15:15", "2015-10-03T15:45"]),
    ],
)
def test_a_local_time_is_every_moment_that_it_can_mean(given, zone, readings):
    read = read_letter_time(given, zone)
    assert [first.strftime("%Y-%m-%dT%H:%M") for first, last in read.spans if first == last] == readings
    assert len(read.notes) == (len(readings) > 1)


def test_a_time_that_happened_twice_is_said_to_have():
    assert read_letter_time("2015-11-01 01:30", "America/New_York").notes == (
        (
            "2015-11-01 01:30:00 in America/New_York happened twice, when the clocks were put back; "
            "it is read as 2015-11-01 01:30:00-04:00 and 2015-11-01 01:30:00-05:00"
        ),
    )


def test_a_time_that_never_was_is_said_to_be_none():
    assert read_letter_time("2015-03-08 02:30", "America/New_York").notes == (
        (
            "2015-03-08 02:30:00 in America/New_York never was: the clocks were put forward; "
            "it is read as 2015-03-08 01:30:00-05:00 and 2015-03-08 03:30:00-04:00"
        ),
    )


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2015-07-06", 24), ("2015-03-08", 23), ("2015-11-01", 25), (date(2015, 7, 6), 24)],
)
def test_a_date_is_the_whole_local_day(day, hours):
    ((first, last),) = read_letter_time(day, "America/New_York").spans
    assert last - first + timedelta(microseconds=1) == timedelta(hours=hours)
    assert first.astimezone(read_letter_time(day, "America/New_York").zone).strftime("%H:%M") == "00:00"


def test_the_nearest_of_two_readings_counts():
    read = read_letter_time("2015-11-01 01:30", "America/New_York", "10m")
    assert read.offset(datetime(2015, 11, 1, 6, 25, tzinfo=UTC)) == timedelta(minutes=-5)
    assert read.offset(datetime(2015, 11, 1, 5, 50, tzinfo=UTC)) == timedelta(minutes=20)


@pytest.mark.parametrize(
    ("around", "zone", "within", "said"),
    [
        ("2015-07-06 09:00", None, "2h", "nothing says where"),
        ("2015-07-06", None, "2h", "nothing says where"),
        ("yesterday", "UTC", "2h", "no date or time"),
        ("09:00", "UTC", "2h", "no date or time"),
        (7, "UTC", "2h", "no date or time"),
        ("2015-07-06", "New_York", "2h", "Did you mean America/New_York"),
        ("2015-07-06", "../etc/passwd", "2h", "no time zone"),
        ("2015-07-06", "UTC", "soon", "Write it like 30m"),
        ("2015-07-06", "UTC", "-2h", "Write it like 30m"),
        ("2015-07-06", "UTC", timedelta(-1), "zero to ten years"),
        ("2015-07-06", "UTC", "999999w", "zero to ten years"),
        ("0001-01-01 00:00", "Asia/Tokyo", "2h", "converted to UTC"),
        ("9999-12-31", "America/New_York", "2h", "converted to UTC"),
    ],
)
def test_a_time_that_cannot_be_read_is_misuse(around, zone, within, said):
    with pytest.raises(MisuseError, match=said):
        read_letter_time(around, zone, within)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "less than a second"),
        (1, "1 second"),
        (840, "14 minutes"),
        (-3_900, "1 hour 5 minutes"),
        (90_000, "1 day 1 hour"),
        (86_400 * 1_200 + 30, "1,200 days"),
    ],
)
def test_a_duration_in_words(seconds, words):
    assert duration_text(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("given", "unit", "value", "words"),
    [
        (2500, "EUR", 2500, "equals {}"),
        ("2,500", "EUR", 2500.0, "equals {}"),
        ("2 500.10", None, 2500.1, "equals {}"),
        ("2'500", None, Decimal("2500.00"), "equals {}"),
        (2500.0, None, 2549, "is {} rounded"),
        (2500, None, 2551, None),
        ("2500.00", None, 2500.3, None),
        (2487, None, 2487.49, "is {} rounded"),
        (2487, None, 2488, None),
        (1_000_000, None, 1_049_000, "is {} rounded"),
        (1_000_000, None, 1_051_000, None),
        (2500, None, 2.5, "is {} in thousands"),
        (2500, "EUR", 2.487, "is {} in thousands"),
        (2500, None, 250_000, "is {} in hundredths"),
        (12, "EUR", 12_400, "is {} with the amount in thousands"),
        (12_000, "year", 12, None),
        (2500, "thousand EUR", 2.5, "equals {}"),
        (2500, "cent", 250_000, "equals {}"),
        (2500, "cent", 2500, None),
        (0, None, 0, "equals {}"),
        (0, None, 0.4, None),
        (-40, None, -40, "equals {}"),
        (5, None, float("nan"), None),
        (5, None, float("inf"), None),
    ],
)
def test_an_amount_is_found_as_it_can_stand_in_an_input(given, unit, value, words):
    amount = read_amount(given)
    found = amount.closest({"x": value}, {"x": unit})
    assert (found[2].words if found else None) == words
    rank = pl.DataFrame({"x": [value]}).select(amount.rank({"x": unit})).item()
    assert rank == (found[2].rank if found else None)


@pytest.mark.parametrize(
    "given", ["", "EUR 5", "2.500,00", "2,50", "1,2345", "nan", "1e400", float("nan"), float("inf"), True, None, 10**40]
)
def test_an_amount_that_cannot_be_read_is_misuse(given):
    with pytest.raises(MisuseError):
        read_amount(given)


@pytest.mark.parametrize(
    ("given", "said"), [({}, "nothing of the letter"), ({"decision": "x", "limit": 0}, "limit is 0")]
)
def test_a_search_for_nothing_is_misuse(store, given, said):
    with pytest.raises(MisuseError, match=said):
        search(store, **given)


def test_the_answer_as_a_table_and_as_a_page(store):
    letter = search(store, around="2025-07-14 14:00", zone="Europe/Berlin", decision="<b>refused</b>", model="loans")
    assert letter.frame.select("place", "local_time", "matches", "of").row(0) == (
        "exact@part-00000:0",
        "2025-07-14 13:46:00+02:00",
        1,
        2,
    )
    page = letter._repr_html_()
    assert "<b>" not in page
    assert "&lt;b&gt;refused&lt;/b&gt;" in page
    assert letter.summary() == [
        "All decisions of the model loans were searched.",
        "3 decisions match at least one of time, decision; 3 shown; the best matches 1 of 2 clues.",
    ]
    assert letter.to_dict()["candidates"][0]["reasons"][0] == {
        "clue": "time",
        "matches": True,
        "words": "14 minutes before the time given",
    }
