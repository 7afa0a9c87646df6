"""An artifact that the registry says is outside the log: never looked for, and the way out is said."""

from __future__ import annotations

import polars as pl
import pytest

import audit_lab as al
from audit_lab.errors import ModelError
from audit_lab.log.folder import LogFolder
from audit_lab.replay.artifacts.location import check_location


@pytest.mark.parametrize(
    ("uri", "advised"),
    [
        ("../loans.ubj", "artifacts/loans.ubj"),
        ("artifacts/../../loans.ubj", "artifacts/loans.ubj"),
        ("/srv/models/loans.ubj", "artifacts/loans.ubj"),
        ("s3://bucket/models/loans.ubj", "artifacts/loans.ubj"),
        ("https://example.test/loans.ubj", "artifacts/loans.ubj"),
        ("models:/loans/3", "artifacts/3"),
        ("file:/srv/loans.ubj", "artifacts/loans.ubj"),
        ("C:\\models\\loans.ubj", "artifacts/loans.ubj"),
        ("\\\\server\\share\\loans.ubj", "artifacts/loans.ubj"),
        ("../..", "artifacts/,"),
    ],
)
def test_what_leads_out_is_refused_with_where_to_copy_it(tmp_path, uri, advised):
    with pytest.raises(ModelError) as told:
        check_location(LogFolder(tmp_path), uri, "loans 1")
    assert told.value.code == "artifact-outside"
    assert told.value.message == (
        f"the registry says that the artifact of loans 1 is at {uri!r}, which is outside the log; nothing there is "
        "looked for or opened"
    )
    assert f"for example to {advised}" in told.value.next_step


@pytest.mark.parametrize("uri", ["artifacts/loans.ubj", "artifacts/models:3.ubj", "a:b", "..x/y"])
def test_what_lies_inside_is_not(tmp_path, uri):
    check_location(LogFolder(tmp_path), uri, "loans 1")


def test_a_link_that_leads_out_is_outside(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    (tmp_path / "loans.ubj").write_bytes(b"model")
    (folder / "loans.ubj").symlink_to(tmp_path / "loans.ubj")
    with pytest.raises(ModelError, match="outside the log"):
        check_location(LogFolder(folder), "loans.ubj", "loans 1")


def test_a_file_outside_is_not_read_though_its_digest_is_the_registered_one(make_log, small_model):
    folder = make_log(model_versions=lambda f: f.with_columns(artifact_uri=pl.lit("../loans-1.ubj")))
    (folder.parent / "loans-1.ubj").write_bytes(small_model.artifact)
    decision = al.open(folder).decision("p-003")
    assert [gap.code for gap in decision.gaps] == ["artifact-outside", "outcome-missing"]
    replay = decision.replay()
    assert (str(replay.verdict), replay.code) == ("UNREPLAYABLE", "artifact-outside")
    assert "Copy it into the log's folder, for example to artifacts/loans-1.ubj" in replay.why
    assert al.open(folder).coverage().table["code"].to_list() == ["artifact-outside"]


def test_a_correction_of_the_place_makes_earlier_decisions_replayable(make_log):
    def moved(frame):
        first = frame.with_columns(artifact_uri=pl.lit("s3://bucket/loans-1.ubj"), supersedes=pl.lit(None, pl.String))
        later = frame.with_columns(
            supersedes=pl.lit("loans@1@part-00000:0"), recorded_at=pl.col("recorded_at") + pl.duration(days=30)
        )
        return pl.concat([first, later], how="diagonal_relaxed")

    assert str(al.open(make_log(model_versions=moved)).decision("p-003").replay().verdict) == "EXACT"
