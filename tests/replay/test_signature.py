"""What a signature says of features that belong together."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit_lab.errors import ModelError
from audit_lab.replay.signature import Feature, Signature


def text(**groups: Any) -> str:
    """Return a signature of three numbers, some of them with a group."""
    features = [{"name": name, "dtype": "float"} for name in ("a", "b", "c")]
    for feature in features:
        if feature["name"] in groups:
            feature["group"] = groups[feature["name"]]
    return json.dumps({"features": features, "output": {"kind": "regression"}})


def test_features_of_a_group_are_told_by_its_name() -> None:
    signature = Signature.parse(text(a="city", c="city"))
    assert signature.groups == {"city": ("a", "c")}
    assert signature.features[0] == Feature("a", "float", group="city")
    assert Signature.parse(signature.to_json()) == signature


def test_without_groups_nothing_is_written_of_them() -> None:
    signature = Signature.parse(text())
    assert signature.groups == {}
    assert "group" not in signature.to_json()


@pytest.mark.parametrize("group", ["", 7, ["city"]])
def test_a_group_that_is_no_name_is_refused(group: Any) -> None:
    with pytest.raises(ModelError, match="has a group that is no name"):
        Signature.parse(text(a=group))
