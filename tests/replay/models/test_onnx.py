"""ONNX graphs: the shapes that inputs and outputs come in, and what a file may not bring or need."""

from __future__ import annotations

import contextlib
import json

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression

from audit_lab.replay.models.onnx_wire import read_facts
from audit_lab.replay.models.scorer import ModelFault
from audit_lab.replay.scoring import load_model
from audit_lab.replay.signature import Signature

FLOATS = (("a", "float"), ("b", "float"))


def signature(*features, kind="probability", **output):
    sides = {"positive": "bad", "negative": "good"} if kind == "probability" else {}
    listed = [{"name": name, "dtype": dtype, **more} for name, dtype, *rest in features for more in (rest or [{}])]
    return Signature.parse(json.dumps({"features": listed, "output": {"kind": kind, **sides, **output}}))


def asked(content, frame, names=None):
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(names, {session.get_inputs()[0].name: frame.to_numpy().astype(np.float32)})


@pytest.fixture(scope="module")
def frame():
    return pl.DataFrame(np.random.default_rng(4).normal(size=(60, 2)), schema=["a", "b"])


@pytest.fixture(scope="module")
def classifier(frame):
    return LogisticRegression().fit(frame.to_numpy(), np.where(frame["a"].to_numpy() > 0, "bad", "good"))


@pytest.fixture
def load(tmp_path):
    def loaded(content, features):
        path = tmp_path / f"model-{len(list(tmp_path.iterdir()))}.onnx"
        path.write_bytes(content)
        return load_model(path, "onnx", features)

    return loaded


def converted(model, frame, **options):
    return to_onnx(model, frame.to_numpy()[:1].astype(np.float32), options={id(model): options}).SerializeToString()


def test_one_tensor_for_all_features_carries_no_names(load, classifier, frame):
    content = converted(classifier, frame, zipmap=False)
    scorer = load(content, signature(*FLOATS))
    assert scorer.scores(frame).tolist() == asked(content, frame)[1][:, 0].tolist()
    assert [note.code for note in scorer.notes] == ["names-not-checked"]
    with pytest.raises(ModelFault, match="takes 2 features, the signature has 3"):
        load(content, signature(*FLOATS, ("c", "float")))


@pytest.mark.parametrize("zipmap", [True, "columns"])
def test_probabilities_as_maps_and_as_columns(load, classifier, frame, zipmap):
    content = converted(classifier, frame, zipmap=zipmap)
    expected = asked(converted(classifier, frame, zipmap=False), frame)[1]
    outputs = load(content, signature(*FLOATS, kind="multiclass", classes=["bad", "good"])).outputs(frame)
    assert outputs.probabilities.tolist() == expected.astype(np.float64).tolist()
    assert load(content, signature(*FLOATS)).scores(frame).tolist() == expected[:, 0].tolist()


def test_classes_come_from_the_graph(load, classifier, frame):
    content = converted(classifier, frame, zipmap=False)
    assert load(content, signature(*FLOATS, kind="multiclass")).classes() == ("bad", "good")
    with pytest.raises(ModelFault, match="has the classes bad, good, not good, bad"):
        load(content, signature(*FLOATS, kind="multiclass", classes=["good", "bad"])).outputs(frame)


def test_counted_classes_are_named_by_the_signature(load, frame):
    model = LogisticRegression().fit(frame.to_numpy(), frame["a"].to_numpy() > 0)
    content = converted(
        LogisticRegression().fit(frame.to_numpy(), (frame["a"].to_numpy() > 0) * 1), frame, zipmap=False
    )
    found = load(content, signature(*FLOATS, kind="label", classes=["good", "bad"])).outputs(frame).labels
    assert found == [["good", "bad"][int(place)] for place in model.predict(frame.to_numpy())]


def test_regression(load, frame):
    model = LinearRegression().fit(frame.to_numpy(), frame["a"].to_numpy())
    content = to_onnx(model, frame.to_numpy()[:1].astype(np.float32)).SerializeToString()
    scorer = load(content, signature(*FLOATS, kind="regression"))
    assert scorer.scores(frame).tolist() == asked(content, frame)[0][:, 0].tolist()


def graph(*, inputs, operator="Identity", domain="", batch=None, initializers=()):
    """Return a graph that hands its first input on."""
    values = [helper.make_tensor_value_info(name, kind, [batch, width]) for name, kind, width in inputs]
    node = helper.make_node(operator, [inputs[0][0]], ["score"], domain=domain)
    output = helper.make_tensor_value_info("score", inputs[0][1], [batch, inputs[0][2]])
    imports = [helper.make_opsetid("", 20), *([helper.make_opsetid(domain, 1)] if domain else [])]
    made = helper.make_graph([node], "g", values, [output], initializer=list(initializers))
    return helper.make_model(made, opset_imports=imports, ir_version=10)


def test_graph_for_one_row_at_a_time_is_asked_for_each_row(load):
    content = graph(inputs=[("a", TensorProto.FLOAT, 1)], batch=1).SerializeToString()
    scorer = load(content, signature(("a", "float"), kind="regression"))
    assert scorer.scores(pl.DataFrame({"a": [1.5, -2.0, 0.25]})).tolist() == [1.5, -2.0, 0.25]


def test_several_inputs_must_bear_the_names_of_the_features(load):
    two = graph(inputs=[("a", TensorProto.FLOAT, 1), ("numbers", TensorProto.FLOAT, 2)]).SerializeToString()
    with pytest.raises(ModelFault, match="it takes numbers, which the signature does not have") as raised:
        load(two, signature(*FLOATS))
    assert raised.value.code == "features-differ"


def test_text_where_the_graph_takes_numbers_is_named(load):
    content = graph(inputs=[("a", TensorProto.FLOAT, 1)]).SerializeToString()
    with pytest.raises(ModelFault, match=r"it takes a as tensor\(float\), the signature has str"):
        load(content, signature(("a", "str")))


def test_whole_numbers_take_no_missing_value(load):
    content = graph(inputs=[("a", TensorProto.INT64, 1)]).SerializeToString()
    scorer = load(content, signature(("a", "int"), kind="regression"))
    with pytest.raises(
        ModelFault, match=r"a is missing or unknown in 1 of 2 rows, and the graph takes tensor\(int64\)"
    ):
        scorer._feed(pl.DataFrame({"a": [1, None]}))


def test_operators_of_another_library_are_never_loaded(load):
    content = graph(inputs=[("a", TensorProto.FLOAT, 1)], operator="Run", domain="evil.ops").SerializeToString()
    with pytest.raises(ModelFault, match=r"evil\.ops\.Run") as raised:
        load(content, signature(("a", "float")))
    assert raised.value.code == "artifact-not-self-contained"


@pytest.mark.parametrize("nested", [False, True], ids=["at the top", "in a branch"])
def test_data_in_other_files_is_refused_before_any_runtime_sees_it(load, nested):
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    model = graph(inputs=[("a", TensorProto.FLOAT, 1)], initializers=[] if nested else [tensor])
    if nested:
        branch = helper.make_graph([], "branch", [], [], initializer=[tensor])
        model.graph.node.append(helper.make_node("If", ["a"], ["x"], then_branch=branch, else_branch=branch))
    with pytest.raises(ModelFault, match="keeps data in other files") as raised:
        load(model.SerializeToString(), signature(("a", "float")))
    assert raised.value.code == "artifact-not-self-contained"


def test_cut_off_file_is_a_fault(load, classifier, frame):
    content = converted(classifier, frame, zipmap=False)
    for end in (1, 10, len(content) // 2, len(content) - 1):
        with pytest.raises(ModelFault) as raised:
            load(content[:end], signature(*FLOATS))
        assert raised.value.code == "artifact-corrupt"


def test_facts_of_a_graph_as_its_own_library_reads_them(classifier, frame):
    content = converted(classifier, frame, zipmap=True)
    facts = read_facts(content)
    nodes = onnx.load_from_string(content).graph.node
    assert facts.operators == {(node.domain, node.op_type) for node in nodes}
    assert facts.class_labels == {("bad", "good")}
    assert not facts.external_data


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    with contextlib.suppress(ValueError):  # any other error fails the test
        assert isinstance(read_facts(content).operators, set)
