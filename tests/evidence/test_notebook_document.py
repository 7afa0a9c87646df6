"""The notebook's file, parsed without Jupyter: anything may stand in it."""

from __future__ import annotations

import json

import pytest

from audit_lab.evidence.notebook_document import ShownCell, ShownOutput, shown_cells
from audit_lab.evidence.notebook_html import render_html
from audit_lab.seal.malformed import MalformedError


def test_a_notebook_as_jupyter_writes_it():
    stream = {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]}
    error = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["one", "two"]}
    shown = {"output_type": "display_data", "data": {"text/plain": ["x", "y"], "application/json": {}}, "metadata": {}}
    code = {"cell_type": "code", "id": "c", "source": ["a\n", "b"], "execution_count": 3, "metadata": {}}
    attached = {"a.png": {"image/png": "AAAA"}}
    text = {"cell_type": "markdown", "id": "m", "source": "# T", "attachments": attached}
    value = {"cells": [text, {**code, "outputs": [stream, error, shown]}]}
    outputs = (
        ShownOutput("stream", "stdout", "a\nb"),
        ShownOutput("error", "", "one\ntwo"),
        ShownOutput("display_data", "", "", {"text/plain": "xy"}),
    )
    assert shown_cells(json.dumps(value).encode()) == (
        ShownCell("markdown", "m", "# T", attachments=attached),
        ShownCell("code", "c", "a\nb", 3, outputs),
    )


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"[]", b"{}", b'{"cells": {}}', b'{"cells": [1]}', b'{"cells": [{"outputs": [1]}]}',
        b'{"cells": [{"outputs": null}]}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_notebook(content):
    with pytest.raises(MalformedError, match="the notebook cannot be read") as refused:
        shown_cells(content)
    assert refused.value.code == "notebook.unreadable"


@pytest.mark.parametrize(
    "cell",
    [
        {},
        {"cell_type": 1, "id": [], "source": {}, "execution_count": "x", "attachments": 1},
        {"cell_type": "code", "source": ["a", 1], "outputs": [{"output_type": "stream", "text": 1}]},
        {"cell_type": "code", "outputs": [{"output_type": "error", "traceback": [1]}, {"data": 3}, {}]},
        {"cell_type": "markdown", "source": "half \ud800", "attachments": {"a": 1}},
    ],
)
def test_a_cell_of_any_shape_is_rendered(cell):
    assert render_html(json.dumps({"cells": [cell]}).encode()).endswith(b"</html>\n")
