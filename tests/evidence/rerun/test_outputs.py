"""Outputs of two runs, compared by kind."""

from __future__ import annotations

import pytest

from audit_lab.evidence.rerun.allowed_distance import AllowedDistance
from audit_lab.evidence.rerun.outputs import differences

EXACTLY = AllowedDistance()


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data):
    kinds = {kind.replace("__", "/"): content for kind, content in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": kinds}


def test_equal_outputs_do_not_differ_however_their_lines_are_kept():
    assert differences([stream("a\nb\n")], [stream(["a\n", "b\n"])], EXACTLY) == []


def test_a_text_that_differs_is_shown_with_its_place():
    assert differences([stream("rows: 10")], [stream("rows: 11")], EXACTLY) == [
        "output 1, text: recorded 'rows: 10', now 'rows: 11' (from character 7)"
    ]


@pytest.mark.parametrize(
    ("allowed", "agrees"),
    [
        (EXACTLY, False),
        (AllowedDistance(0.001), False),
        (AllowedDistance(0.01), True),
        (AllowedDistance(0.0, 0.006), False),
        (AllowedDistance(0.0, 0.007), True),
        (AllowedDistance(0.001, 0.007), True),
    ],
)
def test_numbers_may_lie_apart_by_the_stated_bounds(allowed, agrees):
    before, after = shown(text__html="<td>0.750</td>"), shown(text__html="<td>0.755</td>")
    assert (differences([before], [after], allowed) == []) is agrees


def test_a_tolerance_does_not_let_words_or_digits_inside_words_differ():
    assert differences([stream("sha 1ab2, 5")], [stream("sha 1ab3, 5")], AllowedDistance(10.0)) != []
    assert differences([stream("late 5")], [stream("soon 5")], AllowedDistance(10.0)) != []


def test_a_share_of_a_number_is_not_allowed_of_a_count():
    allowed = AllowedDistance(0.0, 0.5)
    assert differences([stream("rows: 100")], [stream("rows: 101")], allowed) != []
    assert differences([stream("share: 100.0")], [stream("share: 101.0")], allowed) == []


@pytest.mark.parametrize("kind", ["image__png", "image__jpeg", "application__pdf"])
def test_digits_of_a_picture_are_no_numbers(kind):
    one, other = (shown(**{kind: f"iVBO+{digit}/aa="}) for digit in (5, 6))
    assert differences([one], [other], AllowedDistance(10.0)) != []
    drawn, moved = (shown(**{"image__svg+xml": f'<path d="M {at}"/>'}) for at in (5.5, 5.6))
    assert differences([drawn], [moved], AllowedDistance(10.0)) == []


def test_a_chart_is_compared_by_its_data():
    one, other = (shown(application__json={"values": [{"y": y, "x": 1}]}) for y in (2, 3))
    reordered = shown(application__json={"values": [{"x": 1, "y": 2}]})
    assert differences([one], [reordered], EXACTLY) == []
    assert len(differences([one], [other], EXACTLY)) == 1
    assert differences([one], [other], AllowedDistance(1.0)) == []


def test_what_is_missing_or_more_is_named():
    assert differences([stream("a")], [], EXACTLY) == ["output 1 did not come again"]
    assert differences([], [stream("a")], EXACTLY) == ["output 1 is not recorded"]
    assert differences([shown(image__png="aa")], [shown(text__plain="aa")], EXACTLY) == [
        "output 1, image/png: did not come again",
        "output 1, text/plain: not recorded",
    ]


def test_another_stream_or_kind_is_another_output():
    assert differences([stream("a")], [stream("a", "stderr")], EXACTLY) == ["output 1 is of another kind"]
    assert differences([stream("a")], [shown(text__plain="a")], EXACTLY) == ["output 1 is of another kind"]
