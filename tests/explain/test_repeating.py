"""An explanation computed again: equal, within the stated distance, other; and that the stated distance is enough."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import attributions
import numpy as np
import pytest

from audit_lab.explain import Background, Check, Contribution, lime_task, shap_task

if TYPE_CHECKING:
    from conftest import Model

EXAMPLE = attributions.EXAMPLE


def nudged(by: float) -> Any:
    first, *rest = EXAMPLE.contributions
    return replace(EXAMPLE, contributions=(replace(first, contribution=first.contribution + by), *rest))


def test_the_same_bytes_are_equal() -> None:
    found = EXAMPLE.repeated_by(replace(EXAMPLE, environment={"python": "another"}))

    assert (found.verdict, found.distance, found.allowed) == ("equal bytes", 0.0, 1e-6)
    assert found.summary() == "Equal bytes: at most 0.0e+00 apart, stated 1.0e-06."


@pytest.mark.parametrize(
    ("by", "verdict"), [(5e-7, "within the stated distance"), (2e-6, "differs"), (-2e-6, "differs")]
)
def test_numbers_may_be_apart_as_far_as_is_stated(by, verdict) -> None:
    assert EXAMPLE.repeated_by(nudged(by)).verdict == verdict


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"seed": 1}, "seed"),
        ({"method": "lime"}, "method"),
        ({"artifact_sha256": "ef" * 32}, "artifact_sha256"),
        ({"background": Background("two rows", ("b-0", "b-1"), "00" * 32)}, "background"),
        ({"contributions": EXAMPLE.contributions[:2]}, "features"),
        (
            {"contributions": (replace(EXAMPLE.contributions[0], value=20), *EXAMPLE.contributions[1:])},
            "the value of hour",
        ),
    ],
)
def test_another_question_has_no_same_answer(changed, what) -> None:
    found = EXAMPLE.repeated_by(replace(EXAMPLE, **changed))

    assert (found.verdict, what in found.differences) == ("another question", True)


def test_another_release_of_the_library_is_told_and_compared() -> None:
    found = EXAMPLE.repeated_by(replace(nudged(1e-8), library_version="0.60.0"))

    assert (found.verdict, found.differences) == ("within the stated distance", ("library_version",))
    assert found.to_dict()["summary"].endswith("not the same: library_version.")


def test_the_result_says_how_far_it_holds_elsewhere() -> None:
    assert EXAMPLE.repeats() == (
        "Asked again on this machine with these libraries, the bytes are equal; on another processor or with other "
        "releases each number is expected within 1e-06 of these, which only a second run there can show."
    )
    assert EXAMPLE.repeats() in EXAMPLE._repr_html_()
    assert replace(EXAMPLE, method="lime").elsewhere_within == 1e-3
    assert replace(EXAMPLE, algorithm="tree, path-dependent, by xgboost itself").elsewhere_within == 1e-5
    large = replace(EXAMPLE, base_value=2000.0, contributions=(Contribution("a", 1, 1.0),))
    assert large.elsewhere_within == pytest.approx(2e-3)


def test_a_model_that_does_not_repeat_itself_is_not_said_to() -> None:
    fickle = replace(EXAMPLE, checks=(Check("determinism", passed=False, detail="the model gave other scores"),))

    assert fickle.repeats() == "These numbers will not come out again: the model gave other scores."


class LastBit:
    """A model whose scores are off by up to 1e-7 of themselves, as another processor might add them up."""

    def __init__(self, scorer: Any) -> None:
        self._scorer = scorer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scorer, name)

    def scores(self, frame: Any) -> Any:
        found = self._scorer.scores(frame)
        return found * (1 + 1e-7 * np.sin(1e9 * found))

    def explained(self, row: Any) -> Any:
        explained, label = self._scorer.explained(row)

        def off(frame: Any) -> Any:
            found = explained(frame)
            return found * (1 + 1e-7 * np.sin(1e9 * found))

        return off, label


@pytest.mark.parametrize(("task", "within"), [(shap_task, 1e-6), (lime_task, 1e-3)])
@pytest.mark.parametrize("model", ["booster", "pipeline"])
def test_the_last_bit_of_a_score_moves_the_numbers_less_than_is_stated(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, task: Any, within: float, model: str
) -> None:
    made: Model = request.getfixturevalue(model)
    row = made.row
    job = made.job(row, further_seeds=0)
    exact = task.attribute(job).header
    monkeypatch.setattr(task, "loaded_model", lambda _: LastBit(made.scorer()))
    off = task.attribute(job).header
    apart = np.abs(np.subtract(exact["contributions"], off["contributions"])).max()

    assert 0 < apart < within / 2
