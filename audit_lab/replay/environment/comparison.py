"""How two environments differ, and whether the same bits may be expected of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from audit_lab.replay.environment.fingerprint import Fingerprint, Library

__all__ = ["SCORE_RELEVANT", "Difference", "compare", "numerics_sentence", "same_numerics"]

#: Packages whose code a score passes through.
SCORE_RELEVANT = frozenset(
    {
        *("catboost", "lightgbm", "numpy", "onnxruntime", "pandas", "scikit-learn", "scipy", "skops"),
        *("xgboost", "xgboost-cpu"),
    }
)
#: Distributions that hold the same module.
_SAME_MODULE = ({"xgboost", "xgboost-cpu"},)
_PLACES = {"cpu_features": "instruction sets", "blas": "linear algebra library"}


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was.

    Parameters
    ----------
    field
        What differs: a field of the fingerprint, or ``packages.<name>``.
    recorded, present
        Its values as text; None where it is not there at all.
    matters
        Whether a score can come out otherwise because of it.
    sentence
        The same for a reader.
    """

    field: str
    recorded: str | None
    present: str | None
    matters: bool
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return asdict(self)


def compare(recorded: Fingerprint, present: Fingerprint, *, whole: bool = False) -> tuple[Difference, ...]:
    """Return whatever was recorded and is otherwise now, what matters first.

    Parameters
    ----------
    recorded, present
        What was not recorded cannot differ.
    whole
        Whether the recorded packages are all that there were. Otherwise those that are only here are passed over: a
        list may name only what its writer thought of.
    """
    found = [*_interpreter(recorded, present), *_machine(recorded, present), *_libraries(recorded, present)]
    found += _threads(recorded, present)
    found += [
        _package(name, version, present)
        for name, version in recorded.packages.items()
        if present.packages.get(name) != version
    ]
    if whole:
        found += [_added(name, version) for name, version in present.packages.items() if name not in recorded.packages]
    return tuple(sorted(found, key=lambda each: not each.matters))


def same_numerics(recorded: Fingerprint, present: Fingerprint) -> bool | None:
    """Return whether processor features and linear algebra are the same; None where the record does not say.

    Libraries are compared package by package: a process that loaded one more has not changed the others. Thread counts
    are no part of it.
    """
    answers = [_same_features(recorded, present), _same_blas(recorded, present)]
    if False in answers:
        return False
    return None if None in answers else True


def numerics_sentence(recorded: Fingerprint | None, present: Fingerprint) -> str:
    """Say whether the same bits may be expected here, and why a small distance would be no finding where not."""
    same = None if recorded is None else same_numerics(recorded, present)
    if recorded is None or same is None:
        wanting = "the processor features or the linear algebra library" if recorded else "the environment"
        return (
            f"The record does not say {wanting} that it was computed with, so equal bits cannot be promised; "
            "a distance within the tolerance may come from them."
        )
    if same:
        return "Processor features and linear algebra are those of the record: equal bits are expected."
    answers = {"cpu_features": _same_features(recorded, present), "blas": _same_blas(recorded, present)}
    parted = " and ".join(_PLACES[name] for name, equal in answers.items() if equal is False)
    return (
        f"Other {parted} than in the record: sums are rounded in another order, which explains a distance within the "
        "tolerance; equal bits are promised only where they are the same."
    )


def _same_features(recorded: Fingerprint, present: Fingerprint) -> bool | None:
    if recorded.machine and present.machine and recorded.machine != present.machine:
        return False
    if recorded.cpu_features is None or present.cpu_features is None:
        return None
    return recorded.cpu_features == present.cpu_features


def _same_blas(recorded: Fingerprint, present: Fingerprint) -> bool | None:
    if not recorded.blas or not present.blas:
        return None
    shared = {library.bundled_with for library in recorded.blas} & {library.bundled_with for library in present.blas}
    if not shared:
        return False
    return all(_of(recorded.blas, owner) == _of(present.blas, owner) for owner in shared)


def _of(libraries: Iterable[Library], owner: str | None) -> set[Library]:
    return {library for library in libraries if library.bundled_with == owner}


def _interpreter(recorded: Fingerprint, present: Fingerprint) -> list[Difference]:
    found = []
    if recorded.python and recorded.python != present.python:
        minor = recorded.python_minor != present.python_minor
        weight = "" if minor else "; a release of the same series, which computes alike"
        sentence = f"Python was {recorded.python} and is {present.python}{weight}."
        found.append(Difference("python", recorded.python, present.python, minor, sentence))
    if recorded.implementation and recorded.implementation != present.implementation:
        sentence = f"The interpreter was {recorded.implementation} and is {present.implementation}."
        found.append(Difference("implementation", recorded.implementation, present.implementation, True, sentence))  # noqa: FBT003
    return found


def _machine(recorded: Fingerprint, present: Fingerprint) -> list[Difference]:
    found = []
    for name, what, matters in (
        ("system", "The operating system", False),
        ("machine", "The processor family", True),
        ("libc", "The C library", True),
        ("cpu", "The processor", False),
    ):
        before, now = getattr(recorded, name), getattr(present, name)
        if before and before != now:
            hint = "; what of it computes is in cpu_features" if name == "cpu" else ""
            hint = "; its exp, log and pow may round otherwise" if name == "libc" else hint
            found.append(
                Difference(name, before, now, matters, f"{what} was {before} and is {now or 'unknown'}{hint}.")
            )
    if _same_features(recorded, present) is False and recorded.cpu_features is not None:
        before, now = set(recorded.cpu_features), set(present.cpu_features or ())
        changes = [f"without {', '.join(sorted(before - now))}"] * bool(before - now)
        changes += [f"with {', '.join(sorted(now - before))} besides"] * bool(now - before)
        if changes:
            texts = (" ".join(sorted(before)), " ".join(sorted(now)))
            sentence = f"The processor here is {' and '.join(changes)}: other kernels run, which round otherwise."
            found.append(Difference("cpu_features", *texts, matters=True, sentence=sentence))
    return found


def _libraries(recorded: Fingerprint, present: Fingerprint) -> list[Difference]:
    found = []
    if recorded.blas and _same_blas(recorded, present) is False:
        before, now = _listed(recorded.blas), _listed(present.blas or ())
        sentence = f"Linear algebra was by {before} and is by {now}: sums are taken in another order."
        found.append(Difference("blas", before, now, matters=True, sentence=sentence))
    return found


def _listed(libraries: Iterable[Library]) -> str:
    return ", ".join(str(library) for library in libraries) or "none"


def _threads(recorded: Fingerprint, present: Fingerprint) -> list[Difference]:
    if not recorded.threads or present.threads is None:
        return []
    found = []
    for kind, before in recorded.threads.items():
        now = present.threads.get(kind)
        if now is not None and now != before:
            matters = kind != "processors"
            hint = "a sum that is split otherwise can round otherwise" if matters else "it is the threads that count"
            what = "Processors" if kind == "processors" else f"Threads of {kind}"
            sentence = f"{what} were {before} and are {now}: {hint}."
            found.append(Difference(f"threads.{kind}", str(before), str(now), matters, sentence))
    return found


def _package(name: str, version: str, present: Fingerprint) -> Difference:
    now, instead = present.packages.get(name), None
    for same in _SAME_MODULE:
        if now is None and name in same:
            instead = next((other for other in sorted(same) if other in present.packages), None)
    found = f"{instead} {present.packages[instead]}" if instead else now
    if instead:
        sentence = f"{name} was {version}; here the same module comes from {found}."
    elif now is None:
        sentence = f"{name} was {version} and is not installed."
    else:
        sentence = f"{name} was {version} and is {now}."
    return Difference(f"packages.{name}", version, found, name in SCORE_RELEVANT, sentence)


def _added(name: str, version: str) -> Difference:
    sentence = f"{name} was not installed and is {version}."
    return Difference(f"packages.{name}", None, version, name in SCORE_RELEVANT, sentence)
