"""What other tests of attacks hand to the light verifier: rows with proofs, time stamps, proofs of a record, custody.

Their inputs are recorded while these tests run, and examined again by a verifier without one of its checks.
"""

from __future__ import annotations

import importlib
import io
import re
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

TESTS = Path(__file__).parents[1]
#: Where the attacks stand that are not in the table, and the modules that they are about.
SUITES = (
    TESTS / "evidence" / "rows" / "test_attacks.py",
    TESTS / "evidence" / "rows" / "test_unread_proofs.py",
    TESTS / "evidence" / "rows" / "test_redaction.py",
    TESTS / "verifier" / "test_kept.py",
    TESTS / "verifier" / "test_record_proof.py",
    TESTS / "verifier" / "test_time_stamp.py",
)
MODULES = tuple(f"verifier.{name}" for name in ("age", "kept", "log_signature", "record_proof", "rows", "sealed_rows"))
_PLACES = {
    "examine_archive": "audit_lab.verifier.bundle",
    "examine_record_proof": "audit_lab.verifier.record_proof",
    "check_kept": "audit_lab.verifier.kept",
    "check_token": "audit_lab.verifier.time_stamp_token",
}
#: Sweeps over every bit give thousands of inputs with one outcome; so many of each are enough.
_MOST_OF_ONE_OUTCOME = 25
#: The minute in which a report was made, and which is another when it is made again.
_CLOCK = re.compile(r"clock says (\S+ \S+) UTC")


@dataclass(frozen=True)
class Recorded:
    """One call of the verifier, and what came of it."""

    function: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    expected: tuple[Any, ...]

    def outcome(self, _verifier: object) -> tuple[Any, ...]:
        """Call it again, in the modules that are loaded now."""
        made = getattr(importlib.import_module(_PLACES[self.function]), self.function)
        return _outcome(made, self.arguments, self.options)


def record(folder: Path) -> list[Recorded]:
    """Run the tests and return what they handed to the verifier; they must pass.

    Raises
    ------
    RuntimeError
        A test failed.
    """
    import pytest

    calls: list[tuple[str, tuple[Any, ...], Mapping[str, Any]]] = []
    package = importlib.import_module("audit_lab.verifier")
    kept = {name: getattr(importlib.import_module(place), name) for name, place in _PLACES.items()}
    for name, place in _PLACES.items():
        _put([importlib.import_module(place), package], name, _recording(name, kept[name], calls))
    try:
        # Without the plugin of the browser tests, which refuses to be within a run of itself.
        without = ["-p", "no:cacheprovider", "-p", "no:playwright"]
        if pytest.main(["-q", *without, f"--basetemp={folder / 'recorded'}", *map(str, SUITES)]):
            raise RuntimeError("a test failed whose inputs were to be recorded")
    finally:
        for name, place in _PLACES.items():
            _put([importlib.import_module(place), package], name, kept[name])
    counts, recorded = Counter[tuple[Any, ...]](), []
    for name, arguments, options in calls:
        expected = _outcome(kept[name], arguments, options)
        counts[name, expected] += 1
        if counts[name, expected] <= _MOST_OF_ONE_OUTCOME:
            recorded.append(Recorded(name, arguments, options, expected))
    return recorded


def _put(modules: Sequence[Any], name: str, value: Callable[..., Any]) -> None:
    for module in modules:
        if hasattr(module, name):
            setattr(module, name, value)


def _recording(name: str, made: Callable[..., Any], calls: list[Any]) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        if hasattr(arguments[0], "read"):
            arguments = (_whole(arguments[0]), *arguments[1:])
        calls.append((name, arguments, options))
        return made(*_opened(name, arguments), **options)

    return call


def _whole(file: Any) -> bytes:
    file.seek(0)
    return bytes(file.read())


def _opened(name: str, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return (io.BytesIO(arguments[0]), *arguments[1:]) if name == "examine_archive" else arguments


def _unless_told(clock: re.Match[str]) -> str:
    """Return what a report says of a clock that it was told; of this machine's own, nothing."""
    said = datetime.fromisoformat(f"{clock[1]}+00:00")
    return "clock" if abs(datetime.now(UTC) - said) < timedelta(days=1) else clock[0]


def _outcome(made: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]) -> tuple[Any, ...]:
    try:
        found = made(*_opened(made.__name__, arguments), **options)
    except Exception as error:  # noqa: BLE001 - which one it is, is the outcome
        return type(error).__name__, getattr(error, "code", "")
    if isinstance(found, list):
        return tuple(sorted(f"{each.code} {each.file}" for each in found))
    if hasattr(found, "findings"):
        listed = tuple(sorted(f"{each.code} {each.file}" for each in found.findings))
        notes = tuple(_CLOCK.sub(_unless_told, note) for note in found.notes)
        return str(found.verdict), listed, found.anchors, found.signers, notes, found.checked, found.not_checked
    return found.authority, found.time


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        sys.stdout.write(f"{Counter(each.function for each in record(Path(place)))}\n")
