"""SHAP in the sandbox's child: Shapley values of the whole model over the recorded features.

The values are interventional: a feature that is left out takes the values of the background rows. They are computed
over recorded values, so a one-hot encoded feature has one contribution. Scores are asked of the model itself, by
enumeration (up to 12 features: exact), by seeded random orders (more: the standard error is a check; or, where that is
asked for, by shap's permutation explainer), or one feature at a time where the model only adds them up. Log-odds of
boosters of XGBoost and LightGBM come from shap's tree algorithm, which is exact there, those of other models from their
margin, in the same ways. shap's tree algorithm in probability space is not used: it scales log-odds contributions for
each background row, and these are not the Shapley values of the probability (on models of 12 features they were off by
0.015, some with the wrong sign).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from audit_lab.explain.checks import FLOAT32, FLOAT64, check_additivity, check_determinism, check_familiarity
from audit_lab.explain.grouping import players_of
from audit_lab.explain.linear_values import adds_up
from audit_lab.explain.margins import log_odds
from audit_lab.explain.model_values import ModelValues, model_values
from audit_lab.explain.perturbation import PATH_DEPENDENT
from audit_lab.explain.sampling import BY_ROW, EVALUATIONS, Sampling
from audit_lab.explain.tree_values import TreeValues, by_trees, interventional, path_dependent
from audit_lab.replay.scoring import ModelFault, Scorer, loaded_model
from audit_lab.replay.signature import Signature
from audit_lab.sandbox.job import Answer, Job

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]

__all__ = ["attribute", "attribute_rows"]

_LOG_ODDS = "log-odds"
_PROBABILITIES = ("probability", "multiclass")


class _Asked(NamedTuple):
    """What is explained: the output by name, of which players, against which background."""

    signature: Signature
    output: str
    by_paths: bool
    sampling: Sampling
    players: dict[str, tuple[str, ...]]
    background: pl.DataFrame

    @classmethod
    def of(cls, job: Job) -> _Asked:
        header = job.header
        signature = Signature.parse(header["signature"])
        players = players_of(signature, header.get("groups", {}))
        by_paths = header.get("perturbation") == PATH_DEPENDENT
        background = pl.DataFrame() if by_paths and "background" not in job.tables else job.tables["background"]
        sampling = Sampling(header.get("seed", 0), header.get("sampling", BY_ROW), header.get("max_evals", EVALUATIONS))
        return cls(signature, header.get("output", _LOG_ODDS), by_paths, sampling, players, background)

    def with_trees(self, scorer: Scorer) -> bool:
        """Whether trees give the values, of many rows at once: they know single columns only."""
        alone = all(len(members) == 1 for members in self.players.values())
        return self.by_paths or (self.output == _LOG_ODDS and alone and by_trees(scorer))


def attribute(job: Job) -> Answer:
    """Task: explain the one row of table ``inputs`` against table ``background`` with file ``artifact``.

    The header gives ``signature``, ``artifact_format``, ``trusted_types``, ``output`` (``log-odds``, or else what the
    kind of output calls its score), ``perturbation``, ``seed``, ``sampling`` and ``max_evals`` and, where features come
    and go together, ``groups`` (name to features). Where model and registry do not fit together, the answer's header
    has only ``fault`` (code and message).
    """
    row, background = job.tables["inputs"], job.tables["background"]
    try:
        scorer = loaded_model(job)
        asked = _Asked.of(job)
        explained, label = scorer.explained(row)
        if asked.with_trees(scorer):
            label = asked.signature.output.positive
            trees = _of_trees(asked, scorer, row)
            found, prediction = _first(trees), float(trees.margins[0])
        else:
            found, prediction = _of_score(asked, scorer, explained, row)
        rows = row.vstack(background)
        repeated = check_determinism(explained(rows), explained(rows))
    except ModelFault as fault:
        return Answer({"fault": {"code": fault.code, "message": fault.message}})
    contributions, precision = found.values.tolist(), FLOAT32 if asked.by_paths else FLOAT64
    checks = [
        check_additivity(contributions, found.base, prediction, precision),
        *found.checks,
        repeated,
        *([] if asked.by_paths else [check_familiarity(row, background, asked.signature)]),
    ]
    return Answer(
        {
            "contributions": contributions,
            "base_value": found.base,
            "prediction_value": prediction,
            "library": found.library,
            "library_version": found.library_version,
            "label": label,
            "algorithm": found.algorithm,
            "checks": [[check.name, check.passed, check.detail] for check in checks],
        }
    )


def attribute_rows(job: Job) -> Answer:
    """Task: explain each row of table ``inputs``; the header is that of `attribute`.

    The answer is table ``contributions``: a column for each feature, then the base value and the output of each row.
    Margins come from trees, all rows at once; what else is explained row by row, with ``checks`` in the header where
    values are sampled.
    """
    inputs = job.tables["inputs"]
    try:
        scorer = loaded_model(job)
        asked = _Asked.of(job)
        if not asked.with_trees(scorer):
            return _row_by_row(asked, scorer, inputs)
        trees = _of_trees(asked, scorer, inputs)
    except ModelFault as fault:
        return Answer({"fault": {"code": fault.code, "message": fault.message}})
    columns = [pl.Series(name, trees.values[:, place]) for place, name in enumerate(asked.players)]
    ends = [np.full(inputs.height, trees.base), trees.margins]
    table = pl.DataFrame([*columns, *(pl.Series(f"_{end}", column) for end, column in enumerate(ends))])
    header = {"algorithm": trees.algorithm, "library": trees.library, "library_version": trees.library_version}
    return Answer(header, {"contributions": table})


def _of_trees(asked: _Asked, scorer: Scorer, rows: pl.DataFrame) -> TreeValues:
    return path_dependent(scorer, rows) if asked.by_paths else interventional(scorer, rows, asked.background)


def _first(trees: TreeValues) -> ModelValues:
    return ModelValues(trees.values[0], trees.base, trees.algorithm, trees.library, trees.library_version)


def _of_score(
    asked: _Asked, scorer: Scorer, explained: Callable[[pl.DataFrame], Numbers], row: pl.DataFrame
) -> tuple[ModelValues, float]:
    """Return the values of one row's score or log-odds, and that output itself."""
    kind = asked.signature.output.kind
    margins = asked.output == _LOG_ODDS
    score = log_odds(scorer, row.vstack(asked.background)) if margins else explained
    found = model_values(
        score,
        row,
        asked.background,
        asked.players,
        sampling=asked.sampling,
        additive=(margins or kind not in _PROBABILITIES) and adds_up(scorer.native),
        probabilities=not margins and kind in _PROBABILITIES,
    )
    return found, float(score(row)[0])


def _row_by_row(asked: _Asked, scorer: Scorer, inputs: pl.DataFrame) -> Answer:
    """Explain one row after the other; each check is told once, as of the rows that fail it."""
    rows, failed, names = [], dict[str, list[str]](), dict[str, tuple[str, str]]()
    for place in range(inputs.height):
        row = inputs[place : place + 1]
        found, prediction = _of_score(asked, scorer, scorer.explained(row)[0], row)
        rows.append([*found.values.tolist(), found.base, prediction])
        names[found.algorithm] = (found.library, found.library_version)
        for check in found.checks:
            failed.setdefault(check.name, []).extend([] if check.passed else [check.detail])
    columns = [*asked.players, "_0", "_1"]
    table = pl.DataFrame(np.array(rows).reshape(-1, len(columns)), schema=columns, orient="row")
    checks = [[name, not details, _told(details, inputs.height)] for name, details in failed.items()]
    library, library_version = next(iter(names.values()), ("", ""))
    header = {"algorithm": "; or ".join(sorted(names)), "library": library, "library_version": library_version}
    return Answer({**header, "checks": checks}, {"contributions": table})


def _told(details: list[str], rows: int) -> str:
    return f"{len(details)} of {rows} rows do not pass, the first: {details[0]}" if details else f"{rows} rows pass"
