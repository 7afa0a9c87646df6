"""LightGBM: a booster saved as text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audit_lab.replay.models.columns import matrix
from audit_lab.replay.models.features import check_categories, check_count, check_names, differ
from audit_lab.replay.models.libraries import import_library, incoherent, threads, unreadable
from audit_lab.replay.models.lightgbm_text import check_text
from audit_lab.replay.models.scorer import ModelFault, Scorer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    import polars as pl

    from audit_lab.replay.signature import Signature

__all__ = ["LightgbmScorer", "lightgbm_scorer", "load_lightgbm"]

_BINARY = ("binary", "cross_entropy", "xentropy")
_MULTICLASS = ("multiclass", "multiclassova")
_EVEN = 0.5
_UNNAMED = re.compile(r"Column_\d+")


class LightgbmScorer(Scorer):
    """A LightGBM booster: text features as their position in its categories, the rest as numbers, all in float64."""

    noun = "booster"

    def __init__(self, native: Any, signature: Signature) -> None:
        super().__init__(native, signature)
        stated = re.search(r"^objective=(\S+)", native.model_to_string(num_iteration=1), re.MULTILINE)
        self._objective = stated.group(1) if stated else "none of its own"
        self._trees = native.num_model_per_iteration()

    def classes(self) -> tuple[str, ...]:
        """Return the signature's classes; a booster knows only how many there are."""
        return self._agreed([str(place) for place in range(max(self._trees, 2))], coded=True)

    def _predict(self, frame: pl.DataFrame, *, raw: bool = False) -> npt.NDArray[np.float64]:
        numbers = matrix(self, frame, np.float64)
        return np.asarray(self.native.predict(numbers, raw_score=raw, num_threads=threads()))

    def _probability(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if self._objective in _MULTICLASS:
            return self._predict(frame)[:, self._positive_place(self.classes())]
        if self._objective not in _BINARY:
            raise self._contradiction()
        return self._predict(frame)

    def _margin(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        return self._predict(frame, raw=True)

    def _value(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if self._objective in (*_MULTICLASS, "binary"):
            raise self._contradiction()
        return self._predict(frame)

    def _probabilities(self, frame: pl.DataFrame) -> npt.NDArray[Any]:
        if self._objective in _MULTICLASS:
            return self._predict(frame)
        if self._objective not in _BINARY:
            raise self._contradiction()
        positive = self._predict(frame)
        return np.column_stack([1.0 - positive, positive])

    def _labels(self, frame: pl.DataFrame) -> Sequence[str | None]:
        classes = self.classes()
        if self._objective in _MULTICLASS:
            places = self._predict(frame).argmax(axis=1)
        elif self._objective in _BINARY:
            places = (self._predict(frame) > _EVEN).astype(int)
        else:
            raise self._contradiction()
        return [classes[place] for place in places]

    def _contradiction(self) -> ModelFault:
        return self._fault(f"was trained with the objective {self._objective}")


def load_lightgbm(path: Path, signature: Signature, _trusted: Sequence[str] = ()) -> Scorer:
    """Load a booster that was saved as text."""
    lightgbm = import_library("lightgbm")
    try:
        text = path.read_text("utf-8")
        check_text(text)
    except ValueError as error:
        raise incoherent(error) from error
    try:
        booster = lightgbm.Booster(model_str=text)
    except (ValueError, lightgbm.basic.LightGBMError) as error:
        raise unreadable("LightGBM", error) from error
    return lightgbm_scorer(booster, signature)


def lightgbm_scorer(booster: Any, signature: Signature) -> LightgbmScorer:
    """Return a scorer of a booster whose features are those of the signature, and whose own categories it takes over.

    Raises
    ------
    ModelFault
        Code ``features-differ``.
    """
    scorer = LightgbmScorer(booster, signature)
    names = booster.feature_name()
    if all(_UNNAMED.fullmatch(name) for name in names) and tuple(names) != signature.names:
        check_count(scorer, len(names))
    elif tuple(names) != tuple(_as_kept(name) for name in signature.names):
        check_names(scorer, names)
    scorer.signature = _with_own_categories(scorer, booster.pandas_categorical or [])
    return scorer


def _as_kept(name: str) -> str:
    """Return a feature's name as LightGBM keeps it, which puts an underscore for white space."""
    return re.sub(r"\s", "_", name)


def _with_own_categories(scorer: Scorer, kept: list[list[Any]]) -> Signature:
    """Return the signature with the categories that the file keeps of a frame: one list for each column of text."""
    signature = scorer.signature
    texts = [place for place, feature in enumerate(signature.features) if feature.dtype == "str"]
    if not kept:
        return signature
    if len(kept) != len(texts):
        raise differ(scorer, f"it keeps categories of {len(kept)} features, the signature has {len(texts)} of text")
    features = list(signature.features)
    for place, own in zip(texts, kept, strict=True):
        known = tuple(map(str, own))
        check_categories(scorer, features[place], known)
        features[place] = replace(features[place], categories=known)
    return replace(signature, features=tuple(features))
