"""A notebook of the library's own cells, from the command line."""

from __future__ import annotations

import json

from audit_lab.cli import main
from audit_lab.evidence.generated import generated_sources, parsed_step

ABOUT = {"id": "INC-1", "question": "Why?", "actor": "jane", "purpose": "complaint"}


def asked(folder, *steps, out="n/story.ipynb", log="log"):
    options = ["--log", str(folder / log), "--question", "Why?", "--actor", "jane", "--purpose", "complaint"]
    return main(["case", "notebook", "INC-1", *steps, *options, "--out", str(folder / out)])


def test_a_notebook_is_written_and_nothing_of_it_is_run(tmp_path, capsys):
    (tmp_path / "log").mkdir()  # nothing of an empty folder could be opened
    assert asked(tmp_path, "drift", "replay:a:b") == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/n/story.ipynb: 2 steps.")
    cells = json.loads((tmp_path / "n" / "story.ipynb").read_text())["cells"]
    steps = [parsed_step("drift"), parsed_step("replay:a:b")]
    sources = generated_sources(ABOUT, "../log", [(step, step.title()) for step in steps])
    assert [cell["source"] for cell in cells if cell["cell_type"] == "code"] == sources


def test_what_is_refused(tmp_path, capsys):
    (tmp_path / "log").mkdir()
    (tmp_path / "there").touch()
    for options, said in (
        ({"steps": ["delete:a"]}, "no question 'delete'"),
        ({"steps": ["drift"], "log": "none"}, "there is no log folder"),
        ({"steps": ["drift"], "out": "there"}, "there is something already"),
    ):
        assert asked(tmp_path, *options.pop("steps"), **options) == 2
        assert said in capsys.readouterr().err
