"""What cannot be: causes that a format or a kind of output leaves no room for, each with its reason.

A test asserts that every cause is planted wherever it does not stand here, and that nothing else is left out.
"""

from __future__ import annotations

from identifiable import FORMATS, KINDS, PIPELINES

__all__ = ["CAUSES", "IMPOSSIBLE_CAUSES", "IMPOSSIBLE_FOR_KIND", "IMPOSSIBLE_WAYS", "possible", "ways_possible"]

#: Every kind of cause there is.
CAUSES = (
    "registered-threshold",
    "another-version",
    "another-threshold",
    "other-rules",
    "precision",
    "missing-value",
    "category-encoding",
    "unit",
)

_NO_THRESHOLD = "the model gives the label itself: there is no threshold"

#: Cause and kind of output, whatever the format: why it cannot be. No cause is impossible for a format as such.
IMPOSSIBLE_CAUSES: dict[tuple[str, str], str] = {
    ("registered-threshold", "label"): _NO_THRESHOLD,
    ("registered-threshold", "multiclass"): _NO_THRESHOLD,
    ("another-threshold", "label"): _NO_THRESHOLD,
    ("another-threshold", "multiclass"): _NO_THRESHOLD,
}

_BOOSTERS = ("xgboost-json", "xgboost-ubj", "xgboost-raw")
_TAKES_32_BIT = "the library holds inputs as 32-bit floats: to round them so changes nothing"
_TAKES_64_BIT = "the library compares in 64 bits already"
_BELOW = "it asks whether a value is below a threshold: only a value below it can be rounded onto it with effect"
_ABOVE = "it asks whether a value is above a threshold: only a value above it can be rounded onto it with effect"
_GIVES_32_BIT = "the score is a 32-bit float already"
_TEXT = "it takes categories as text: it has no numbers to be off by one"
_OWN_CODES = "the file keeps its categories: a reader cannot number them otherwise"
_NO_MISSING_TEXT = "the library takes no missing category, so none is on record"
_LEAST = "it holds a missing value for the least of all: no lesser number changes anything"

#: One way of a cause, and a format: why it cannot be.
IMPOSSIBLE_WAYS: dict[tuple[str, str], str] = {
    **{("inputs in 32-bit", each): _TAKES_32_BIT for each in (*_BOOSTERS, "catboost-cbm", "onnx")},
    **{("inputs in 64-bit, compared below", each): _TAKES_64_BIT for each in (*PIPELINES, "lightgbm-text")},
    **{("inputs in 64-bit, compared above", each): _TAKES_64_BIT for each in (*PIPELINES, "lightgbm-text")},
    **{("inputs in 64-bit, compared above", each): _BELOW for each in _BOOSTERS},
    **{("inputs in 64-bit, compared below", each): _ABOVE for each in ("catboost-cbm", "onnx")},
    **{("output in 32-bit", each): _GIVES_32_BIT for each in (*_BOOSTERS, "onnx")},
    **{
        (way, each): _TEXT
        for way in ("from one", "from one, after 0 for none")
        for each in (*PIPELINES, "catboost-cbm", "onnx")
    },
    **{
        (way, each): _OWN_CODES
        for way in ("from one", "from one, after 0 for none")
        for each in ("xgboost-json", "lightgbm-text")
    },
    **{("a text for a missing value", each): _NO_MISSING_TEXT for each in ("catboost-cbm", "onnx")},
    ("-999 for a missing value", "catboost-cbm"): _LEAST,
    ("-9999 for a missing value", "catboost-cbm"): _LEAST,
}

#: One way of a cause, and a kind of output: why it cannot be.
IMPOSSIBLE_FOR_KIND: dict[tuple[str, str], str] = {
    ("output in 32-bit", "label"): "a label alone has no number to be rounded",
}


def possible(cause: str, kind: str) -> bool:
    """Return whether a cause can befall a kind of output."""
    assert kind in KINDS
    return (cause, kind) not in IMPOSSIBLE_CAUSES


def ways_possible(ways: list[str], artifact_format: str, kind: str) -> list[str]:
    """Return the ways of a cause that can befall a model."""
    assert artifact_format in FORMATS
    return [
        way for way in ways if (way, artifact_format) not in IMPOSSIBLE_WAYS and (way, kind) not in IMPOSSIBLE_FOR_KIND
    ]
