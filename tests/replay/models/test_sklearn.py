"""scikit-learn estimators: missing text, no names, types that must be named, and hostile skops files."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from audit_lab.errors import SandboxError
from audit_lab.replay.models.scorer import ModelFault
from audit_lab.replay.scoring import load_model
from audit_lab.replay.signature import Signature
from audit_lab.sandbox import run_task

CITIES = ["Bern", "Oslo", "Rome"]


def signature(*features, kind="probability", **output):
    sides = {"positive": "bad", "negative": "good"} if kind == "probability" else {}
    listed = [{"name": name, "dtype": dtype} for name, dtype in features]
    return Signature.parse(json.dumps({"features": listed, "output": {"kind": kind, **sides, **output}}))


def saved(path, estimator):
    skops.io.dump(estimator, path)
    return path


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(8)
    cities = pl.Series(generator.choice(CITIES, 200).tolist()).set(pl.Series(generator.random(200) < 0.2), None)
    inputs = pl.DataFrame({"city": cities, "income": generator.normal(size=200)})
    target = np.where(
        (cities == "Oslo").fill_null(value=True).to_numpy() ^ (generator.random(200) < 0.1), "bad", "good"
    )
    return inputs, target


@pytest.mark.parametrize("missing", [None, float("nan")], ids=["None", "NaN"])
def test_missing_text_is_what_the_encoder_was_fitted_on(tmp_path, rows, missing):
    inputs, target = rows
    cities = [missing if city is None else city for city in inputs["city"]]
    table = pd.DataFrame({"city": pd.Series(cities, dtype=object), "income": inputs["income"].to_numpy()})
    encoder = OneHotEncoder(handle_unknown="ignore")
    pipeline = make_pipeline(
        make_column_transformer((encoder, ["city"]), remainder="passthrough"), LogisticRegression()
    ).fit(table, target)
    scorer = load_model(saved(tmp_path / "m.skops", pipeline), "skops", signature(("city", "str"), ("income", "float")))
    assert scorer.scores(inputs).tolist() == pipeline.predict_proba(table)[:, 0].tolist()


def test_estimator_without_names_takes_a_matrix_in_the_order_of_the_signature(tmp_path):
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(100, 2))
    model = LogisticRegression().fit(matrix, matrix[:, 0] > 0)
    path = saved(tmp_path / "m.skops", model)
    scorer = load_model(path, "skops", signature(("a", "float"), ("b", "float")))
    frame = pl.DataFrame(matrix, schema=["a", "b"])
    assert scorer.scores(frame).tolist() == model.predict_proba(matrix)[:, 1].tolist()
    assert [note.code for note in scorer.notes] == ["names-not-checked", "types-audited"]
    with pytest.raises(ModelFault, match="takes 2 features, the signature has 3"):
        load_model(path, "skops", signature(("a", "float"), ("b", "float"), ("c", "float")))


def test_integers_and_truth_values_with_gaps(tmp_path):
    inputs = pl.DataFrame({"n": [1, None, 3, 4, 5, 6], "yes": [True, False, True, False, True, True]})
    table = inputs.to_pandas()
    pipeline = make_pipeline(SimpleImputer(), LogisticRegression()).fit(table, [0, 1, 0, 1, 0, 1])
    path = saved(tmp_path / "m.skops", pipeline)
    scorer = load_model(path, "skops", signature(("n", "int"), ("yes", "bool")), ["numpy.dtype"])
    assert scorer.scores(inputs).tolist() == pipeline.predict_proba(table)[:, 1].tolist()


def test_margin_regression_and_label(tmp_path):
    generator = np.random.default_rng(2)
    table = pd.DataFrame(generator.normal(size=(80, 2)), columns=["a", "b"])
    frame, features = pl.from_pandas(table), (("a", "float"), ("b", "float"))
    classifier = LogisticRegression().fit(table, (table.a > 0).astype(int))
    path = saved(tmp_path / "c.skops", classifier)
    margin = load_model(path, "skops", signature(*features, kind="margin"))
    assert margin.scores(frame).tolist() == classifier.decision_function(table).tolist()
    label = load_model(path, "skops", signature(*features, kind="label", classes=["good", "bad"]))
    assert label.outputs(frame).labels == [["good", "bad"][place] for place in classifier.predict(table)]
    with pytest.raises(ModelFault, match="gives labels and no scores"):
        label.scores(frame)
    forest = RandomForestRegressor(10, random_state=0).fit(table, table.a)
    path = saved(tmp_path / "r.skops", forest)
    trusted = skops.io.get_untrusted_types(file=path)
    found = load_model(path, "skops", signature(*features, kind="regression"), trusted)
    assert found.scores(frame).tolist() == forest.predict(table).tolist()


def test_types_that_skops_does_not_know_are_listed_until_they_are_named(tmp_path, rows):
    inputs, target = rows
    known = inputs.with_columns(pl.col("city").fill_null("Bern"))
    pipeline = make_pipeline(
        make_column_transformer((OrdinalEncoder(), ["city"]), remainder="passthrough"),
        GradientBoostingClassifier(n_estimators=5, random_state=0),
    ).fit(known.to_pandas(), target)
    path = saved(tmp_path / "m.skops", pipeline)
    features = signature(("city", "str"), ("income", "float"))
    with pytest.raises(ModelFault, match=r"sklearn\.tree\._tree\.Tree; name those that you trust") as raised:
        load_model(path, "skops", features)
    assert raised.value.code == "artifact-types-unknown"
    names = skops.io.get_untrusted_types(file=path)
    scorer = load_model(path, "skops", features, names)
    assert scorer.scores(known).tolist() == pipeline.predict_proba(known.to_pandas())[:, 0].tolist()
    assert [note.code for note in scorer.notes] == ["types-audited", "types-trusted-by-name"]
    assert "sklearn.pipeline.Pipeline" in scorer.notes[0].message
    assert "sklearn.tree._tree.Tree" in scorer.notes[1].message


def crafted(node):
    """Return a skops file whose only node is the given one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", json.dumps({**node, "protocol": 2, "_skops_version": "0.16.0"}))
    return buffer.getvalue()


HOSTILE = {
    "function": {"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode", "__id__": 1,
                 "content": {"module_path": "posix", "function": "system"}},
    "type": {"__class__": "Popen", "__module__": "subprocess", "__loader__": "TypeNode", "__id__": 1,
             "content": {"module_path": "subprocess", "type": "Popen"}},
    "object": {"__class__": "Popen", "__module__": "subprocess", "__loader__": "ObjectNode", "__id__": 1,
               "content": {"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "__id__": 2,
                           "content": {}, "key_types": {"__class__": "list", "__module__": "builtins",
                                                        "__loader__": "ListNode", "__id__": 3, "content": []}}},
    "operator": {"__class__": "methodcaller", "__module__": "operator", "__loader__": "OperatorFuncNode", "__id__": 1,
                 "attrs": {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "__id__": 2,
                           "content": []}},
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_skops_file_is_refused_with_the_type_that_it_names(tmp_path, name):
    node = HOSTILE[name]
    path = tmp_path / "m.skops"
    path.write_bytes(crafted(node))
    with pytest.raises(ModelFault, match=rf"{node['__module__']}\.{node['__class__']}") as raised:
        load_model(path, "skops", signature(("a", "float")))
    assert raised.value.code == "artifact-types-unknown"


def wants_a_password():
    content = bytearray(crafted({"__class__": "x"}))
    content[6] |= 1
    content[content.rfind(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def damaged_within_lzma():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("schema.json", json.dumps({"__class__": "x" * 500}))
    content = bytearray(buffer.getvalue())
    content[43:45] = b"\x01\x00"  # how long LZMA's own settings are
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        wants_a_password(),
        damaged_within_lzma(),
        b"PK\x03\x04 no archive",
        crafted({"__class__": "x"})[:-30],
        crafted({"__loader__": "NoSuchNode", "__module__": "sklearn", "__class__": "X"}),
    ],
    ids=["wants a password", "damaged within LZMA", "no archive", "cut off", "no such loader"],
)
def test_damaged_skops_file_is_a_fault(tmp_path, content):
    path = tmp_path / "m.skops"
    path.write_bytes(content)
    with pytest.raises(ModelFault) as raised:
        load_model(path, "skops", signature(("a", "float")))
    assert raised.value.code == "artifact-corrupt"


def test_skops_file_that_unpacks_without_end_is_not_unpacked(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 250_000_000)
    path = tmp_path / "m.skops"
    path.write_bytes(buffer.getvalue())
    with pytest.raises(ModelFault, match="would unpack to 0.2 GB"):
        load_model(path, "skops", signature(("a", "float")))


def test_hostile_skops_file_in_the_sandbox(tmp_path):
    result = run_task(
        "audit_lab.replay.scoring:score",
        header={"signature": signature(("a", "float")).to_json(), "artifact_format": "skops"},
        tables={"inputs": pl.DataFrame({"a": [1.0]})},
        files={"artifact": crafted(HOSTILE["function"])},
    )
    assert result.header["fault"]["code"] == "artifact-types-unknown"
    assert result.tables == {}


def test_estimator_that_raises_is_an_error_of_the_task(tmp_path):
    model = LogisticRegression().fit(pd.DataFrame({"a": [0.0, 1.0]}), [0, 1])
    content = skops.io.dumps(model)
    with pytest.raises(SandboxError, match="Input X contains NaN") as raised:
        run_task(
            "audit_lab.replay.scoring:score",
            header={"signature": signature(("a", "float")).to_json(), "artifact_format": "skops"},
            tables={"inputs": pl.DataFrame({"a": [None]}, schema={"a": pl.Float64})},
            files={"artifact": content},
        )
    assert raised.value.reason == "error"
