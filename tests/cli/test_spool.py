"""What recorders have on the disk, and sealing it, from the command line."""

from __future__ import annotations

import json

import audit_lab as al
from audit_lab.cli import main


def test_a_spool_is_shown_and_sealed(tmp_path, capsys):
    log, vault = tmp_path / "log", tmp_path / "vault"
    al.create_log(log, "demonstration-spooled", vault=vault).close()
    assert main(["spool", str(log)]) == 0
    assert "Everything is sealed." in capsys.readouterr().out
    with al.Recorder(log, model="loans", version="7", vault=vault, seal=False) as recorder:
        for number in range(3):
            recorder.record({"a": float(number)}, 0.5)
    assert main(["spool", str(log)]) == 0
    assert "1 files with" in capsys.readouterr().out
    assert main(["spool", str(log), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sealed"] is None
    assert told["spool"]["files"] == 1
    assert main(["spool", str(log), "--seal", "--vault", str(vault)]) == 0
    assert "Sealed 3 records of 1 files; 0 were in the log before" in capsys.readouterr().out
    assert al.open(log).predictions.collect().height == 3
    with al.Recorder(log, model="loans", version="7", vault=vault, seal=False) as recorder:
        recorder.record({"a": "a text"}, 0.5)
    capsys.readouterr()
    assert main(["spool", str(log), "--seal", "--vault", str(vault)]) == 0
    told = capsys.readouterr().out
    assert "1 have inputs that fit no column" in told
    assert "hold what is not in the log" in told


def test_a_spool_that_cannot_be_sealed_says_why(tmp_path, capsys):
    log, vault = tmp_path / "log", tmp_path / "vault"
    al.create_log(log, "demonstration-spooled", vault=vault).close()
    with al.Recorder(log, model="loans", version="7", vault=vault, seal=False) as recorder:
        recorder.record({"a": 1.0}, 0.5)
    assert main(["spool", str(log), "--seal", "--vault", str(tmp_path / "none")]) == 2
    assert "vault" in capsys.readouterr().err
    assert main(["spool", str(log), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["spool"]["files"] == 1
