"""The binary form of XGBoost before 3.1, rewritten as the JSON that every release since 1.0 reads.

Releases from 3.1 on read JSON and UBJSON only. The layout is that of the structures which older releases wrote to disk
as they stood in memory, little-endian (``learner.cc``, ``gbtree_model.h`` and ``tree_model.h``
of XGBoost 1.7): a header with the base score, the names of objective and booster, the trees, then attributes. Every
number is taken over with its bits; nothing is computed, except the base score of releases before 1.0, which kept it as
a margin.
"""

from __future__ import annotations

import json
import struct
from typing import Any, NamedTuple

import numpy as np

__all__ = ["BinaryBooster", "read_binary"]

_MAGIC = b"binf"
_SERIALISED = b"CONFIG-offset:"
_LEARNER = struct.Struct("<fIiiiII108x")
_TREES = struct.Struct("<iiiiqii128x")
_TREE = struct.Struct("<iiiiIi124x")
_LENGTH = struct.Struct("<Q")
_NODE = np.dtype([("parent", "<i4"), ("left", "<i4"), ("right", "<i4"), ("split", "<u4"), ("value", "<f4")])
_STATISTICS = np.dtype([("loss", "<f4"), ("hessian", "<f4"), ("weight", "<f4"), ("leaves", "<i4")])
_MOST = 100_000_000
_LONGEST_NAME = 200
_DEFAULT_LEFT = 1 << 31
_LEFT_CHILD = 1 << 31
_NO_NODE = 2**31 - 1
_LOGISTIC = ("binary:logistic", "reg:logistic", "binary:logitraw")
_EXPONENTIAL = ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft")


class BinaryBooster(NamedTuple):
    """A booster as JSON, and whether its base score is the one that was kept, to the bit."""

    document: bytes
    base_score_exact: bool


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def structure(self, layout: struct.Struct) -> tuple[Any, ...]:
        return layout.unpack(self.take(layout.size))

    def text(self) -> str:
        (length,) = self.structure(_LENGTH)
        if length > _MOST:
            raise ValueError("a text is longer than the file")
        return self.take(length).decode("utf-8", "replace")

    def array(self, dtype: np.dtype[Any], count: int) -> np.ndarray[Any, Any]:
        if not 0 <= count <= _MOST:
            raise ValueError(f"{count} items are announced")
        return np.frombuffer(self.take(count * dtype.itemsize), dtype)

    def count(self) -> int:
        (count,) = self.structure(_LENGTH)
        if count > _MOST:
            raise ValueError(f"{count} items are announced")
        return int(count)

    def take(self, size: int) -> bytes:
        taken = self._content[self._place : self._place + size]
        if len(taken) != size:
            raise ValueError("the file is cut off")
        self._place += size
        return taken


def read_binary(content: bytes) -> BinaryBooster:
    """Rewrite a saved or serialised booster of an old release.

    Raises
    ------
    ValueError
        It is not in the binary form, is cut off, or holds what has no counterpart.
    """
    if content.startswith(_SERIALISED):
        content = content[len(_SERIALISED) + _LENGTH.size :]
    reader = _Reader(content.removeprefix(_MAGIC))
    base_score, features, classes, has_attributes, _, major, _ = reader.structure(_LEARNER)
    name, kind = _name(reader.text()), _name(reader.text())
    booster = _booster(reader, kind, max(classes, 1))
    attributes = {reader.text(): reader.text() for _ in range(reader.count())} if has_attributes else {}
    objective = _objective(name, classes, attributes.pop("objective", None))
    score, exact = np.float32(base_score), True
    if major < 1 and not name.startswith("multi:"):
        score, exact = _base_score(score, name)
    learner: dict[str, Any] = {
        "attributes": {key: text for key, text in attributes.items() if key.startswith("best_")},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": booster,
        "learner_model_param": {
            "base_score": _written(score),
            "num_class": str(classes),
            "num_feature": str(features),
            "num_target": "1",
        },
        "objective": objective,
    }
    return BinaryBooster(json.dumps({"learner": learner, "version": [1, 7, 0]}).encode(), exact)


def _name(text: str) -> str:
    if not text.isprintable() or len(text) > _LONGEST_NAME or not text:
        raise ValueError("it names no objective and no booster")
    return text


def _objective(name: str, classes: int, kept: str | None) -> dict[str, Any]:
    """Return an objective with its settings, which releases since 1.1 keep as JSON in an attribute."""
    found = json.loads(kept) if kept else {}
    if isinstance(found, dict) and found.get("name") == name:
        return found
    renamed = {"reg:linear": "reg:squarederror"}.get(name, name)
    if name.startswith("multi:"):
        return {"name": name, "softmax_multiclass_param": {"num_class": str(classes)}}
    # What follows was used in training alone, and is asked for when a booster is read.
    settings = {
        "count:poisson": {"poisson_regression_param": {"max_delta_step": "0.7"}},
        "reg:tweedie": {"tweedie_regression_param": {"tweedie_variance_power": "1.5"}},
    }
    return {"name": renamed, **settings.get(renamed, {"reg_loss_param": {"scale_pos_weight": "1"}})}


def _booster(reader: _Reader, name: str, groups: int) -> dict[str, Any]:
    if name not in ("gbtree", "dart"):
        raise ValueError(f"a booster of the kind {name} is not rewritten, since later releases read it otherwise")
    count, parallel, *_ = reader.structure(_TREES)
    if not 0 <= count <= _MOST:
        raise ValueError(f"{count} trees are announced")
    trees = [_tree(reader, place) for place in range(count)]
    information = reader.array(np.dtype("<i4"), count).tolist()
    parallel = max(parallel, 1)
    step = parallel * groups
    model = {
        "gbtree_model_param": {"num_trees": str(count), "num_parallel_tree": str(parallel)},
        "iteration_indptr": list(range(0, count + 1, step)),
        "tree_info": information,
        "trees": trees,
    }
    trees_only = {"name": "gbtree", "model": model}
    if name == "gbtree":
        return trees_only
    weights = reader.array(np.dtype("<f4"), reader.count()) if count else np.empty(0, np.float32)
    return {"name": name, "gbtree": trees_only, "weight_drop": [_number(each) for each in weights]}


def _tree(reader: _Reader, place: int) -> dict[str, Any]:
    _, count, _, _, features, leaf_values = reader.structure(_TREE)
    nodes, statistics = reader.array(_NODE, count), reader.array(_STATISTICS, count)
    if leaf_values > 1:
        raise ValueError("a tree with several values in a leaf has no counterpart")
    parents = np.where(nodes["parent"] == -1, _NO_NODE, nodes["parent"].view("<u4") & (_LEFT_CHILD - 1))
    return {
        "base_weights": [_number(each) for each in statistics["weight"]],
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "default_left": (nodes["split"] >> 31).tolist(),
        "id": place,
        "left_children": nodes["left"].tolist(),
        "loss_changes": [_number(each) for each in statistics["loss"]],
        "parents": parents.tolist(),
        "right_children": nodes["right"].tolist(),
        "split_conditions": [_number(each) for each in nodes["value"]],
        "split_indices": (nodes["split"] & (_DEFAULT_LEFT - 1)).tolist(),
        "split_type": [0] * count,
        "sum_hessian": [_number(each) for each in statistics["hessian"]],
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(features),
            "num_nodes": str(count),
            "size_leaf_vector": "1",
        },
    }


def _base_score(margin: np.float32, objective: str) -> tuple[np.float32, bool]:
    """Return the base score whose margin is the given one, and whether it is to the bit.

    The neighbours of the inverse are tried, since what is kept is turned into a margin again when it is read.
    """
    if objective in _LOGISTIC:
        score = np.float32(1) / (np.float32(1) + np.exp(-margin))
        return _nearest(score, margin, lambda each: -np.log(np.float32(1) / each - np.float32(1)))
    if objective in _EXPONENTIAL:
        return _nearest(np.exp(margin), margin, np.log)
    return margin, True


def _nearest(score: np.float32, margin: np.float32, to_margin: Any) -> tuple[np.float32, bool]:
    below = above = score
    for _ in range(8):
        for each in (below, above):
            if to_margin(each) == margin:
                return each, True
        below, above = np.nextafter(below, np.float32(0)), np.nextafter(above, np.float32(1))
    return score, False


def _number(value: np.float32) -> float:
    """Return a number whose shortest decimal form gives the same 32 bits back."""
    return float(str(np.float32(value)))


def _written(value: np.float32) -> str:
    return str(np.float32(value))
