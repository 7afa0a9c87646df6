"""Whether an XGBoost model's document hangs together, looked at before the library sees it.

The library follows child and feature numbers without looking where they lead: a tree in which one of them was damaged
ends the process, or is walked for ever. The layout is that of XGBoost's JSON and UBJSON model schema, releases 1.0 to
3.2; what an older release did not write is not asked for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_lab.replay.models.ubjson import read_ubjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["check_content", "check_document"]

_PER_NODE = (
    "base_weights",
    "default_left",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
)
#: Like the library, takes line breaks within texts, and does not look at what follows the document.
_AS_LENIENT = json.JSONDecoder(strict=False)
_NO_CHILD = -1
#: The bits of a parent that are its number; the highest says on which side it leads on.
_NUMBER = (1 << 31) - 1
#: The library itself takes no larger number of a category.
_MOST_CATEGORIES = 1 << 24


def check_content(content: bytes) -> None:
    """Check a saved or serialised booster, if it is a document; what is in another form is not looked at.

    Raises
    ------
    ValueError
        It is no document, announces more than there is, or is one of `check_document`.
    """
    if not content.startswith(b"{"):
        return
    if content[1:2] in (b"}", b"i", b"U", b"I", b"l", b"L"):
        check_document(read_ubjson(content))
        return
    try:
        document, _ = _AS_LENIENT.raw_decode(content.decode())
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    except ValueError:
        return  # the library reads JSON with care, and says better what is wrong
    check_document(document)


def check_document(document: Any) -> None:
    """Check that what a model's parts say of each other is so, that each number leads somewhere and no tree to itself.

    Raises
    ------
    ValueError
        What is wrong, in words.
    """
    try:
        document = document.get("Model", document)
        learner = document["learner"]
        stated = {name: int(text) for name, text in _whole(learner["learner_model_param"]).items()}
        booster = learner["gradient_booster"]
        kind = booster.get("name", "gbtree")
        if kind == "gblinear":
            _check_linear(booster["model"], stated)
            return
        model = booster["gbtree"]["model"] if kind == "dart" else booster["model"]
        _check_trees(model, stated)
        if kind == "dart" and len(booster["weight_drop"]) != len(model["trees"]):
            raise ValueError(f"it weighs {len(booster['weight_drop'])} trees and has {len(model['trees'])}")
        for own in model.get("cats", {}).get("enc", ()):
            _check_rising(own.get("offsets", ()), len(own["values"]), "the categories of a feature")
    except (AttributeError, KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"a part of the model is missing or of another kind ({error})") from error


def _whole(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return how many features, classes and targets a model states."""
    return {name: parameters[name] for name in ("num_feature", "num_class", "num_target") if name in parameters}


def _groups(stated: Mapping[str, int]) -> int:
    return max(stated.get("num_class", 0), 1) * max(stated.get("num_target", 1), 1)


def _check_linear(model: Mapping[str, Any], stated: Mapping[str, int]) -> None:
    wanted = (stated["num_feature"] + 1) * _groups(stated)
    if len(model["weights"]) != wanted:
        raise ValueError(f"a linear model of {wanted} weights has {len(model['weights'])}")


def _check_trees(model: Mapping[str, Any], stated: Mapping[str, int]) -> None:
    trees, groups = model["trees"], _groups(stated)
    counted = int(model["gbtree_model_param"]["num_trees"])
    if not counted == len(trees) == len(model["tree_info"]):
        raise ValueError(f"it states {counted} trees, {len(trees)} are there, for {len(model['tree_info'])} outputs")
    if trees and groups > len(trees) * max(_leaf_size(tree) for tree in trees):
        raise ValueError(f"it states {groups} outputs and has {len(trees)} trees")
    if any(not 0 <= group < groups for group in model["tree_info"]):
        raise ValueError("a tree is for an output that there is not")
    if "iteration_indptr" in model:
        _check_rising(model["iteration_indptr"], len(trees), "its rounds")
    for place, tree in enumerate(trees):
        try:
            _check_tree(tree, stated["num_feature"])
        except ValueError as error:
            raise ValueError(f"tree {place}: {error}") from error


def _check_tree(tree: Mapping[str, Any], features: int) -> None:
    left, right = _numbers(tree["left_children"]), _numbers(tree["right_children"])
    count, size = int(tree["tree_param"]["num_nodes"]), _leaf_size(tree)
    if not left.size or count != left.size:
        raise ValueError(f"it states {count} nodes, and {left.size} are there")
    for name in _PER_NODE:
        if name in tree and len(tree[name]) not in (count, count * size):
            raise ValueError(f"{name} has {len(tree[name])} numbers for {count} nodes")
    inner = left != _NO_CHILD
    children = np.concatenate([left[inner], right[inner]])
    if children.size and not (children.min() > 0 and children.max() < count):
        raise ValueError(f"a node leads to a node that there is not, of {count}")
    if np.unique(children).size != children.size:
        raise ValueError("two nodes lead to the same node")
    above = np.flatnonzero(inner)
    if ((_numbers(tree["parents"])[children] & _NUMBER) != np.concatenate([above, above])).any():
        raise ValueError("a node names another parent than the one that leads to it")
    asked = _numbers(tree["split_indices"])[inner]
    if asked.size and not (asked.min() >= 0 and asked.max() < features):
        raise ValueError(f"a node asks for a feature that there is not, of {features}")
    by_category = np.flatnonzero(inner & (_numbers(tree.get("split_type", [0] * count)) != 0))
    if by_category.size or len(tree.get("categories_nodes", ())):
        _check_categories(tree, count, by_category)


def _check_categories(tree: Mapping[str, Any], count: int, asked: np.ndarray[Any, Any]) -> None:
    nodes, sizes = _numbers(tree["categories_nodes"]), _numbers(tree["categories_sizes"])
    first, categories = _numbers(tree["categories_segments"]), _numbers(tree["categories"])
    if not nodes.size == sizes.size == first.size:
        raise ValueError("it states categories of some nodes, and not where they are")
    if not set(asked.tolist()) <= set(nodes.tolist()) <= set(range(count)):
        raise ValueError("not the nodes that ask for categories have some")
    if sizes.min() < 0 or first.min() < 0 or (first > categories.size - sizes).any():
        raise ValueError(f"a node has categories beyond the {categories.size} that are there")
    if categories.size and not (categories.min() >= 0 and categories.max() < _MOST_CATEGORIES):
        raise ValueError("a category has a number that none has")


def _leaf_size(tree: Mapping[str, Any]) -> int:
    return max(int(tree["tree_param"].get("size_leaf_vector", 1)), 1)


def _check_rising(places: Sequence[int], end: int, what: str) -> None:
    """Check where parts begin: from 0 on, never backwards, up to the end of what is there."""
    numbers = _numbers(places)
    if numbers.size and (numbers[0] != 0 or numbers[-1] != end or (np.diff(numbers) < 0).any()):
        raise ValueError(f"{what} do not lie one after the other, up to {end}")


def _numbers(values: Any) -> np.ndarray[Any, Any]:
    """Return whole numbers, wide enough for a difference of any two that a file can hold."""
    found = np.asarray(values)
    if not found.size:
        return np.empty(0, np.int64)
    if found.dtype.kind not in "iub":
        raise ValueError("something other than a whole number stands where one belongs")
    return found.astype(np.int64)
