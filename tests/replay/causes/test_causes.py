"""Each way of going wrong is found by itself, for each format and kind of output; anything else is not explained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import audit_lab as al

sys.path.insert(0, str(Path(__file__).parent))
from faulty_log import faulty_log

FORMATS = ("skops", "xgboost-json", "xgboost-ubj", "xgboost-raw", "lightgbm-text", "catboost-cbm", "onnx", "mlflow")
CASES = [
    *((name, "probability", seed) for seed, name in enumerate(FORMATS, 11)),
    ("xgboost-ubj", "regression", 31),
    ("lightgbm-text", "margin", 32),
    ("lightgbm-text", "multiclass", 33),
    ("skops", "label", 34),
    ("onnx", "multiclass", 35),
    ("catboost-cbm", "regression", 36),
]

#: So many of the listed causes must be there; one may not show in a model that never looks at what it changes.
FEWEST_CAUSES = {"probability": 5, "margin": 5, "regression": 5, "multiclass": 3, "label": 2}
FEWEST_OTHERS = 4


def check(folder: Path, artifact_format: str, kind: str, seed: int) -> None:
    made = faulty_log(folder, artifact_format, kind, seed)
    log = al.open(folder)
    batch = log.replay(trusted_types=made.trusted_types, causes=False)
    wrong = {}
    for name, block in made.blocks.items():
        rows = batch.rows.filter(batch.rows["prediction_id"].str.starts_with(f"{name}-"))
        assert set(rows["verdict"]) <= {"EXACT", "WITHIN_TOLERANCE", "DIVERGED"}, (name, set(rows["code"]))
        # A row alone may differ from a batch in its last bits, so one that diverged is asked for where there is one.
        otherwise = rows.filter(rows["verdict"] == "DIVERGED").sort("prediction_id")
        if otherwise.is_empty():
            otherwise = rows.filter(rows["verdict"] != "EXACT").sort("prediction_id")
        if name == "clean":
            assert otherwise.is_empty()
            continue
        found = None
        for asked in otherwise["prediction_id"][otherwise.height // 3 :][:5]:
            found = found or log.decision(asked).replay(trusted_types=made.trusted_types).explanation
        assert found is not None, name
        first = found.causes[0] if found.causes else None
        if block.kind is None:
            right = first is None and found.statement.startswith("Not explained")
        else:
            right = first is not None and (first.kind, first.feature) == (block.kind, block.feature)
            if block.value is not None and right:
                right = block.value in (first.value, *first.alternatives)
        if not right:
            wrong[name] = (block, found.statement)
    assert not wrong, "\n".join(f"{name}: {block}: {said}" for name, (block, said) in wrong.items())
    kinds = [block.kind for name, block in made.blocks.items() if name != "clean"]
    assert len(kinds) - kinds.count(None) >= FEWEST_CAUSES[kind]
    assert kinds.count(None) >= FEWEST_OTHERS


@pytest.mark.parametrize(("artifact_format", "kind", "seed"), CASES)
def test_every_cause_comes_first_where_it_is_true(tmp_path, artifact_format, kind, seed):
    check(tmp_path / "log", artifact_format, kind, seed)
