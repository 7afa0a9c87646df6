"""Every library that models come from works inside the walls, threads and all."""

from __future__ import annotations

import shutil

import pytest

from audit_lab.sandbox import surroundings


@pytest.fixture
def with_a_network(package, tmp_path, monkeypatch):
    """Put the ONNX model, whose answer is its input, beside the libraries."""
    import onnx
    from onnx import TensorProto, helper

    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "sign", [value("x")], [value("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    copied = tmp_path / "audit_lab"
    shutil.copytree(package, copied)
    onnx.save(model, copied / "sign.onnx")
    monkeypatch.setattr(surroundings, "PACKAGE", copied)


LIBRARIES = ("polars", "sklearn", "xgboost", "lightgbm", "catboost", "onnxruntime")


@pytest.mark.parametrize(
    ("way", "library"),
    [*(("bubblewrap", name) for name in LIBRARIES), ("itself", "polars"), ("itself", "lightgbm")],
    indirect=["way"],
)
def test_a_library_works(probe, way, with_a_network, library):
    if library != "polars":
        pytest.importorskip(library)
    result = probe("model", {"library": library})
    assert result.isolation["network"] == "none: own network namespace"
    assert result.header["total"] > 370
