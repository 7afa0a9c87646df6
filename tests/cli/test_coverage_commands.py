"""The commands coverage and in-force."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest


@pytest.fixture
def lacking(make_log):
    return make_log(inputs_loans=lambda f: f.head(38))


def test_coverage_in_words(run, lacking):
    told = run("coverage", "--log", lacking)
    assert (told.code, told.err) == (1, "")
    assert "38 of 40 predictions (95.000%) can be replayed, 38 (95.000%) reconstructed." in told.out
    assert "Not checked: what only a run shows." in told.out
    (row,) = [line for line in told.out.splitlines() if line.startswith("2024-03-04")]
    assert row.split() == ["2024-03-04", "00:00:00", "1", "inputs-missing", "2", "0", "p-038"]


def test_coverage_for_programs(run, lacking):
    told = run("coverage", "--every", "1d", "--log", lacking, "--json")
    assert (told.code, told.json["every"], told.json["replayable"]) == (1, "1d", 38)
    assert [week["predictions"] for week in told.json["weeks"]] == [15, 24, 1]
    assert told.json["reasons"][0]["window_start"].startswith("2024-03-05T00:00:00")


def test_whole_coverage_is_no_error(run, make_log):
    assert run("coverage", "--log", make_log()).code == 0


def test_ids_one_a_line(run, lacking):
    assert run("coverage", "--ids", "inputs-missing", "--log", lacking).out == "p-038\np-039\n"
    assert run("coverage", "--ids", "replayable", "--version", "1", "-n", "2", "--log", lacking).out == "p-000\np-001\n"
    assert run("coverage", "--ids", "inputs-missing", "--log", lacking, "--json").json["ids"] == ["p-038", "p-039"]


@pytest.mark.parametrize(("name", "begins"), [("c.svg", b"<svg"), ("c.png", b"\x89PNG")])
def test_picture(run, lacking, tmp_path, name, begins):
    run("coverage", "--log", lacking, "--picture", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--picture", "c.pdf"], "Name a file that ends in .svg or .png."),
        (["--limit", "3"], "Give --ids CODE with them."),
        (["--ids", "sunspots"], "there is no code 'sunspots'"),
        (["--every", "2w"], "Use one of 1d, 1w, 1mo."),
    ],
)
def test_calls_that_cannot_be_meant(run, lacking, given, said):
    told = run("coverage", *given, "--log", lacking)
    assert told.code == 2
    assert said in told.err


@pytest.fixture
def canary(make_log):
    second = {"deployment_id": pl.lit("canary"), "model_version": pl.lit("2"), "traffic_share": pl.lit(0.1)}
    late = pl.col("recorded_at") + timedelta(days=3)
    told = {"actor": pl.lit("r.keller"), "reason": pl.lit("a trial")}
    return make_log(
        deployments=lambda f: pl.concat(
            [f.with_columns(traffic_share=0.9, **told), f.with_columns(**second, **told, recorded_at=late)]
        )
    )


def test_in_force_names_every_candidate(run, canary):
    told = run("in-force", "loans", "--at", "2024-03-04T10:00", "--log", canary)
    assert told.code == 0
    assert "several versions were in force at 2024-03-04 10:00 UTC: 1 with 90 % of the traffic" in told.out
    (row,) = [line for line in told.out.splitlines() if line.startswith("2 ")]
    assert row.split()[1:4] == ["canary", "production", "-"]
    assert "r.keller" in row
    assert row.endswith("a trial")


def test_in_force_for_programs(run, canary):
    asked = ("in-force", "loans", "--at", "2024-03-04T10:00", "--environment", "production", "--log", canary, "--json")
    document = run(*asked, "--recorded", "2", "--as-known-on", "2024-03-05").json
    assert (document["versions"], document["known_now"], document["agrees"]) == (["1"], ["1", "2"], False)
    assert run(*asked, "--recorded", "2").json["version"] == "2"


def test_day_of_knowledge_lasts_to_its_end(run, canary):
    asked = ("in-force", "loans", "--at", "2024-03-04T10:00", "--log", canary, "--json", "--as-known-on")
    assert run(*asked, "2024-03-07").json["versions"] == ["1", "2"]
    assert run(*asked, "2024-03-07T00:00").json["versions"] == ["1"]


@pytest.mark.parametrize(
    "asked",
    [
        ["--at", "2024-01-01"],
        ["--at", "2024-03-05", "--recorded", "3"],
        ["--at", "2024-03-05", "--environment", "staging"],
        ["--at", "2024-03-05", "--as-known-on", "2024-03-05"],
    ],
)
def test_nothing_or_something_amiss_in_force_is_told_by_the_exit_code(run, canary, asked):
    assert run("in-force", "loans", *asked, "--log", canary).code == 1


def test_model_that_nobody_knows(run, canary):
    told = run("in-force", "cards", "--at", "2024-03-05", "--log", canary)
    assert told.code == 1
    assert "no model 'cards' is deployed or registered. Known are loans." in told.err
