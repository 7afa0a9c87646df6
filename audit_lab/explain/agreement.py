"""Whether two explanations of one decision say the same: ranks, signs, largest features, and a verdict in words.

A feature matters to an explanation if its magnitude is at least a tenth of the largest one there (and beyond
rounding). Signs are compared for features that matter to both, ranks over those that matter to either, by Spearman's
rho of the magnitudes (`scipy.stats.spearmanr`); with fewer than three of them it is no evidence and is left out.
Agreement is no proof: two methods can be wrong together, and where they differ neither need be.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain.explained import Explained, explained_of_record
from audit_lab.seal.hidden_letters import spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from audit_lab.explain.attribution import Attribution

__all__ = ["AGREE", "DISAGREE", "MAIN", "NOT_COMPARABLE", "Agreement", "Comparison", "agreement_between", "compare"]

AGREE, MAIN, DISAGREE = "agree", "agree on the main features", "disagree"
NOT_COMPARABLE = "not comparable"
_MATTERS, _ROUNDING = 0.1, 1e-9
_TOP = 3
_CORRELATION, _OVERLAP = 0.8, 2 / 3
_FEWEST_RANKED = 3
_MOST_NAMED, _LONGEST = 6, 40

_RULES = {
    "matters": f"at least {_MATTERS:.0%} of the explanation's largest magnitude",
    "rank_correlation": "Spearman's rho of magnitudes, over features that matter to either (three or more)",
    "largest": f"up to {_TOP} features that matter, by magnitude",
    AGREE: f"no sign conflict, the same largest features, and a rank correlation of at least {_CORRELATION} "
    "where there is one",
    MAIN: "no sign conflict among the largest features of either, and at least two thirds of them shared",
    DISAGREE: "anything else; and, whatever the features, Shapley values of record that with their base add up to "
    "neither the model's output nor its log-odds, within 0.005",
    NOT_COMPARABLE: "no feature stands in both",
}


@dataclass(frozen=True)
class Comparison:
    """Two explanations beside each other.

    Parameters
    ----------
    first, second
        What is compared.
    verdict
        ``agree``, ``agree on the main features``, ``disagree`` or ``not comparable``; by `rules`.
    rank_correlation
        Spearman's rho, from -1 to 1; None with fewer than three features that matter, or where all are equal.
    sign_conflicts
        Features that matter to both and raise the output in one and lower it in the other, by name.
    first_largest, second_largest
        The largest features of each, largest first.
    only_first, only_second
        Features that the other does not have, by name; nothing is said of them.
    differences
        Why the numbers may not be comparable: a record that is not of this output, other method, background, output,
        library or seed, and what of these is not known. But for the first, the verdict is on what they say, whatever
        the reason.
    """

    first: Explained
    second: Explained
    verdict: str
    rank_correlation: float | None
    sign_conflicts: tuple[str, ...]
    first_largest: tuple[str, ...]
    second_largest: tuple[str, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def shared_largest(self) -> tuple[str, ...]:
        """The features that are among the largest of both, in the order of the first."""
        return tuple(name for name in self.first_largest if name in self.second_largest)

    @property
    def rules(self) -> dict[str, str]:
        """What the verdict and the numbers mean, with their thresholds."""
        return dict(_RULES)

    @spelling_text
    def summary(self) -> str:
        """Return the verdict and what it rests on, in a line."""
        name = f"{self.first.name[:1].upper()}{self.first.name[1:]}"
        if self.verdict == NOT_COMPARABLE:
            return f"{name} and {self.second.name} are not comparable: no feature stands in both."
        most = max(len(self.first_largest), len(self.second_largest))
        shared = f"{len(self.shared_largest)} of {most} largest features shared"
        rank = (
            "no rank correlation" if self.rank_correlation is None else f"rank correlation {self.rank_correlation:.2f}"
        )
        conflicts = _named(self.sign_conflicts)
        signs = f"opposite signs for {conflicts}" if conflicts else "no sign conflict"
        broken = next((f"; {side.inconsistency}" for side in (self.first, self.second) if side.inconsistency), "")
        return f"{name} and {self.second.name} {self.verdict}: {shared}, {rank}, {signs}{broken}."

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON-safe values, the rules among them."""
        sides = {name: {**asdict(side), "contributions": dict(side.contributions)} for name, side in self._sides()}
        return {
            **sides,
            "verdict": self.verdict,
            "rank_correlation": self.rank_correlation,
            "sign_conflicts": list(self.sign_conflicts),
            "first_largest": list(self.first_largest),
            "second_largest": list(self.second_largest),
            "shared_largest": list(self.shared_largest),
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
            "differences": list(self.differences),
            "rules": self.rules,
            "summary": self.summary(),
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return the summary."""
        return f"Comparison: {self.summary()}"

    def _sides(self) -> tuple[tuple[str, Explained], tuple[str, Explained]]:
        return ("first", self.first), ("second", self.second)


@dataclass(frozen=True)
class Agreement:
    """SHAP beside LIME for one decision, and each explanation of record beside the recomputed one of its method.

    Parameters
    ----------
    shap, lime
        The recomputed explanations.
    methods
        SHAP compared with LIME.
    of_record
        One comparison for each explanation of record that nothing corrects and that can be read, in the log's order.
    unread
        Why others of record could not be compared, a sentence each.
    in_other_outputs
        SHAP of other outputs than `shap`, which explanations of record were compared with that are of these.
    """

    shap: Attribution
    lime: Attribution
    methods: Comparison
    of_record: tuple[Comparison, ...] = ()
    unread: tuple[str, ...] = ()
    in_other_outputs: tuple[Attribution, ...] = ()

    @property
    def prediction_id(self) -> str:
        """The decision."""
        return self.shap.prediction_id

    @spelling_text
    def summary(self) -> list[str]:
        """Return sentences: the methods, each explanation of record with its reasons, failed checks."""
        said = [self.methods.summary()]
        for each in self.of_record:
            said.append(each.summary())
            if each.differences:
                said.append(f"Why {each.first.name} may differ: {'; '.join(each.differences)}.")
        said += [f"Not compared: {reason}." for reason in self.unread]
        if not self.of_record and not self.unread:
            said.append("The log has no explanation of record of this decision that stands.")
        for one in (self.shap, self.lime, *self.in_other_outputs):
            failed = [check.name for check in one.checks if not check.passed]
            if failed:
                said.append(f"{_called(one, self.shap)} did not pass: {', '.join(failed)}.")
        return said

    def to_dict(self) -> dict[str, Any]:
        """Return all comparisons as JSON-safe values, with the digests of both explanations."""
        return {
            "prediction_id": self.prediction_id,
            "shap_sha256": self.shap.digest,
            "lime_sha256": self.lime.digest,
            "in_other_outputs": {each.output_explained: each.digest for each in self.in_other_outputs},
            "methods": self.methods.to_dict(),
            "of_record": [each.to_dict() for each in self.of_record],
            "unread": list(self.unread),
            "summary": self.summary(),
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return the decision and the verdict on the methods."""
        return f"Agreement of {self.prediction_id}: {self.methods.summary()}"


def agreement_between(
    shap: Attribution,
    lime: Attribution,
    records: Iterable[Mapping[str, Any]] = (),
    recompute: Callable[[str], Attribution] | None = None,
) -> Agreement:
    """Compare SHAP with LIME, and the explanations of record with that one whose method they state.

    Parameters
    ----------
    shap, lime
        Of one decision.
    records
        Its rows of the table `explanations`; those with `corrected_by` are left out. A method that names LIME is
        compared with LIME, any other with SHAP.
    recompute
        Gives SHAP of another output, by its name, for records that are of it; where that is not offered (`MisuseError`,
        `ModelError`) the record is compared with `shap`, and its output is among the differences.
    """
    compared, unread = [], []
    others: dict[str, Attribution] = {}
    for row in records:
        if row.get("corrected_by") is not None:
            continue
        recomputed = lime if "lime" in (row.get("method") or "").lower() else shap
        try:
            record = explained_of_record(row, recomputed)
        except ModelError as error:
            unread.append(error.message.rstrip("."))
            continue
        if recomputed is shap and recompute is not None and record.output not in {None, shap.output_explained}:
            recomputed = _of_output(str(record.output), recompute, others) or shap
            record = explained_of_record(row, recomputed)
        side = replace(Explained.of(recomputed), name=_called(recomputed, shap))
        compared.append(compare(record, side))
    methods = compare(Explained.of(shap), Explained.of(lime))
    return Agreement(shap, lime, methods, tuple(compared), tuple(unread), tuple(others.values()))


def _of_output(
    output: str, recompute: Callable[[str], Attribution], others: dict[str, Attribution]
) -> Attribution | None:
    """Return SHAP of an output, computed once for all records that are of it; None where that is not offered."""
    if output not in others:
        try:
            others[output] = recompute(output)
        except (MisuseError, ModelError):
            return None
    return others[output]


def _called(one: Attribution, shap: Attribution) -> str:
    """Return what an attribution is called in sentences: its method, and its output where that is another one."""
    name = one.method.upper()
    return f"{name} of the {one.output_explained}" if one.method == shap.method and one is not shap else name


def compare(first: Explained, second: Explained) -> Comparison:
    """Compare two explanations of one decision over the features that both have."""
    shared = [name for name in first.contributions if name in second.contributions]
    one, other = ({name: side.contributions[name] for name in shared} for side in (first, second))
    mattering = [_mattering(values) for values in (one, other)]
    largest = [tuple(names[:_TOP]) for names in mattering]
    conflicts = tuple(
        sorted(name for name in mattering[0] if name in mattering[1] and (one[name] > 0) != (other[name] > 0))
    )
    either = [name for name in shared if name in mattering[0] or name in mattering[1]]
    broken = [side.inconsistency for side in (first, second) if side.inconsistency]
    verdict = NOT_COMPARABLE
    rank = _rank_correlation([abs(one[name]) for name in either], [abs(other[name]) for name in either])
    if shared:
        verdict = DISAGREE if broken else _verdict(largest[0], largest[1], conflicts, rank)
    return Comparison(
        first,
        second,
        verdict,
        rank,
        conflicts,
        largest[0],
        largest[1],
        tuple(sorted(first.contributions.keys() - set(shared))),
        tuple(sorted(second.contributions.keys() - set(shared))),
        _differences(first, second),
    )


def _mattering(values: Mapping[str, float]) -> list[str]:
    """Return the features that matter, largest first; equal ones by name."""
    least = max(_MATTERS * max(map(abs, values.values()), default=0.0), _ROUNDING)
    return sorted((name for name in values if abs(values[name]) >= least), key=lambda name: (-abs(values[name]), name))


def _rank_correlation(first: list[float], second: list[float]) -> float | None:
    from scipy.stats import spearmanr

    if len(first) < _FEWEST_RANKED or len(set(first)) == 1 or len(set(second)) == 1:
        return None
    return float(spearmanr(first, second).statistic)


def _verdict(first: tuple[str, ...], second: tuple[str, ...], conflicts: tuple[str, ...], rank: float | None) -> str:
    same = set(first) == set(second)
    if same and not conflicts and (rank is None or rank >= _CORRELATION):
        return AGREE
    shared = len(set(first) & set(second)) / max(len(first), len(second), 1)
    if (same or shared >= _OVERLAP) and not set(conflicts) & {*first, *second}:
        return MAIN
    return DISAGREE


def _differences(first: Explained, second: Explained) -> tuple[str, ...]:
    asked = (
        ("method", first.method, second.method),
        ("output", first.output, second.output),
        ("background", first.background_sha256, second.background_sha256),
        ("seed", first.seed, second.seed),
        ("library", first.version, second.version),
    )
    said = [side.inconsistency for side in (first, second) if side.inconsistency]
    for what, one, other in asked:
        if one is None or other is None:
            said.append(f"the {what} of {first.name if one is None else second.name} is not known")
        elif one != other:
            said.append(f"another {what} ({_short(one)}, {_short(other)})")
    return tuple(said)


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) > _LONGEST else text


def _named(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
