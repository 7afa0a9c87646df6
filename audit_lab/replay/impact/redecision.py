"""Decide recorded predictions twice, as recorded and as corrected, so that what differs is due to the correction."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl
from polars import selectors

from audit_lab.errors import MisuseError, ModelError
from audit_lab.log.search.expression import parse_expression
from audit_lab.replay.decision_rules import (
    FEATURE,
    MODEL_LABEL,
    check_rules,
    decide,
    decides_by_threshold,
    parse_rules,
)
from audit_lab.replay.impact.cases import AFTER, told
from audit_lab.replay.impact.corrected_rows import MET, UNREPLACED, corrected_rows, widened
from audit_lab.replay.impact.kinds import (
    FeatureChange,
    RegisteredRules,
    RegisteredVersion,
    StatedRules,
    Threshold,
    WithoutRule,
)
from audit_lab.replay.impact.met import CHANGED, LACKING, NO_RULE, NO_THRESHOLD, OVERTAKEN, SAME, UNDECIDED, Met
from audit_lab.replay.impact.replacement import Replacement
from audit_lab.replay.registration import editions
from audit_lab.replay.runner import Tried
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from audit_lab.log.store import LogStore
    from audit_lab.replay.decision_rules import Rule
    from audit_lab.replay.impact.cases import Labels
    from audit_lab.replay.impact.kinds import Change
    from audit_lab.replay.registered import Model
    from audit_lab.replay.runner import Prepared, Runner

__all__ = ["Redecision"]

#: The number of a row among those of its group; and of which half of a job it is.
_AT = "__at__"
_PART = "__part__"

#: A failure of a job that says something about single rows; after another one each half of it is tried alone.
_BY_ROW = "model-error"

_NOTHING = Tried((), ())


@dataclass(frozen=True)
class _Under:
    """The ready rows of a group as corrected, in their order, each with what keeps it from being decided so.

    `group` is the version that decides, by the rules under the correction, and the rows; `moved` says which of them
    the model is given otherwise than before.
    """

    group: Prepared
    moved: pl.Series


class Redecision:
    """Decides rows again under some changes.

    Parameters
    ----------
    store, runner
        The log, and what runs its versions.
    changes
        In order.
    labels
        Which columns of the rows name groups and subjects.
    """

    def __init__(self, store: LogStore, runner: Runner, changes: Sequence[Change], labels: Labels) -> None:
        self._store = store
        self._runner = runner
        self._changes = tuple(changes)
        self._labels = labels
        self._rule_names: set[str] = set()
        self._last_version = max(
            (place for place, change in enumerate(self._changes) if isinstance(change, RegisteredVersion)), default=-1
        )
        self.met = Met(self._changes)

    def check_rules_met(self) -> None:
        """See that each rule that is to be left out is one of some version that was met.

        Raises
        ------
        MisuseError
            It is none: nothing was corrected, and a count of nought would be no answer.
        """
        unknown = self.met.unknown_rules()
        if unknown:
            known = f"Rules: {', '.join(sorted(self._rule_names))}." if self._rule_names else "They have no rules."
            raise MisuseError(f"no version met here has a rule named {unknown[0]!r}", known)

    def cases(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return what became of the rows of a chunk, in their order within each version.

        Raises
        ------
        MisuseError
            A correction does not fit the rows.
        """
        done = [self._group(group) for group in self._runner.prepared(rows)]
        return pl.concat(done) if done else pl.DataFrame(schema=self._labels.schema)

    def _group(self, prepared: Prepared) -> pl.DataFrame:
        group = replace(prepared, rows=prepared.rows.with_row_index(_AT))
        baseline, after = _NOTHING, pl.DataFrame(schema={_AT: pl.UInt32(), **AFTER})
        if group.model is not None and group.ready.height:
            under = self._corrected(group, group.model)
            baseline, again = self._run(group, under)
            after = _decided(under, baseline, again)
        replayed = self._runner.finished([(group, baseline)]).hstack(group.rows.select(_AT))
        beside = replayed.join(after, on=_AT, how="left", maintain_order="left")
        return told(beside, group.rows, self._labels)

    def _corrected(self, group: Prepared, recorded: Model) -> _Under:
        """Return a group's ready rows under the changes: features, threshold, version and rules."""
        ready = group.ready
        corrected = corrected_rows(ready, self._changes)
        words = corrected.select(selectors.starts_with(MET))
        inner = replace(group, rows=corrected.drop(words.columns))
        versions = [each.model_version for each in self._changes if isinstance(each, RegisteredVersion)]
        if versions:
            inner = self._of_version(inner.rows, versions[-1])
        lacking = pl.col("code").is_null() & pl.col(UNREPLACED)
        rows = inner.rows.with_columns(code=pl.when(lacking).then(pl.lit("replacement-missing")).otherwise("code"))
        if inner.model is None:
            self._count(words, dict.fromkeys(range(len(self._changes)), UNDECIDED))
            return _Under(replace(inner, rows=rows), pl.Series([False] * rows.height))
        try:
            rules, instead = self._rules(inner.model)
            check_rules(rules, inner.model.signature, inner.model.name)
        except ModelError as error:
            self._count(words, dict.fromkeys(range(len(self._changes)), UNDECIDED))
            failed = rows.with_columns(
                code=pl.coalesce("code", pl.lit(error.code)), detail=pl.coalesce("detail", pl.lit(str(error)))
            )
            return _Under(replace(inner, model=None, rows=failed), pl.Series([False] * rows.height))
        alike = _alike(recorded, inner.model, ready["threshold"]) if versions else None
        if alike is not None:
            words = words.with_columns(alike.alias(f"{MET}{self._last_version}"))
        self._count(words, self._without_effect(inner.model, rules) | instead)
        model = replace(inner.model, rules=rules, signature=widened(inner.model.signature, rows.schema))
        if model.artifact.sha256 == recorded.artifact.sha256:
            moved = _moved(ready, rows, model.signature.names)
        else:
            moved = pl.Series([True] * rows.height)
        return _Under(replace(inner, model=model, rows=rows), moved)

    def _of_version(self, rows: pl.DataFrame, model_version: str) -> Prepared:
        """Return rows as they would be replayed if they stated another version of their model."""
        own = ("code", "detail", *(name for name in rows.columns if name.startswith("__order")))
        (inner,) = self._runner.prepared(rows.drop(own).with_columns(model_version=pl.lit(model_version)))
        # Nothing is compared with a record here, so none is needed of the kind that the version gives.
        needed = pl.col("code").ne_missing(pl.lit("output-missing"))
        return replace(inner, rows=inner.rows.with_columns(code=pl.when(needed).then("code")))

    def _count(self, words: pl.DataFrame, instead: Mapping[int, str]) -> None:
        """Count what the changes met, by other words where what they changed has no effect."""
        for place in range(len(self._changes)):
            found: dict[str, int] = {}
            for word, count in words[f"{MET}{place}"].value_counts().iter_rows():
                told = instead.get(place, word) if word.startswith(CHANGED) else word
                found[told] = found.get(told, 0) + count
            self.met.add(place, found)

    def _without_effect(self, model: Model, rules: tuple[Rule, ...]) -> dict[int, str]:
        """Return which changes are none to the version that decides, and the word for that."""
        names = set(model.signature.names)
        paths = {path for rule in rules for path in parse_expression(rule.when).paths}
        by_threshold = decides_by_threshold(model.signature.output) or ("threshold",) in paths
        found = {}
        for place, change in enumerate(self._changes):
            if isinstance(change, FeatureChange | Replacement):
                features = change.features if isinstance(change, Replacement) else (change.feature,)
                if names.isdisjoint(features):
                    found[place] = LACKING
            elif place < self._last_version:
                found[place] = OVERTAKEN
            elif isinstance(change, Threshold) and not by_threshold:
                found[place] = NO_THRESHOLD
        return found

    def _rules(self, model: Model) -> tuple[tuple[Rule, ...], dict[int, str]]:
        """Return the rules of a version under the changes, and which changes leave them as they are, by their words."""
        rules, instead = model.rules, {}
        for place, change in list(enumerate(self._changes))[self._last_version + 1 :]:
            before = rules
            if isinstance(change, StatedRules):
                rules = change.stated
            elif isinstance(change, RegisteredRules):
                rules = self._registered_rules(model.version["model_name"], change.model_version)
            elif isinstance(change, WithoutRule):
                self._rule_names |= {rule.name for rule in rules}
                rules = tuple(rule for rule in rules if rule.name != change.name)
            else:
                continue
            if rules == before:
                instead[place] = NO_RULE if isinstance(change, WithoutRule) else SAME
        return rules, instead

    def _registered_rules(self, model_name: str, model_version: str) -> tuple[Rule, ...]:
        name = f"{model_name} {model_version}"
        known = editions(self._store, model_name, model_version)
        rows = known[-1].rows if known else ()
        if len({row["decision_rules"] for row in rows}) == 1:
            return parse_rules(rows[-1]["decision_rules"], name)
        code = "version-ambiguous" if rows else "version-not-registered"
        raise ModelError(
            f"the rules of {name} cannot be taken: {EFFECTS[code].rstrip('.')}", "Name another version.", code
        )

    def _run(self, group: Prepared, under: _Under) -> tuple[Tried, Tried]:
        """Score rows as recorded, and as corrected where the model is then given something else.

        Both go to the child in one job where one model, read by one signature, takes both.
        """
        recorded, model = group.model, under.group.model
        moved = under.group.rows.filter(under.moved & under.group.rows["code"].is_null())
        if recorded is None or model is None or not moved.height:
            return self._runner.tried(group), _NOTHING
        if model.artifact.sha256 != recorded.artifact.sha256 or model.signature != recorded.signature:
            return self._runner.tried(group), self._runner.tried(replace(under.group, rows=moved))
        ready = group.ready
        parts = [ready, moved.select(ready.columns)]
        both = pl.concat(
            [rows.with_columns(pl.lit(part).alias(_PART)) for part, rows in enumerate(parts)], how="vertical_relaxed"
        )
        tried = self._runner.tried(replace(group, rows=both))
        if any(failed["code"][0] != _BY_ROW for failed in tried.failed):
            return self._runner.tried(group), self._runner.tried(replace(group, rows=parts[1]))
        return _part(tried, 0), _part(tried, 1)


def _part(tried: Tried, part: int) -> Tried:
    """Return one half of what came of a job that two shared."""
    mine = pl.col(_PART) == part
    scored = (replace(each, rows=each.rows.filter(mine).drop(_PART)) for each in tried.scored)
    failed = (rows.filter(mine).drop(_PART) for rows in tried.failed)
    return Tried(tuple(each for each in scored if each.rows.height), tuple(rows for rows in failed if rows.height))


def _alike(recorded: Model, other: Model, threshold: pl.Series) -> pl.Series:
    """Return the word for what deciding by another version changes, from the thresholds that decided."""
    changed = pl.Series([CHANGED] * threshold.len(), dtype=pl.String)
    own = (recorded.artifact.sha256, recorded.signature, recorded.rules)
    if own != (other.artifact.sha256, other.signature, other.rules):
        return changed
    same = threshold.eq_missing(pl.Series([other.version["threshold"]], dtype=pl.Float64))
    return pl.select(pl.when(same).then(pl.lit(SAME)).otherwise(changed)).to_series()


def _moved(before: pl.DataFrame, after: pl.DataFrame, names: Iterable[str]) -> pl.Series:
    """Return for which rows any feature is another one after the changes."""
    moved = pl.Series([False] * before.height)
    for name in names:
        # Texts are compared as such: those under a correction are not bound to known categories.
        recorded, corrected = before[FEATURE + name], after[FEATURE + name]
        if recorded.dtype != corrected.dtype:
            recorded = recorded.cast(corrected.dtype)
        moved |= recorded.ne_missing(corrected)
    return moved


def _decided(under: _Under, baseline: Tried, again: Tried) -> pl.DataFrame:
    """Return what is decided of each corrected row, or why it is not; a score that was not asked for anew stays."""
    rows, model = under.group.rows, under.group.model
    failed = [part.select(_AT, failed_code="code", failed_detail="detail") for part in again.failed]
    if failed:
        rows = rows.join(pl.concat(failed), on=_AT, how="left", maintain_order="left").with_columns(
            code=pl.coalesce("code", "failed_code"), detail=pl.coalesce("detail", "failed_detail")
        )
    kept = rows.select(_AT, after_code="code", after_detail="detail", is_touched=under.moved)
    new, old = _outputs(again), _outputs(baseline)
    scores = pl.concat([new, old.join(new, on=_AT, how="anti")])
    wanted = rows.filter(pl.col("code").is_null()).drop("score", MODEL_LABEL, strict=False)
    given = wanted.join(scores, on=_AT, how="inner", maintain_order="left")
    if model is None or not given.height:
        nothing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in AFTER.items() if name not in kept.columns]
        return kept.with_columns(nothing)
    features = [FEATURE + name for name in model.signature.names]
    decided = decide(
        given.select(_AT, "score", MODEL_LABEL, "threshold", *features), model.signature, model.rules, model.name
    )
    named = decided.select(
        _AT, after_score="score", after_label="label", after_rule="decision_rule", after_decision="decision"
    )
    return kept.join(named, on=_AT, how="left", maintain_order="left")


def _outputs(tried: Tried) -> pl.DataFrame:
    nothing: Any = {_AT: pl.UInt32(), "score": pl.Float64(), MODEL_LABEL: pl.String()}
    parts = [each.rows.select(*nothing) for each in tried.scored]
    return pl.concat([pl.DataFrame(schema=nothing), *parts])
