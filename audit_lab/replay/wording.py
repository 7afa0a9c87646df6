"""The reason of a verdict, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit_lab.replay.runner import Ran
    from audit_lab.replay.tolerance import Tolerance

__all__ = ["override_sentence", "why"]


def why(result: Mapping[str, Any], tolerance: Tolerance | None, ran: Ran | None) -> str:
    """Return why a replay came out as it did, one sentence or two.

    Parameters
    ----------
    result
        One row of `audit_lab.replay.runner.RESULT_SCHEMA`.
    tolerance
        Of the output.
    ran
        How the version was run, None where it was not.
    """
    code, version = result["code"], f"{result['model_name']} {result['model_version']}"
    if code in EFFECTS:
        return f"{EFFECTS[code]} {result['detail'] or ''}".strip()
    replayed, recorded = _output(result, "replayed"), _output(result, "recorded")
    if code == "exact":
        what = (
            f"{version} gives the same {recorded}"
            if recorded.startswith("label")
            else f"{version} gives the same {recorded}, bit for bit"
        )
    elif code == "within-tolerance":
        what = f"{version} gives {replayed}; recorded is {recorded}: {_apart(result)}; allowed are {tolerance}"
    elif code == "score-differs":
        return f"{version} gives the {replayed} on the recorded inputs; recorded is {recorded}: {_apart(result)}."
    else:
        return _later_step(result, code.removesuffix("-differs"))
    steps = [name for name in ("label", "rule", "decision") if not (name == "label" and recorded.startswith("label"))]
    compared = [name for name in steps if result[f"recorded_{name}"] is not None]
    left_out = [name for name in steps if result[f"recorded_{name}"] is None]
    rest = f", and the same {', '.join(compared)}" if compared else ""
    rest += f"; not recorded, so not compared: {', '.join(left_out)}" if left_out else ""
    isolated = ran is not None and ran.isolation.get("network", "").startswith("none")
    return f"{what}{rest}{'' if isolated else ' (the network of the child was closed in Python only)'}."


def override_sentence(override: Mapping[str, Any] | None, result: Mapping[str, Any]) -> str:
    """Say what a person made of the decision, and whether the replay gives what they changed."""
    if override is None:
        return ""
    before, after = override["decision_before"], override["decision_after"]
    sentence = f" Afterwards {override['actor'] or 'somebody'} changed {before!r} to {after!r}."
    if before is not None and result["replayed_decision"] is not None and before != result["replayed_decision"]:
        sentence += (
            f" The replay gives {result['replayed_decision']!r}, which is not what the override says it changed."
        )
    return sentence


def _later_step(result: Mapping[str, Any], step: str) -> str:
    gave = f"by its threshold and rules the {step} is {result[f'replayed_{step}']!r}"
    same = (
        f"The score is {_how_near(result)}, but "
        if result["recorded_score"] is not None
        else "From the label that the model gives, "
    )
    if step == "label" and result["recorded_score"] is None:
        same, gave = "", f"The model gives the label {result['replayed_label']!r}"
    return f"{same}{gave}; recorded is {result[f'recorded_{step}']!r}."


def _how_near(result: Mapping[str, Any]) -> str:
    return "the same" if not result["distance"] else f"within the tolerance ({_apart(result)})"


def _output(result: Mapping[str, Any], side: str) -> str:
    """Name what was compared first: the score, the probabilities, or the label alone."""
    if result["recorded_probabilities"] is not None and result["replayed_probabilities"] is not None:
        numbers = result[f"{side}_probabilities"]
        shown = ", ".join(repr(number) for number in numbers[:4]) + (", ..." if len(numbers) > 4 else "")  # noqa: PLR2004
        return f"probabilities ({shown})"
    if result["recorded_score"] is not None:
        return f"score {result[f'{side}_score']!r}"
    return f"label {result[f'{side}_label']!r}"


def _apart(result: Mapping[str, Any]) -> str:
    if result["distance"] is None:
        return "they cannot be subtracted"
    units = "" if result["ulps"] is None else f", {result['ulps']:,} units in the last place of {result['precision']}"
    return f"{result['distance']:.1e} apart{units}"
