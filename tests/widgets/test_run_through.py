"""A notebook that nbconvert runs through, as it comes: every view is there without a script, a kernel or a network."""

from __future__ import annotations

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from reproducing import words_of

LIVE = "application/vnd.jupyter.widget-view+json"


def test_what_nbconvert_runs_shows_its_views_without_scripts(make_log):
    opened = f"import audit_lab as al\nlog = al.open({str(make_log())!r})"
    shown = ["al.view(log)", "al.view(log.decision('p-030'))", "al.view(log.coverage())"]
    cells = [nbformat.v4.new_code_cell(source) for source in (opened, *shown)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert len(outputs) == len(shown)
    html, _ = HTMLExporter().from_notebook_node(notebook)
    for output in outputs:
        assert LIVE not in output["data"]
        assert words_of(output["data"]["text/html"]) in words_of(html)
