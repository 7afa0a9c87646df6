"""The addresses of a real Jupyter server, asked over HTTP."""

from __future__ import annotations

import json

import pytest

from audit_lab.errors import LogError
from audit_lab.lab.handlers import _bounded


def test_logs_are_listed_with_what_they_hold(server):
    reply = server.ask("logs")
    assert reply.status == 200
    assert reply.body["complete"] is True
    entries = {entry["path"]: entry for entry in reply.body["logs"]}
    assert sorted(path for path in entries if not path.startswith("made/")) == [
        "broken",
        "leaking",
        "logs/loans",
        "logs/many",
        "logs/twice",
    ]
    assert entries["logs/loans"] == {
        "path": "logs/loans",
        "origin": "loans",
        "description": "A log for a test",
        "notes": ["Its times are invented."],
        "predictions": 3,
        "models": ["loan"],
        "first_time": "2026-03-01T12:00:00+00:00",
        "last_time": "2026-03-01T12:02:00+00:00",
        "integrity": {"sealed": False, "verdict": None, "verified_at": None, "findings": 0},
        "problem": None,
    }


def test_a_broken_log_is_listed_with_its_problem(server):
    broken = next(entry for entry in server.ask("logs").body["logs"] if entry["path"] == "broken")
    assert broken["predictions"] is None
    assert "broken/manifest.json" in broken["problem"]["message"]
    assert str(server.root) not in str(broken)
    assert broken["problem"]["next_step"]


def test_the_newest_predictions_come_first(server):
    reply = server.ask("predictions", log="logs/loans", limit="2")
    assert reply.status == 200
    assert reply.body["predictions"] == [
        {
            "prediction_id": prediction_id,
            "occurred_at": time,
            "model_name": "loan",
            "model_version": "1.0.0",
            "decision": "approve",
            "score": 0.25,
        }
        for prediction_id, time in (("p-002", "2026-03-01T12:02:00+00:00"), ("p-001", "2026-03-01T12:01:00+00:00"))
    ]


def test_never_more_than_200_rows(server):
    assert len(server.ask("predictions", log="logs/many", limit="100000").body["predictions"]) == 200


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1e3", "²"])
def test_a_limit_that_is_no_number_of_rows_is_refused(server, limit):
    reply = server.ask("predictions", log="logs/loans", limit=limit)
    assert reply.status == 400
    assert reply.body["next_step"] == "Give a whole number from 1 to 200."


def test_a_search_looks_at_every_prediction_and_takes_the_text_as_it_is(server):
    found = server.ask("predictions", log="logs/many", search="p-00").body["predictions"]
    assert [row["prediction_id"] for row in found] == [f"p-00{digit}" for digit in range(9, -1, -1)]
    assert server.ask("predictions", log="logs/many", search="p.00").body["predictions"] == []


def test_a_decision_is_reconstructed(server):
    reply = server.ask("decision", log="logs/loans", id="p-001")
    assert reply.status == 200
    assert reply.body["log"] == "logs/loans"
    decision = reply.body["decision"]
    assert (decision["prediction_id"], decision["decision"], decision["stated_version"]) == (
        "p-001",
        "approve",
        "1.0.0",
    )
    assert decision["inputs"] == [{"feature": "amount", "value": 1200.0, "unit": None}]


def test_an_unknown_id_is_404_with_the_next_step(server):
    reply = server.ask("decision", log="logs/loans", id="nobody")
    assert reply.status == 404
    assert "nobody" in reply.body["message"]
    assert reply.body["next_step"]


def test_an_id_that_stands_twice_is_422_and_names_places_that_can_be_asked_for(server):
    reply = server.ask("decision", log="logs/twice", id="same")
    assert reply.status == 422
    assert len(reply.body["places"]) == 2
    chosen = server.ask("decision", log="logs/twice", id=reply.body["places"][1])
    assert chosen.status == 200
    assert chosen.body["decision"]["place"] == reply.body["places"][1]


@pytest.mark.parametrize("log", ["../outside", "logs/../../outside", "/etc", "", "..", "logs\\loans", ".hidden"])
def test_a_path_that_climbs_or_hides_is_refused(server, log):
    reply = server.ask("predictions", log=log)
    assert reply.status == 400
    assert "not a plain path" in reply.body["message"]


def test_the_absolute_path_of_a_log_inside_is_refused_too(server):
    assert server.ask("predictions", log=str(server.root / "logs" / "loans")).status == 400


def test_a_symlink_out_of_the_root_is_refused_and_not_listed(server):
    reply = server.ask("predictions", log="linked")
    assert reply.status == 400
    assert "leads out of the server's folder" in reply.body["message"]


def test_a_segment_that_leads_out_of_the_root_is_refused(server):
    reply = server.ask("predictions", log="leaking")
    assert reply.status == 422
    assert "predictions/part-00000.parquet" in reply.body["message"]


def test_a_folder_that_is_not_there_is_404(server):
    reply = server.ask("predictions", log="logs/gone")
    assert reply.status == 404
    assert reply.body["next_step"].startswith("Refresh")


def test_a_folder_without_a_log_is_a_problem_and_no_crash(server):
    reply = server.ask("predictions", log="logs")
    assert reply.status in {400, 422}
    assert reply.body["next_step"]


def test_the_folder_is_the_one_that_the_file_browser_shows(start, tmp_path, make_log):
    make_log(tmp_path / "of the server" / "wrong")
    make_log(tmp_path / "of the browser" / "right")
    shown = f"--FileContentsManager.root_dir={tmp_path / 'of the browser'}"
    with start(tmp_path / "of the server", shown) as server:
        assert [entry["path"] for entry in server.ask("logs").body["logs"]] == ["right"]
        assert server.ask("predictions", log="wrong").status == 404
        job = server.ended(server.begin(kind="verify-log", log="right").body["id"])
        assert (job["state"], job["result"]["verification"]["subject"]) == ("done", "log right at right")


@pytest.mark.parametrize("swapped", ["predictions/part-00000.parquet", "manifest.json"])
def test_a_file_that_became_a_link_after_the_log_was_opened_is_not_followed(server, make_log, tmp_path, swapped):
    folder = make_log(server.root / "made" / f"swapped-{swapped[:4]}")
    name = folder.relative_to(server.root).as_posix()
    asked = [("predictions", {})] + [(question, {"id": "p-001"}) for question in ("decision", "lineage", "source")]
    assert [server.ask(question, log=name, **more).status for question, more in asked] == [200] * 4
    kept = tmp_path / "outside"
    (folder / swapped).rename(kept)
    (folder / swapped).symlink_to(kept)
    replies = [
        server.ask(question, log=name, **more) for question, more in [*asked, ("letter", {"decision": "approve"})]
    ]
    assert [reply.status for reply in replies] == [422] * 5
    assert all(f"The file '{swapped}' of {name} lies outside" in reply.body["message"] for reply in replies)
    (folder / swapped).unlink()


def test_a_description_of_millions_of_characters_is_cut(server, make_log):
    folder = make_log(server.root / "made" / "described")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"description": "d" * 10_000_000, "notes": ["n" * 1_000] * 5_000}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    reply = server.ask("logs")
    entry = next(each for each in reply.body["logs"] if each["path"] == "made/described")
    (folder / "manifest.json").unlink()
    assert len(json.dumps(reply.body)) < 2_000_000
    assert entry["problem"] is None
    assert "characters)" in entry["description"]
    assert len(entry["description"]) < 2_100
    assert "lines)" in entry["notes"][-1]


def test_what_is_too_large_even_so_is_said_and_not_sent():
    rows = [{"from": f"a{number}", "relation": "used", "to": "b"} for number in range(100_000)]
    with pytest.raises(LogError, match="more than the 2,000,000 that are shown here"):
        _bounded({"log": "log", "lineage": {"edges": rows}})
