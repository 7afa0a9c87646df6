"""A foreign folder read in place through a mapping."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit_lab.errors import LogError, MisuseError
from audit_lab.log.files.printable import printable
from audit_lab.log.foreign.mapping import ROLES, Mapping, parse_time
from audit_lab.log.foreign.scan import collect_foreign, foreign_folder
from audit_lab.log.store import open_store

NOON = datetime(2015, 7, 1, 12, 0, tzinfo=UTC)
MAPPING = Mapping(
    "theirs",
    {
        "prediction_id": "k",
        "occurred_at": "t",
        "model_name": "m",
        "model_version": "v",
        "score": "p",
        "decision": "d",
        "outcome": "truth",
    },
    ("amount", "purpose"),
    time_unit="ms",
)


def rows(**changes: object) -> pl.DataFrame:
    """Three good rows in their names, some columns exchanged."""
    columns = {
        "k": ["a", "b", "c"],
        "t": [1435752000000, 1435752001000, 1435752002000],
        "m": ["loans", "loans", "cards"],
        "v": ["r1", None, "r2"],
        "p": [0.25, 0.5, 0.75],
        "d": ["YES", "NO", "NO"],
        "truth": [0, None, 1],
        "amount": [100, 200, 300],
        "purpose": ["car", "tv", "car"],
    }
    return pl.DataFrame({**columns, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows().write_parquet(tmp_path / "part.parquet")
    return tmp_path


def test_predictions_are_in_canonical_columns(folder):
    found = open_store(folder, MAPPING).table("predictions").collect()
    assert found.select("prediction_id", "model_name", "model_version", "decision", "occurred_at").rows() == [
        ("a", "loans", "r1", "YES", NOON),
        ("b", "loans", None, "NO", NOON + timedelta(seconds=1)),
        ("c", "cards", "r2", "NO", NOON + timedelta(seconds=2)),
    ]
    assert found["outputs"].to_list() == [
        {"score": score, "label": None, "probabilities": None} for score in (0.25, 0.5, 0.75)
    ]


def test_inputs_are_one_table_per_model_and_keep_their_names(folder):
    store = open_store(folder, MAPPING)
    assert store.models() == ("cards", "loans")
    assert store.inputs("loans").collect().to_dict(as_series=False) == {
        "prediction_id": ["a", "b"],
        "recorded_at": [NOON, NOON + timedelta(seconds=1)],
        "amount": [100, 200],
        "purpose": ["car", "tv"],
    }


def test_outcomes_hold_the_known_truths_only(folder):
    found = open_store(folder, MAPPING).table("outcomes").collect()
    assert found.select("prediction_id", "label", "value", "source").rows() == [
        ("a", "0", 0.0, "column truth"),
        ("c", "1", 1.0, "column truth"),
    ]


def test_tables_count_the_rows_that_scanning_gives(folder):
    tables = open_store(folder, MAPPING).source.tables()
    assert tables == {"predictions": 3, "inputs/cards": 1, "inputs/loans": 2, "outcomes": 2}


def test_tables_that_no_mapping_yields_are_empty_and_canonical(folder):
    found = open_store(folder, MAPPING).table("deployments").collect()
    assert found.height == 0
    assert "deployment_id" in found.columns


def test_missing_roles_are_stated_as_notes(folder):
    notes = " ".join(open_store(folder, Mapping("theirs", {"score": "p"})).notes)
    for lost in ("names a prediction", "when a prediction was made", "model version", "ground truth", "is an input"):
        assert lost in notes


def test_without_an_id_column_ids_are_made_from_file_and_row(folder):
    found = open_store(folder, Mapping("theirs", {"score": "p"})).table("predictions").collect()
    assert found["prediction_id"].to_list() == ["part:0", "part:1", "part:2"]
    assert found["model_name"].to_list() == ["unnamed-model"] * 3


def test_rows_whose_id_is_missing_or_time_unreadable_are_in_no_table(tmp_path):
    rows(k=["a", " ", "c"], t=[1435752000000, 1435752001000, 2**62]).write_parquet(tmp_path / "part.parquet")
    store = open_store(tmp_path, MAPPING)
    assert store.table("predictions").collect()["prediction_id"].to_list() == ["a"]
    assert store.inputs("loans").collect()["prediction_id"].to_list() == ["a"]
    assert store.source.tables() == {"predictions": 1, "inputs/loans": 1, "outcomes": 1}


def test_a_row_without_a_time_is_kept_without_one(tmp_path):
    rows(t=[1435752000000, None, 1435752002000]).write_parquet(tmp_path / "part.parquet")
    found = open_store(tmp_path, MAPPING).table("predictions").collect()
    assert found["occurred_at"].to_list() == [NOON, None, NOON + timedelta(seconds=2)]


def test_a_row_whose_inputs_are_all_null_has_no_inputs_row(tmp_path):
    rows(amount=[None, 200, 300], purpose=[None, "tv", "car"]).write_parquet(tmp_path / "part.parquet")
    store = open_store(tmp_path, MAPPING)
    assert store.inputs("loans").collect()["prediction_id"].to_list() == ["b"]
    assert store.source.tables()["inputs/loans"] == 1


def test_a_row_without_a_model_name_bears_the_mappings(tmp_path):
    rows(m=["loans", None, ""]).write_parquet(tmp_path / "part.parquet")
    store = open_store(tmp_path, MAPPING)
    assert store.models() == ("loans", "unnamed-model")
    assert store.inputs("unnamed-model").collect()["prediction_id"].to_list() == ["b", "c"]


def test_a_score_that_is_no_finite_number_is_missing(tmp_path):
    rows(p=["0.25", "high", "nan"]).write_parquet(tmp_path / "part.parquet")
    outputs = open_store(tmp_path, MAPPING).table("predictions").collect()["outputs"]
    assert [output["score"] for output in outputs] == [0.25, None, None]


def test_whole_floats_of_a_column_with_gaps_are_written_as_integers(tmp_path):
    rows(k=[1.0, 2.0, 3.5], truth=[0.0, None, 1.0]).write_parquet(tmp_path / "part.parquet")
    store = open_store(tmp_path, MAPPING)
    assert store.table("predictions").collect()["prediction_id"].to_list() == ["1", "2", "3.5"]
    assert store.table("outcomes").collect()["label"].to_list() == ["0", "1"]


def test_bytes_as_ids_are_written_in_hexadecimal(tmp_path):
    rows(k=[b"\xff\x00", b"\x01", b"\x02"]).write_parquet(tmp_path / "part.parquet")
    found = open_store(tmp_path, MAPPING).table("predictions").collect()
    assert found["prediction_id"].to_list() == ["ff00", "01", "02"]


@pytest.mark.parametrize(
    ("dtype", "unit", "milliseconds"),
    [(pl.Duration("us"), "ms", 1.5), (pl.Float64, "s", 1_500.0), (pl.Float64, "us", 0.0015)],
)
def test_latency_is_converted_to_milliseconds(tmp_path, dtype, unit, milliseconds):
    value = timedelta(microseconds=1_500) if isinstance(dtype, pl.Duration) else 1.5
    pl.DataFrame({"took": [value]}, schema={"took": dtype}).write_parquet(tmp_path / "part.parquet")
    found = open_store(tmp_path, Mapping("theirs", {"latency_ms": "took"}, latency_unit=unit))
    assert found.table("predictions").collect()["latency_ms"].to_list() == [pytest.approx(milliseconds)]


def times(
    values: list[object], dtype: pl.DataType | type[pl.DataType], unit: str | None = None
) -> list[datetime | None]:
    frame = pl.DataFrame({"t": values}, schema={"t": dtype}, strict=False)
    return frame.select(parse_time("t", frame.schema["t"], unit))["t"].to_list()


@pytest.mark.parametrize(
    ("unit", "number"),
    [("s", 1435752000), ("ms", 1435752000000), ("us", 1435752000000000), ("ns", 1435752000000000000)],
)
def test_epoch_numbers_are_read_in_their_unit(unit, number):
    assert times([number, None], pl.Int64, unit) == [NOON, None]
    assert times([str(number)], pl.String, unit) == [NOON]


def test_epoch_floats_keep_their_fraction():
    assert times([1435752000.25, float("nan"), float("inf")], pl.Float64, "s") == [
        NOON + timedelta(milliseconds=250),
        None,
        None,
    ]


def test_epoch_numbers_beyond_the_calendar_are_unreadable():
    assert times([2**63 - 1, -(2**63)], pl.Int64, "s") == [None, None]
    assert times([2**64 - 1], pl.UInt64, "ms") == [None]


def test_times_without_a_zone_are_utc_and_zones_are_converted():
    assert times([datetime(2015, 7, 1, 12)], pl.Datetime("ns")) == [NOON]  # noqa: DTZ001 - bare on purpose
    berlin = pl.Series("t", [NOON]).dt.convert_time_zone("Europe/Berlin").to_frame()
    assert berlin.select(parse_time("t", berlin.schema["t"], None))["t"].to_list() == [NOON]
    assert times([date(2015, 7, 1)], pl.Date) == [datetime(2015, 7, 1, tzinfo=UTC)]


def test_a_time_beyond_the_calendar_is_unreadable_and_no_panic():
    assert times([2**62], pl.Int64, "ms") == [None]
    frame = pl.DataFrame({"t": [2**62]}).select(pl.col("t").cast(pl.Datetime("ms", "UTC")))
    assert frame.select(parse_time("t", frame.schema["t"], None))["t"].to_list() == [None]


def test_each_iso_text_is_read_by_itself_whatever_form_the_first_has():
    texts = [
        "2015-07-01T12:00:00",
        "2015-07-01T12:00:00Z",
        "2015-07-01 14:00:00+02:00",
        "2015-07-01T07:00:00.000000000-0500",
        "2015-07-01 12:00:00 UTC",
        "2015-07-01t12:00",
        "2015-07-01",
        "07/01/2015",
        "2015-13-01",
        "soon",
        None,
    ]
    assert times(texts, pl.String) == [*[NOON] * 6, datetime(2015, 7, 1, tzinfo=UTC), None, None, None, None]


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - hypothesis wants bare bounds
    st.integers(-14 * 60, 14 * 60),
)
@settings(max_examples=150, deadline=None)
def test_what_python_writes_as_iso_text_is_read_back(moment, minutes):
    from datetime import timezone

    zoned = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert times([zoned.isoformat()], pl.String) == [zoned]


def test_a_number_without_a_unit_is_refused(folder):
    with pytest.raises(MisuseError, match="time_unit"):
        open_store(folder, Mapping("theirs", {"occurred_at": "t"}))


@pytest.mark.parametrize("role", ["prediction_id", "score", "occurred_at", "outcome", "latency_ms"])
def test_a_nested_column_is_refused_by_name(tmp_path, role):
    pl.DataFrame({"nest": [[1, 2]]}).write_parquet(tmp_path / "part.parquet")
    with pytest.raises(MisuseError, match="column nest is List"):
        open_store(tmp_path, Mapping("theirs", {role: "nest"})).table("outcomes").collect()


def test_a_column_that_one_file_lacks_is_null_there_even_if_it_is_the_first(tmp_path):
    rows().drop("purpose").write_parquet(tmp_path / "a.parquet")
    rows(k=["d", "e", "f"]).write_parquet(tmp_path / "b.parquet")
    found = open_store(tmp_path, MAPPING).inputs("loans").collect()
    assert found.select("prediction_id", "purpose").rows() == [("a", None), ("b", None), ("d", "car"), ("e", "tv")]


def test_a_column_that_only_a_later_file_has_can_be_mapped(tmp_path):
    rows().drop("truth").write_parquet(tmp_path / "a.parquet")
    rows(k=["d", "e", "f"]).with_columns(extra=pl.lit(1)).write_parquet(tmp_path / "b.parquet")
    assert open_store(tmp_path, MAPPING).table("outcomes").collect()["prediction_id"].to_list() == ["d", "f"]


def test_narrow_types_are_widened(tmp_path):
    rows().cast({"amount": pl.Int16, "p": pl.Float32}).write_parquet(tmp_path / "a.parquet")
    rows(k=["d", "e", "f"], amount=[0.5, 1.5, 2.5]).write_parquet(tmp_path / "b.parquet")
    found = open_store(tmp_path, MAPPING)
    assert found.inputs("loans").collect()["amount"].to_list() == [100.0, 200.0, 0.5, 1.5]
    assert found.table("predictions").collect()["outputs"].struct["score"].to_list() == [0.25, 0.5, 0.75] * 2


def test_large_unsigned_ids_survive_beside_signed_ones(tmp_path):
    pl.DataFrame({"k": [2**64 - 1]}, schema={"k": pl.UInt64}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"k": [-1]}, schema={"k": pl.Int64}).write_parquet(tmp_path / "b.parquet")
    found = open_store(tmp_path, Mapping("theirs", {"prediction_id": "k"})).table("predictions").collect()
    assert found["prediction_id"].to_list() == ["18446744073709551615", "-1"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1], ["1"]),
        ([1], [NOON]),
        ([NOON], [NOON.replace(tzinfo=None)]),
        (["a"], [True]),
        ([1], [True]),
    ],
)
def test_conflicting_types_are_refused_by_column_and_file(tmp_path, one, other):
    pl.DataFrame({"k": one}).write_parquet(tmp_path / "january.parquet")
    pl.DataFrame({"k": other}).write_parquet(tmp_path / "june.parquet")
    with pytest.raises(LogError, match=r"column k is .* in january but .* in june"):
        open_store(tmp_path, Mapping("theirs", {"prediction_id": "k"}))


def test_a_conflict_in_a_column_that_is_not_mapped_does_no_harm(tmp_path):
    pl.DataFrame({"k": ["a"], "debug": [1]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"k": ["b"], "debug": ["x"]}).write_parquet(tmp_path / "b.parquet")
    found = open_store(tmp_path, Mapping("theirs", {"prediction_id": "k"})).table("predictions").collect()
    assert found["prediction_id"].to_list() == ["a", "b"]


def test_columns_that_stand_in_the_path_can_be_mapped(tmp_path):
    for day in ("2015-07-01", "2015-07-02"):
        part = tmp_path / f"day={day}" / "model=lo%2Fans"
        part.mkdir(parents=True)
        rows().write_parquet(part / "x.parquet")
    found = open_store(tmp_path, Mapping("theirs", {"occurred_at": "day", "model_name": "model"})).table("predictions")
    days = [datetime(2015, 7, 1, tzinfo=UTC)] * 3 + [datetime(2015, 7, 2, tzinfo=UTC)] * 3
    assert found.collect()["occurred_at"].to_list() == days
    assert found.collect()["model_name"].unique().to_list() == ["lo/ans"]


def test_hidden_and_other_files_are_not_read_but_listed(folder):
    (folder / "_delta_log").mkdir()
    rows().write_parquet(folder / "_delta_log" / "1.parquet")
    rows().write_parquet(folder / ".part.parquet")
    (folder / "notes.txt").write_text("x")
    found = foreign_folder(folder)
    assert [file.name for file in found.files] == ["part"]
    assert found.unread == (".part.parquet", "_delta_log/1.parquet", "notes.txt")


def test_a_link_that_leads_out_of_the_folder_is_not_read(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.parquet"
    rows().write_parquet(outside)
    (folder / "link.parquet").symlink_to(outside)
    assert foreign_folder(folder).unread == ("link.parquet",)


def test_a_file_name_with_an_at_sign_gives_a_place_that_can_be_asked_for(tmp_path):
    from audit_lab.log.index.lookup import find_prediction

    for name in ("a@1:2.parquet", "b.parquet"):
        rows().write_parquet(tmp_path / name)
    store = open_store(tmp_path, MAPPING)
    found = find_prediction(store, "b@a%401:2:1")
    assert (found.row["prediction_id"], found.place, found.places) == ("b", "b@a%401:2:1", ["b@a%401:2:1", "b@b:1"])


def test_foreign_columns_named_like_ours_do_no_harm(tmp_path):
    rows(_row=[7, 8, 9], _segment=["x", "y", "z"]).write_parquet(tmp_path / "part.parquet")
    found = open_store(tmp_path, MAPPING).placed("predictions").collect()
    assert found.select("_segment", "_row").rows() == [("part", 0), ("part", 1), ("part", 2)]


def test_an_input_with_the_name_of_a_key_is_refused():
    with pytest.raises(MisuseError, match="recorded_at"):
        Mapping("theirs", {}, ("recorded_at",))


def test_a_column_that_is_not_there_is_refused_with_those_that_are(folder):
    with pytest.raises(MisuseError, match=r"lacks: nope\..*amount"):
        open_store(folder, Mapping("theirs", {"score": "nope"}))


def test_a_missing_folder_and_one_without_parquet_are_refused(tmp_path):
    with pytest.raises(MisuseError, match="there is no folder"):
        foreign_folder(tmp_path / "nowhere")
    with pytest.raises(MisuseError, match=r"no file ending in \.parquet"):
        foreign_folder(tmp_path)


@pytest.mark.parametrize("damage", ["text", "empty", "truncated"])
def test_a_file_that_is_not_whole_parquet_is_refused_by_name(folder, damage):
    content = (folder / "part.parquet").read_bytes()
    broken = {"text": b"hello" * 100, "empty": b"", "truncated": content[: len(content) // 2]}[damage]
    (folder / "zz.parquet").write_bytes(broken)
    with pytest.raises(LogError, match=r"zz\.parquet cannot be read as Parquet"):
        open_store(folder, MAPPING)


def test_damage_inside_a_file_is_told_with_the_files_name(tmp_path):
    pl.DataFrame({"k": [f"id-{n}" for n in range(5_000)]}).write_parquet(tmp_path / "good.parquet")
    pl.DataFrame({"k": [f"no-{n}" for n in range(5_000)]}).write_parquet(tmp_path / "worse.parquet")
    content = bytearray((tmp_path / "worse.parquet").read_bytes())
    content[4:200] = b"\xff" * 196
    (tmp_path / "worse.parquet").write_bytes(content)
    found = foreign_folder(tmp_path)
    with pytest.raises(LogError, match=r"worse\.parquet cannot be read as Parquet"):
        collect_foreign(found.scan(["k"]), found, ["k"])


TEXT = st.text(max_size=30)


@given(
    origin=TEXT,
    columns=st.dictionaries(st.sampled_from(sorted(ROLES)), TEXT),
    inputs=st.lists(TEXT, unique=True, max_size=5),
    description=TEXT,
    time_unit=st.sampled_from([None, "s", "ms", "us", "ns"]),
    model_name=TEXT,
    notes=st.lists(TEXT, max_size=3),
    latency_unit=st.sampled_from(["s", "ms", "us", "ns"]),
)
@settings(max_examples=200, deadline=None)
def test_a_mapping_is_read_back_as_it_was_written(
    *, origin, columns, inputs, description, time_unit, model_name, notes, latency_unit
):
    mapping = Mapping(
        origin, columns, tuple(inputs), description, time_unit, model_name, tuple(notes), latency_unit=latency_unit
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.toml"
        path.write_text(mapping.to_toml(), "utf-8")
        assert Mapping.read(path) == mapping


HOSTILE = [
    'say "hi"',
    "two\nlines\r\n\ttab",
    "'; DROP TABLE predictions; --",
    "<script>alert(1)</script>",
    "back\\slash \\u0041",
    "\x00\x1b[31mred\x7f\u202egnp.exe\U000e0001",
    "emoji \U0001f600 and {braces} [x] .*",
    "",
]


@pytest.mark.parametrize("name", [*HOSTILE, "m" * 1_000_000], ids=[*map(ascii, HOSTILE), "1 MB"])
def test_hostile_names_pass_through_a_mapping_unharmed(tmp_path, name):
    folder = tmp_path / "theirs"
    folder.mkdir()
    pl.DataFrame({name: [1.5, 2.5], "k": ["a", "b"]}).write_parquet(folder / "part.parquet")
    mapping = Mapping(name, {"prediction_id": "k", "score": name}, (name,))
    (tmp_path / "m.toml").write_text(mapping.to_toml(), "utf-8")
    store = open_store(folder, tmp_path / "m.toml")
    assert store.mapping == mapping
    assert store.inputs("unnamed-model").collect()[name].to_list() == [1.5, 2.5]
    assert store.table("predictions").collect()["outputs"].struct["score"].to_list() == [1.5, 2.5]


def test_a_saved_mapping_holds_no_invisible_character():
    text = Mapping("\x1b[2J\u202e", {"score": "a\u200bb"}).to_toml()
    assert all(c.isprintable() or c == "\n" for c in text)


def test_errors_about_hostile_names_are_short_and_printable(folder):
    with pytest.raises(MisuseError) as caught:
        open_store(folder, Mapping("theirs", {"score": "\x1b[2J" + "m" * 1_000_000}))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1_000


def test_printable_escapes_and_cuts():
    assert printable("a\x1b[31m\n\u202eb") == "a\\x1b[31m\\n\\u202eb"
    assert printable("x" * 100, 10) == "xxxxxxxxxx... (100 characters)"
    assert printable("\ud800") == "\\ud800"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not toml at all [", "is not a mapping"),
        ('format = "audit_lab.mapping"\nversion = 2\norigin = "x"\n[columns]\n', "version 1"),
        ('format = "audit_lab.mapping"\nversion = 1\n[columns]\n', "origin is missing"),
        ('format = "audit_lab.mapping"\nversion = 1\norigin = "x"\n[columns]\nsorce = "p"\n', "unknown roles: sorce"),
        ('format = "audit_lab.mapping"\nversion = 1\norigin = "x"\n[columns]\nscore = 3\n', "score is 3"),
        ('format = "audit_lab.mapping"\nversion = 1\norigin = "x"\ninputs = "abc"\n[columns]\n', "inputs is 'abc'"),
        ('format = "audit_lab.mapping"\nversion = 1\norigin = "x"\ntime_unit = "h"\n[columns]\n', "time_unit"),
        (
            'format = "audit_lab.mapping"\nversion = 1\norigin = "x"\ntimeunit = "s"\n[columns]\n',
            "unknown setting 'timeunit'",
        ),
        ('format = "audit_lab.mapping"\nversion = 1\norigin = "x"\ncolumns = 3\n', "is not a mapping"),
    ],
)
def test_what_is_no_mapping_is_refused_with_the_reason(tmp_path, text, why):
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(MisuseError, match=r"m\.toml is not a mapping") as caught:
        Mapping.read(tmp_path / "m.toml")
    assert why in str(caught.value)


def test_a_missing_mapping_file_and_one_that_is_no_text_are_refused(tmp_path):
    with pytest.raises(MisuseError, match="no readable mapping file"):
        Mapping.read(tmp_path / "none.toml")
    (tmp_path / "m.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MisuseError, match="is not a mapping"):
        Mapping.read(tmp_path / "m.toml")
