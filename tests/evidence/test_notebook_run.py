from __future__ import annotations

import json
import sys

import pytest

from audit_lab.errors import MisuseError, NotebookError
from audit_lab.evidence.notebook_run import execute_notebook


def _texts(executed):
    outputs = [output for cell in json.loads(executed)["cells"] for output in cell.get("outputs", [])]
    return ["".join(output.get("text", output.get("data", {}).get("text/plain", ""))) for output in outputs]


WIDGET = """from IPython.display import display
view = {"model_id": os.urandom(4).hex()}
display({"text/plain": "w", "application/vnd.jupyter.widget-view+json": view}, raw=True)
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Run one notebook that tells what it sees, twice."""
    folder = tmp_path_factory.mktemp("run")
    cells = [
        "import os, sys; print(sys.executable); print(os.environ['PYTHONHASHSEED'], os.environ['OMP_NUM_THREADS'])",
        "print(os.listdir(), os.path.exists('../logs/beside.txt'), open('../logs/loans/row').read())",
        "import types; al = types.SimpleNamespace(open=lambda path: None); al.open('../logs/loans')",
        "os.path.relpath(os.environ['AUDIT_LAB_CASES'], os.environ['TMPDIR'])",
        "print('a'); print('b', file=sys.stderr); print('c')",
        "list({'x', 'y', 'z', 'w'})",
        WIDGET,
    ]
    code = {"cell_type": "code", "metadata": {"name": "kept"}, "execution_count": None, "outputs": []}
    value = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{**code, "source": each} for each in cells]}
    path = folder / "notebooks" / "n.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps(value))
    (folder / "logs" / "loans").mkdir(parents=True)
    for place in ("notebooks/beside.txt", "logs/beside.txt", "logs/loans/row"):
        (folder / place).write_text("found")
    before = path.read_bytes()
    (folder / "first").mkdir()
    (folder / "second").mkdir()
    first = execute_notebook(path, folder / "first")
    second = execute_notebook(path, folder / "second")
    assert path.read_bytes() == before
    return folder, first, second


def test_two_runs_give_equal_bytes(ran):
    _, first, second = ran
    assert first.executed == second.executed
    assert first.html == second.html


def test_the_kernel_is_this_interpreter_with_fixed_seeds(ran):
    assert _texts(ran[1].executed)[0] == f"{sys.executable}\n0 2\n"


def test_its_folder_is_clean_and_the_log_that_it_opens_stands_where_it_looks(ran):
    assert _texts(ran[1].executed)[1] == "[] False found\n"


def test_cases_go_where_they_are_told(ran):
    assert _texts(ran[1].executed)[2] == repr("../cases")
    assert (ran[0] / "first" / "cases").is_dir()


def test_execution_counts_are_kept_and_times_are_not(ran):
    value = json.loads(ran[1].executed)
    assert [cell["execution_count"] for cell in value["cells"]] == [1, 2, 3, 4, 5, 6, 7]
    assert all(cell["metadata"] == {"name": "kept"} for cell in value["cells"])
    assert value["metadata"]["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}


def test_widgets_of_a_run_are_left_out(ran):
    shown = json.loads(ran[1].executed)["cells"][6]["outputs"][0]["data"]
    assert shown == {"text/plain": ["w"]}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            ["# Text", "1 + 1", "value = 1\n1 / 0"],
            r"Cell 3 of story\.ipynb \(line 2, '1 / 0'\) failed: ZeroDivisionError",
        ),
        (["def fails():\n    1 / 0", "value = 1\n\nfails()"], r"Cell 2 of story\.ipynb \(line 3, 'fails\(\)'\) failed"),
        (["value = 1\nvalue = = 2"], r"Cell 1 of story\.ipynb \(line 2, 'value = = 2'\) failed: SyntaxError"),
        (["import os; os._exit(3)"], r"Cell 1 of story\.ipynb .* failed: the kernel died"),
    ],
)
def test_a_cell_that_fails_is_named(write_notebook, tmp_path, cells, message):
    with pytest.raises(NotebookError, match=message):
        execute_notebook(write_notebook(*cells), tmp_path)


def test_what_stands_beside_it_is_found_where_it_runs_in_its_own_folder(write_notebook, tmp_path):
    (tmp_path / "helper.py").write_text("VALUE = 'beside'")
    notebook = write_notebook("from helper import VALUE; VALUE")
    clean, own = tmp_path / "clean", tmp_path / "own"
    clean.mkdir(), own.mkdir()
    with pytest.raises(NotebookError, match=r"No module named 'helper'.* stands beside it: --own-folder"):
        execute_notebook(notebook, clean)
    assert _texts(execute_notebook(notebook, own, own_folder=True).executed) == ["'beside'"]
    with pytest.raises(MisuseError, match="in a clean folder only"):
        execute_notebook(notebook, own, own_folder=True, log=tmp_path)


def test_a_cell_that_hangs_is_stopped(write_notebook, tmp_path):
    path = write_notebook("import time; time.sleep(60)")
    with pytest.raises(NotebookError, match=r"Cell 1 .* took longer than 1 s"):
        execute_notebook(path, tmp_path, timeout_s=1)


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b"\xff\xfe", b'{"nbformat": 4, "cells": 7}', b"[]"])
def test_what_is_no_notebook(tmp_path, content):
    path = tmp_path / "n.ipynb"
    path.write_bytes(content)
    with pytest.raises(NotebookError, match="is not a notebook"):
        execute_notebook(path, tmp_path)


def test_a_missing_notebook(tmp_path):
    with pytest.raises(NotebookError, match="cannot be read"):
        execute_notebook(tmp_path / "none.ipynb", tmp_path)
