"""Which libraries each format of artifact is loaded by, and what each of them need not see."""

from __future__ import annotations

from audit_lab.sandbox.job import Library

__all__ = ["HIDDEN", "libraries_of"]

#: What each library is imported without: its own tests, its pictures, wrappers for other libraries, and another store
#: of text than Python's, which is what models are given.
HIDDEN: dict[str, tuple[str, ...]] = {
    "catboost": ("plotly", "matplotlib", "graphviz", "sklearn"),
    "lightgbm": ("sklearn", "pandas", "matplotlib", "graphviz", "dask"),
    "pandas": ("pyarrow",),
    "skops.io": ("pytest",),
    "xgboost": ("sklearn",),
}
#: skops looks for the home of each ufunc in all that is loaded, in the order in which it was: so those come first.
_SKOPS = ("numpy", "scipy.special", "polars", "pandas", "skops.io")
_LIBRARIES: dict[str, tuple[str, ...]] = {
    "catboost-cbm": ("catboost",),
    "lightgbm-text": ("lightgbm",),
    "onnx": ("onnxruntime",),
    "skops": _SKOPS,
    "xgboost-json": ("xgboost",),
    "xgboost-lifted": ("xgboost",),
    "xgboost-raw": ("xgboost",),
    "xgboost-ubj": ("xgboost",),
}


def libraries_of(artifact_format: str) -> tuple[Library, ...]:
    """Return what a child that runs artifacts of a format may import before it is given one, in that order."""
    return tuple(Library(name, HIDDEN.get(name, ())) for name in _LIBRARIES.get(artifact_format, ()))
