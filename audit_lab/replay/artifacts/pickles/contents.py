"""What opening a pickle would import and call: listed without opening it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.replay.artifacts.pickles.compression import MOST_BYTES, decompressed
from audit_lab.replay.artifacts.pickles.danger import rank
from audit_lab.replay.artifacts.pickles.stack import Budget, Walk, walk
from audit_lab.replay.artifacts.pickles.stand_ins import Imported, Made, literal, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PickleContents", "inspect_pickle"]

_INNER = re.compile(rb"\x80[\x00-\x05]|[(c\]}]")
_LEAST_INNER = 4
_DEEPEST = 6
_MOST_INNER = 2_000
_LOADERS = frozenset(
    f"{module}.{function}"
    for module in ("pickle", "_pickle", "cloudpickle", "cloudpickle.cloudpickle", "dill", "dill._dill", "joblib")
    for function in ("loads", "load", "Unpickler")
)
_LONGEST_TEXT = 60
_CODE_TYPES = ("types.CodeType", "builtins.code")


@dataclass(frozen=True)
class PickleContents:
    """What a pickle holds, the dangerous first.

    Parameters
    ----------
    imports
        Every ``module.name`` that it would import.
    calls
        What it would call, with the texts that it would hand over.
    dangerous
        Those of `imports` that no model needs and that can run commands, code, or reach files or the network.
    own_code
        Names that code within the pickle itself refers to; empty where it brings no code.
    complete
        Whether every instruction was walked: only then are the lists complete.
    problem
        Why not.
    compression
        What was undone first; None where nothing was.
    """

    imports: tuple[str, ...]
    calls: tuple[str, ...]
    dangerous: tuple[str, ...]
    own_code: tuple[str, ...]
    complete: bool
    problem: str | None
    compression: str | None

    def sentence(self, shown: int = 12) -> str:
        """Return in words what opening it would do."""
        listed = ", ".join(self.imports[:shown]) or ("nothing" if self.complete else "nothing that could be read")
        more = f" and {len(self.imports) - shown} more" if len(self.imports) > shown else ""
        said = f"it would import {listed}{more}"
        if self.dangerous:
            calls = [call for call in self.calls if call.startswith(self.dangerous)]
            said += f"; it would call {', '.join(calls[:3])}" if calls else ""
        if self.own_code:
            said += f"; it brings code of its own, which uses {', '.join(self.own_code[:shown])}"
        return said if self.complete else f"{said}; the list is not complete, because {self.problem}"


def inspect_pickle(content: bytes, artifact_format: str = "pickle", *, most_bytes: int = MOST_BYTES) -> PickleContents:
    """List what opening a pickle would import and call.

    Parameters
    ----------
    content
        A file of format ``pickle``, ``joblib``, ``cloudpickle`` or ``dill``.
    artifact_format
        Which of them: only joblib reads arrays behind their wrapper. A file of joblib that bears another name is seen
        for what it is.
    most_bytes
        What it may unpack to.
    """
    try:
        content, compression = decompressed(content, most_bytes)
    except ValueError as error:
        return PickleContents((), (), (), (), complete=False, problem=str(error), compression=None)
    walks = _walks(content, artifact_format == "joblib" or compression is not None)
    imports = {imported for found in walks for imported in _imported(found)}
    ordered = sorted({name_of(imported) for imported in imports}, key=lambda path: (rank(path), path))
    calls = {_shown(call): None for found in walks for call in found.calls}
    problem = next((found.problem for found in walks if found.problem), None)
    return PickleContents(
        imports=tuple(ordered),
        calls=tuple(sorted(calls, key=lambda call: rank(call.partition("(")[0]))),
        dangerous=tuple(path for path in ordered if rank(path) == 0),
        own_code=tuple(sorted({name for found in walks for name in _code_names(found)})),
        complete=problem is None,
        problem=problem,
        compression=compression,
    )


def _walks(content: bytes, joblib: bool) -> list[Walk]:  # noqa: FBT001
    """Walk a pickle, then those in its byte strings that are pickles to their end or are handed to a loader."""
    budget = Budget()
    outer = walk(content, budget, joblib=joblib)
    if outer.problem and not joblib and any("numpy_pickle" in imported.module for imported in outer.imports):
        outer = walk(content, budget, joblib=True)
    walks, waiting = [outer], [(outer, 0)]
    while waiting and len(walks) < _MOST_INNER:
        found, depth = waiting.pop()
        handed = {id(text) for call in found.calls if name_of(call.of) in _LOADERS for text in _texts(call)}
        for text in _byte_strings(found):
            certain = id(text) in handed
            if depth < _DEEPEST and (certain or (len(text) >= _LEAST_INNER and _INNER.match(text))):
                inner = walk(text, budget)
                if certain or inner.problem is None or inner.imports:
                    # What is not handed to a loader may only happen to begin like a pickle, and then breaks off.
                    inner.problem = inner.problem if certain else None
                    walks.append(inner)
                    waiting.append((inner, depth + 1))
    return walks


def _byte_strings(found: Walk) -> Iterator[bytes]:
    yield from found.byte_strings
    for call in found.calls:
        if isinstance(call.of, Imported) and call.of.path == "_codecs.encode" and (text := literal(call)) is not None:
            yield text


def _texts(call: Made) -> Iterator[Any]:
    arguments = call.arguments if isinstance(call.arguments, tuple) else (call.arguments,)
    for argument in arguments:
        if isinstance(argument, bytes | bytearray):
            yield argument


def _imported(found: Walk) -> Iterator[Imported]:
    """Yield what a walk imports, also through ``getattr`` and ``import_module`` with names that can be read."""
    yield from found.imports
    for call in found.calls:
        resolved = _resolved(call)
        if resolved is not None:
            yield resolved


def _resolved(value: Any, depth: int = 0) -> Imported | None:
    """Return what a call looks up, where that can be told: a module, or an attribute of what was looked up."""
    if isinstance(value, Imported):
        return value if depth else None
    if depth > _DEEPEST or not isinstance(value, Made) or not isinstance(value.arguments, tuple):
        return None
    called = _resolved(value.of, depth + 1)
    path, texts = called.path if called else "", [text for text in value.arguments if isinstance(text, str)]
    if path in ("builtins.__import__", "importlib.import_module", "importlib.__import__") and texts:
        return Imported(texts[0], "")
    if path in ("builtins.getattr", "operator.attrgetter") and texts:
        owner = _resolved(value.arguments[0], depth + 1) if path == "builtins.getattr" else None
        return Imported(owner.path if owner else "<computed>", texts[-1])
    return None


def _shown(call: Made) -> str:
    """Return a call on one line: whose, and the texts handed to it."""
    arguments = call.arguments if isinstance(call.arguments, tuple) else (call.arguments,)
    texts = [repr(text[:_LONGEST_TEXT]) for text in arguments if isinstance(text, str | bytes)]
    return f"{name_of(call.of)}({', '.join(texts[:3])})"


def _code_names(found: Walk) -> Iterator[str]:
    """Yield the names that code objects within the pickle refer to, as cloudpickle writes them."""
    for call in found.calls:
        if not _makes_code(call.of) or not isinstance(call.arguments, tuple):
            continue
        for argument in call.arguments:
            if isinstance(argument, tuple) and argument and all(isinstance(name, str) for name in argument):
                yield from (ascii(name)[1:-1][:_LONGEST_TEXT] for name in argument)


def _makes_code(of: Any) -> bool:
    if isinstance(of, Imported):
        return of.path in _CODE_TYPES or of.path.endswith("._create_code")
    by_name = isinstance(of, Made) and isinstance(of.of, Imported) and of.of.name == "_builtin_type"
    return by_name and of.arguments == ("CodeType",)
