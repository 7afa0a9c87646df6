"""The choice: two findings needed, ranked, at most four, ties by name, one reason for a group, gaps told in place."""

from __future__ import annotations

import itertools
import json

from audit_lab.explain.reasons import Push, ReasonCodes
from audit_lab.explain.reasons.choice import choose, pushing


def push(feature, contribution, effect=0.1):
    return Push(feature, "1", None, contribution, effect)


def codes(*features):
    document = {
        "format": "audit_lab.reason-codes",
        "format_version": 1,
        "version": "1",
        "model": "m",
        "adverse_decisions": ["deny"],
        "features": [{"reason": f"Reason {entry['code']}", **entry} for entry in features],
    }
    return ReasonCodes.parse(json.dumps(document).encode())


PLAIN = codes(*({"feature": name, "code": name.upper()} for name in "abcdef"))


def named(reasons):
    return [reason.code for reason in reasons]


def test_a_feature_needs_an_adverse_contribution_and_an_effect_of_its_own():
    found, joint = pushing([push("a", 0.2), push("b", -0.2), push("c", 0.3, 0.0), push("d", 0.1, -0.1), push("e", 0.0)])

    assert [each.feature for each in found] == ["a"]
    assert joint == ["c", "d"]


def test_rounding_is_no_push():
    assert pushing([push("a", 1e-12), push("b", 0.1, 1e-12)]) == ([], ["b"])


def test_at_most_four_are_principal_and_the_others_are_kept():
    found, _ = pushing([push(name, 0.1 * place) for place, name in enumerate("abcdef", 1)])

    principal, further = choose(found, PLAIN, {})

    assert named(principal) == ["F", "E", "D", "C"]
    assert named(further) == ["B", "A"]


def test_equal_contributions_stand_by_name_in_whatever_order_they_come():
    for order in itertools.permutations("abc"):
        found, _ = pushing([push(name, 0.1) for name in order])
        assert named(choose(found, PLAIN, {})[0]) == ["A", "B", "C"]


def test_a_feature_without_an_entry_is_told_in_its_place():
    found, _ = pushing([push("a", 0.1), push("x", 0.2)])

    first, second = choose(found, PLAIN, {"x": "higher"})[0]

    assert (first.code, first.text) == (None, "No reason is mapped for x.")
    assert second.code == "A"


def test_an_unmapped_feature_takes_a_place_so_that_no_weaker_one_is_promoted():
    found, _ = pushing([push("x", 0.9), *(push(name, 0.1) for name in "abcd")])

    assert named(choose(found, PLAIN, {})[0]) == [None, "A", "B", "C"]


def test_a_reason_holds_on_its_side_only():
    directed = codes({"feature": "a", "code": "LOW", "direction": "lower"})

    assert named(choose([push("a", 0.1)], directed, {"a": "lower"})[0]) == ["LOW"]
    (other,) = choose([push("a", 0.1)], directed, {"a": "higher"})[0]
    assert other.text == "No reason is mapped for a where it is higher than the reference's middle value."
    (neither,) = choose([push("a", 0.1)], directed, {"a": None})[0]
    assert neither.text == "No reason is mapped for a."


def test_a_group_is_one_reason_of_its_strongest_and_adds_up():
    grouped = codes(
        {"feature": "a", "code": "A", "group": "g"}, {"feature": "b", "code": "B", "group": "g", "caution": "Look."},
        {"feature": "c", "code": "C"},
    )  # fmt: skip
    found, _ = pushing([push("a", 0.2), push("b", 0.15), push("c", 0.3)])

    first, second = choose(found, grouped, {})[0]

    assert (first.code, [each.feature for each in first.pushes], first.caution) == ("A", ["a", "b"], "Look.")
    assert second.code == "C"


def test_one_code_is_named_once():
    shared = codes({"feature": "a", "code": "S"}, {"feature": "b", "code": "S"})

    (only,) = choose(pushing([push("a", 0.1), push("b", 0.2)])[0], shared, {})[0]

    assert [each.feature for each in only.pushes] == ["b", "a"]


def test_nothing_that_pushed_gives_no_reason():
    assert choose([], PLAIN, {}) == ((), ())
