"""An XGBoost booster taken out of a pickle: its bytes stand there as they are, and reading them needs no pickle."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from audit_lab.errors import ModelError
from audit_lab.replay.artifacts.pickles.array_wrapper import is_wrapper
from audit_lab.replay.artifacts.pickles.compression import decompressed
from audit_lab.replay.artifacts.pickles.stack import Budget, walk
from audit_lab.replay.artifacts.pickles.stand_ins import Dictionary, Imported, Made, literal

__all__ = ["LiftedBooster", "lift_booster"]

_BOOSTER = "xgboost.core.Booster"
_WRAPPER = "xgboost.sklearn.XGB"
#: What a pickled booster or wrapper is made of beside itself. A pickle that imports anything else does more than hold
#: a booster: a pipeline prepares its inputs, and without it the booster would give silently wrong answers.
_MADE_OF = frozenset(
    {
        "_codecs.encode",
        "builtins.bytearray",
        "builtins.object",
        "collections.OrderedDict",
        "collections.defaultdict",
        "builtins.list",
        "copyreg._reconstructor",
        "joblib.numpy_pickle.NumpyArrayWrapper",
        "numpy.dtype",
        "numpy.ndarray",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray._reconstruct",
        "numpy._core.multiarray.scalar",
        "sklearn.preprocessing.label.LabelEncoder",
        "sklearn.preprocessing._label.LabelEncoder",
        "xgboost.compat.XGBoostLabelEncoder",
        _BOOSTER,
    }
)
#: State of a wrapper that says how it predicts, and that the booster itself does not hold.
_LEFT_OUT = {
    "_le": "the names of its classes",
    "classes_": "the names of its classes",
    "callbacks": "its callbacks",
    "kwargs": "further settings",
}


@dataclass(frozen=True)
class LiftedBooster:
    """A booster as XGBoost serialised it, and how the object around it predicted.

    Parameters
    ----------
    content
        The booster's own bytes.
    sha256
        Their digest.
    found_in
        The class that the pickle holds, such as ``xgboost.sklearn.XGBClassifier``.
    wrapped
        Whether that is a scikit-learn wrapper, which predicts up to its best round.
    missing
        The number that the wrapper takes for missing; NaN unless it said otherwise.
    feature_names
        Those that the pickled object kept beside the bytes, as releases before 1.4 did; None where there are none.
    left_out
        What of the object's state the booster does not hold, in words.
    """

    content: bytes
    sha256: str
    found_in: str
    wrapped: bool
    missing: float
    feature_names: tuple[str, ...] | None
    left_out: tuple[str, ...]

    @property
    def artifact_format(self) -> str:
        """The format by which the sandbox's child reads `handed_over`."""
        return "xgboost-lifted"

    def handed_over(self) -> bytes:
        """Return a line of JSON that says how it predicts, then the booster's bytes."""
        names = None if self.feature_names is None else list(self.feature_names)
        missing = None if math.isnan(self.missing) else self.missing
        line = json.dumps({"wrapped": self.wrapped, "missing": missing, "feature_names": names})
        return line.encode() + b"\n" + self.content


def lift_booster(content: bytes, artifact_format: str = "pickle") -> LiftedBooster:
    """Take the booster out of a pickle that holds one, alone or in a scikit-learn wrapper of XGBoost, and nothing else.

    Nothing is imported, called or loaded.

    Parameters
    ----------
    content
        The pickle; joblib's compression is undone.
    artifact_format
        ``pickle``, ``joblib``, ``cloudpickle`` or ``dill``.

    Raises
    ------
    ModelError
        Code ``artifact-format-unsafe``: it cannot be read to its end, holds no booster or several, or holds more than
        a booster.
    """
    try:
        content, compression = decompressed(content)
    except ValueError as error:
        raise _refused(str(error)) from error
    found = walk(content, Budget(), joblib=artifact_format == "joblib" or compression is not None)
    if found.problem is not None:
        raise _refused(found.problem)
    more = sorted({imported.path for imported in found.imports if not _belongs(imported.path)})
    if more:
        raise _refused(f"it holds more than a booster: {', '.join(more[:5])}")
    boosters = list({id(made): made for made in found.calls if _class_of(made) == _BOOSTER}.values())
    if len(boosters) != 1:
        raise _refused(f"it holds {len(boosters)} boosters")
    return _lifted(found.value, boosters[0])


def _lifted(root: Any, booster: Made) -> LiftedBooster:
    found_in, state = _class_of(root) or "", root.state if isinstance(root, Made) else None
    wrapped = found_in.startswith(_WRAPPER)
    if root is not booster and not (wrapped and isinstance(state, Dictionary) and state.get("_Booster") is booster):
        raise _refused("the booster is not the object itself, nor that of a wrapper")
    own = booster.state if isinstance(booster.state, Dictionary) else Dictionary()
    content = literal(own.get("handle"))
    if not content:
        raise _refused("the booster in it has no bytes of its own")
    outer = state if wrapped and isinstance(state, Dictionary) else Dictionary()
    missing = outer.get("missing")
    if missing is not None and not isinstance(missing, int | float):
        raise _refused("the wrapper's number for missing values cannot be read")
    left_out = {words for key, words in _LEFT_OUT.items() if not _is_empty(outer.get(key))}
    return LiftedBooster(
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        found_in=found_in,
        wrapped=wrapped,
        missing=math.nan if missing is None else float(missing),
        feature_names=_names(own.get("feature_names")),
        left_out=tuple(sorted(left_out)),
    )


def _names(kept: Any) -> tuple[str, ...] | None:
    if kept is None:
        return None
    if not isinstance(kept, list) or not all(isinstance(name, str) for name in kept):
        raise _refused("the names of its features cannot be read")
    return tuple(kept)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, Dictionary) and not value.pairs)


def _class_of(made: Any) -> str | None:
    """Return the class of an object: what was called, or for old protocols the class handed to the reconstructor."""
    if not isinstance(made, Made) or not isinstance(made.of, Imported) or is_wrapper(made):
        return None
    if made.of.path == "copyreg._reconstructor" and isinstance(made.arguments, tuple) and made.arguments:
        first = made.arguments[0]
        return first.path if isinstance(first, Imported) else None
    return made.of.path


def _belongs(path: str) -> bool:
    return path in _MADE_OF or path.startswith(_WRAPPER)


def _refused(why: str) -> ModelError:
    return ModelError(
        f"no booster can be lifted out of the pickle: {why}",
        "Ask the model's owner for the model in a format that holds no code.",
        "artifact-format-unsafe",
    )
