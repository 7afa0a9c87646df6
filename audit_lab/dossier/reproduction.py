"""Whether a decision comes out again, for whoever knows nothing of replays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.dossier.content import Reproduction
from audit_lab.dossier.outcomes import Attempt
from audit_lab.explain.question import surroundings
from audit_lab.replay.verdict import Replay, Verdict

__all__ = ["MEANINGS", "reproduction_of"]

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What each verdict means, in a sentence.
MEANINGS: dict[Verdict, str] = {
    Verdict.EXACT: (
        "Given the recorded inputs again, the recorded model gives the recorded answer, to the last bit: what is on "
        "record is what this model makes of these inputs."
    ),
    Verdict.WITHIN_TOLERANCE: (
        "Given the recorded inputs again, the recorded model gives the recorded answer but for its last digits, within "
        "a stated tolerance, and the same decision."
    ),
    Verdict.DIVERGED: (
        "Given the recorded inputs again, the recorded model does not give what is on record: until that is cleared "
        "up, nothing confirms that this model made this decision from these inputs."
    ),
    Verdict.UNREPLAYABLE: (
        "The decision cannot be run again, so nothing here confirms, or refutes, that the recorded model made it from "
        "the recorded inputs."
    ),
}


def reproduction_of(replay: Replay | Attempt) -> Reproduction:
    """Return what a replay says to its reader.

    Parameters
    ----------
    replay
        The replay, or why there was none.
    """
    if isinstance(replay, Attempt):
        verdict = Verdict.UNREPLAYABLE
        return Reproduction(str(verdict), replay.code, MEANINGS[verdict], replay.sentence(), ("Nothing ran.",))
    meaning = MEANINGS[replay.verdict]
    return Reproduction(str(replay.verdict), replay.code, meaning, replay.why, tuple(_environment(replay)))


def _environment(replay: Replay) -> Iterator[str]:
    if replay.environment == "nothing ran":
        yield "Nothing ran."
        return
    if replay.environment == "present":
        found = surroundings()
        packages = ", ".join(
            f"{name} {version}"
            for name, version in found.items()
            if name in {"numpy", "xgboost", "xgboost-cpu", "lightgbm", "catboost", "scikit-learn", "onnxruntime"}
        )
        yield f"It ran in the environment of the machine that made this dossier: {found['python']}, {packages}."
    else:
        yield f"It ran in the recorded environment, built again for it: {replay.environment}."
    network = replay.isolation.get("network")
    if network:
        yield f"The model ran in a child process of its own; its network: {network}."
    differing = [each.sentence for each in replay.differences]
    yield from differing
    if not differing:
        yield "Of what the log records about the environment, nothing was found to differ."
    yield from replay.notes
