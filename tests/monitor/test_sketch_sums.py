"""The sketch of several blocks has the types of one: what is kept of it is read back as what it was."""

from __future__ import annotations

import polars as pl

from audit_lab.monitor.sketch import SCHEMAS, Sketch, summed


def test_marks_of_two_blocks_add_up_and_stay_lists():
    whole = {name: 1 for name, dtype in SCHEMAS["marked"].items() if dtype == pl.Int64()}
    sums = {name: 0.5 for name, dtype in SCHEMAS["marked"].items() if dtype == pl.Float64()}
    row = {**whole, **sums, "column": "amount", "window": 0, "upto": [1, 2, 3]}
    marked = pl.DataFrame([row], schema=SCHEMAS["marked"])
    others = {name: pl.DataFrame(schema=schema) for name, schema in SCHEMAS.items() if name != "marked"}
    found = summed([Sketch({**others, "marked": marked})] * 2).frames["marked"]
    assert dict(found.schema) == SCHEMAS["marked"]
    assert found["upto"].to_list() == [[2, 4, 6]]
    assert found["values"].to_list() == [2]
