"""Exhibits against those that the notebook made when it was run again: by ids, else by what their texts say."""

from __future__ import annotations

import json

import pytest

from audit_lab.evidence.rerun.allowed_distance import AllowedDistance
from audit_lab.evidence.rerun.exhibits import exhibits_again
from audit_lab.evidence.rerun.made import made_exhibits

EXACT, NEAR = AllowedDistance(), AllowedDistance(1e-6)
REPLAY = '{"score":0.5001423,"verdict":"EXACT"}\n'


def stated(number, name="a" * 64, kind="replay", title="The decision, run again", **more):
    file = {"name": "replay.json", "path": f"exhibits/{number:03}-x/replay.json", "sha256": "0" * 64}
    return {"number": number, "id": name, "kind": kind, "title": title, "files": [file], **more}


def made(text=REPLAY, name="b" * 64, kind="replay", title="The decision, run again", file="replay.json"):
    return {"id": name, "kind": kind, "title": title, "files": {file: text}}


def again(told, *exhibits, recorded=REPLAY, allowed=EXACT):
    result = exhibits_again(exhibits or [stated(3)], told, lambda _: recorded.encode(), allowed)
    return [(found.code, found.file, found.meaning) for found in result.findings], result.again, result.left


def test_one_of_the_same_id_was_made_again():
    assert again([made(name="a" * 64)]) == ([], ["3 (replay)"], [])


def test_one_that_says_otherwise_is_found_whatever_its_id_and_custody_say():
    found, numbers, _ = again([made()], recorded=REPLAY.replace("EXACT", "DIVERGED"))
    ((code, file, meaning),) = found
    assert (code, file) == ("rerun.exhibit-differs", "data/exhibits/003-x/replay.json")
    assert "recorded" in meaning
    assert "EXACT" in meaning
    assert numbers == ["3 (replay)"]


@pytest.mark.parametrize(("allowed", "differing"), [(EXACT, 1), (NEAR, 0)])
def test_numbers_may_lie_apart_by_what_was_declared(allowed, differing):
    told = made(REPLAY.replace("0.5001423", "0.5001424"))
    assert len(again([told], allowed=allowed)[0]) == differing


def test_another_machine_may_give_the_same_answer():
    here, there = ({"verdict": "EXACT", "environment": {"python": each}, "digest": each} for each in ("3.11", "3.12"))
    assert again([made(json.dumps(there))], recorded=json.dumps(here))[0] == []
    assert len(again([made(json.dumps({**there, "verdict": "x"}))], recorded=json.dumps(here))[0]) == 1
    assert len(again([made("{")], recorded=json.dumps(here))[0]) == 1


def test_a_file_that_only_one_of_them_has_differs():
    found, _, _ = again([made(file="else.json")])
    assert [meaning for _, _, meaning in found] == [
        "run again: 'else.json' came, which is not here",
        "run again: it did not come again",
    ]


@pytest.mark.parametrize(
    "told",
    [
        [],
        None,
        "x",
        [7],
        [{"id": "b" * 64}],
        [made() | {"files": []}],
        [made(kind="drift")],
        [made(title="else")],
        [made(), made(name="c" * 64)],
    ],
)
def test_what_was_not_made_again_is_said(told):
    assert again(told) == ([], [], ["3 (replay)"])


def test_one_that_withholds_something_is_not_compared():
    assert again([made()], stated(3, redacted_from="d" * 64)) == ([], [], ["3 (replay)"])


def test_the_lines_of_the_report():
    result = exhibits_again([stated(1, "b" * 64), stated(2, title="else")], [made()], lambda _: b"", EXACT)
    assert result.checked() == ["exhibits computed again: 1 (replay), against those here"]
    assert result.not_checked() == ["exhibits computed again: not 2 (replay), which say what the signer states"]


def test_what_the_side_behind_the_walls_tells(tmp_path):
    folder = tmp_path / "cases" / "INC-1" / "exhibits" / "001-x-replay"
    folder.mkdir(parents=True)
    record = {"id": "b" * 64, "kind": "replay", "title": "T", "files": {"replay.json": "0", "table.parquet": "0"}}
    (folder / "exhibit.json").write_text(json.dumps(record))
    (folder / "replay.json").write_text(REPLAY)
    (folder / "table.parquet").write_bytes(b"\x00")
    assert made_exhibits(tmp_path) == [
        {"id": "b" * 64, "kind": "replay", "title": "T", "files": {"replay.json": REPLAY}}
    ]
