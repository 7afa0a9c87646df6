"""Whether a LightGBM model's text hangs together, looked at before the library sees it.

The library reads trees in several threads, where an error ends the process, and follows numbers of children, features
and categories without looking where they lead. The layout is that of ``GBDT::SaveModelToString`` and
``Tree::ToString``, versions ``v2`` to ``v4``; what an older release did not write is not asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_text"]

_PER_LEAF = ("leaf_value", "leaf_weight", "leaf_count", "leaf_const", "num_features")
_PER_SPLIT = ("split_gain", "threshold", "decision_type", "internal_value", "internal_weight", "internal_count")
_NEEDED = ("leaf_value", "threshold")
_CATEGORICAL = 1


def check_text(text: str) -> None:
    """Check that each tree is where the text says, has as many numbers as it states, and leads nowhere but down.

    Raises
    ------
    ValueError
        What is wrong, in words.
    """
    head, mark, _ = text.partition("\nTree=")
    stated = _named(head)
    if not mark and not stated.get("tree_sizes"):
        return  # the library reads the head with care, and says better what is wrong
    features = _whole(stated, "max_feature_idx") + 1
    trees = _trees(text.encode()[len(head.encode()) + 1 :], stated)
    groups = _whole(stated, "num_tree_per_iteration", 1)
    if not 0 < groups <= len(trees) or not 0 < _whole(stated, "num_class", 1) <= len(trees):
        raise ValueError(f"it states {stated.get('num_class')} classes and has {len(trees)} trees")
    for place, tree in enumerate(trees):
        try:
            _check_tree(_fields(tree), features)
        except ValueError as error:
            raise ValueError(f"tree {place}: {error}") from error
    for part in ("parameters", "loaded_parameters"):
        if f"\n{part}:\n" in text and "\nend of parameters" not in text:
            raise ValueError("its parameters have no end")


def _trees(content: bytes, stated: Mapping[str, str]) -> list[str]:
    """Return the text of each tree, of the sizes that the head states, where it states any."""
    end = content.find(b"\nend of trees")
    if "tree_sizes" not in stated:
        return [f"Tree={tree}" for tree in content[: end if end >= 0 else None].decode().split("Tree=")[1:]]
    if end < 0:
        raise ValueError("its trees have no end")
    trees, place = [], 0
    for number, size in enumerate(_numbers(stated["tree_sizes"])):
        tree = content[place : place + size]
        if size < 0 or place + size > end + 1 or not tree.startswith(f"Tree={number}\n".encode()):
            raise ValueError(f"tree {number} is not where it is said to be")
        trees.append(tree.decode())
        place += size
    return trees


def _check_tree(tree: Mapping[str, str], features: int) -> None:
    leaves, by_category = _whole(tree, "num_leaves"), _whole(tree, "num_cat")
    if leaves < 1 or by_category < 0:
        raise ValueError(f"it states {leaves} leaves")
    for names, count in ((_PER_LEAF, leaves), (_PER_SPLIT, leaves - 1)):
        for name in names:
            found = len([float(each) for each in tree.get(name, "").split()])
            if found not in (0, count) or (not found and count and name in _NEEDED):
                raise ValueError(f"{name} has {found} numbers instead of {count}")
    left, right, asked = (_numbers(tree.get(name, "")) for name in ("left_child", "right_child", "split_feature"))
    if leaves > 1:
        if not len(left) == len(right) == len(asked) == leaves - 1:
            raise ValueError(f"it states {leaves} leaves, and {len(left)} nodes lead to them")
        if sorted(left + right) != [*range(-leaves, 0), *range(1, leaves - 1)]:
            raise ValueError("not each node and leaf is led to once")
        if min(asked) < 0 or max(asked) >= features:
            raise ValueError(f"a node asks for a feature that there is not, of {features}")
        _check_categories(tree, by_category)
    if _whole(tree, "is_linear", 0):
        _check_linear(tree, features)


def _check_categories(tree: Mapping[str, str], count: int) -> None:
    kinds = _numbers(tree.get("decision_type", ""))
    bounds = _numbers(tree.get("cat_boundaries", "")) if count else [0]
    if len(bounds) != count + 1 or bounds[0] != 0 or sorted(bounds) != bounds:
        raise ValueError(f"the categories of {count} nodes do not lie one after the other")
    if len(_numbers(tree.get("cat_threshold", ""))) != bounds[-1]:
        raise ValueError(f"it states {bounds[-1]} numbers of categories, and another number of them is there")
    for kind, threshold in zip(kinds, tree.get("threshold", "").split(), strict=False):
        if kind & _CATEGORICAL and not 0 <= float(threshold) < count:
            raise ValueError("a node asks for categories that there are not")


def _check_linear(tree: Mapping[str, str], features: int) -> None:
    taken = sum(_numbers(tree.get("num_features", "")))
    asked = _numbers(tree.get("leaf_features", ""))
    if not taken == len(asked) == len(tree.get("leaf_coeff", "").split()):
        raise ValueError(f"its leaves take {taken} features, and {len(asked)} are named")
    if asked and (min(asked) < 0 or max(asked) >= features):
        raise ValueError(f"a leaf asks for a feature that there is not, of {features}")


def _fields(tree: str) -> dict[str, str]:
    """Return the fields of a tree; the library takes the next line for part of one that names nothing."""
    unnamed = next((line for line in tree.split("\n") if line and "=" not in line), None)
    if unnamed is not None:
        raise ValueError(f"the line {unnamed[:40]!r} names no field")
    return _named(tree)


def _named(part: str) -> dict[str, str]:
    return {name: value for name, mark, value in (line.partition("=") for line in part.split("\n")) if mark}


def _whole(stated: Mapping[str, str], name: str, otherwise: int | None = None) -> int:
    if name not in stated and otherwise is not None:
        return otherwise
    if name not in stated:
        raise ValueError(f"it does not state {name}")
    return int(stated[name])


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split()]
