"""What ran a model: interpreter, system, processor, numeric libraries, thread counts and packages.

Imports the standard library only: the sandbox's child reads it inside an environment that has little else.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Fingerprint", "Library", "normal_name"]

_MOST_CHARACTERS = 1_000_000
_MOST_ENTRIES = 2_000
_LONGEST_TEXT = 200
_SEPARATORS = re.compile(r"[-_.]+")
_TEXTS = ("python", "implementation", "system", "machine", "libc", "cpu")
_KINDS = {type(None): "nothing", str: "a long text", bool: "a truth value", list: "a list", dict: "an object"}


def normal_name(name: str) -> str:
    """Return a package's name as registries compare it (PEP 503): lower case, runs of ``-_.`` as one hyphen."""
    return _SEPARATORS.sub("-", name).lower()


@dataclass(frozen=True)
class Library:
    """A numeric library as it was loaded in the process that ran the model.

    Parameters
    ----------
    library
        What it is: ``openblas``, ``mkl``, ``blis``, ``libgomp`` and the like.
    version
        Its release, where it says so.
    threading
        How it makes threads: ``pthreads``, ``openmp`` and the like.
    architecture
        Which of its kernels it chose for the processor, such as ``SkylakeX``.
    bundled_with
        The package that brought it, such as ``numpy``; several packages bring one each.
    """

    library: str
    version: str | None = None
    threading: str | None = None
    architecture: str | None = None
    bundled_with: str | None = None

    def __str__(self) -> str:
        """Return it on one line."""
        kernel = f"{self.architecture} kernel" if self.architecture else None
        of = f"of {self.bundled_with}" if self.bundled_with else None
        return " ".join(part for part in (self.library, self.version, of, kernel, self.threading) if part)


@dataclass(frozen=True)
class Fingerprint:
    """An environment; whatever was not recorded is None.

    Parameters
    ----------
    python, implementation
        Version of the interpreter, such as ``3.11.7``, and which one it is, such as ``CPython``.
    system, machine, libc
        Operating system, processor family and C library, such as ``Linux``, ``x86_64`` and ``glibc 2.36``.
    cpu, cpu_features
        The processor's name, and those of its instruction sets that numeric code chooses kernels by, sorted.
    blas, openmp
        Linear algebra and OpenMP libraries that were loaded.
    threads
        Threads in force: ``blas``, ``openmp`` (the most that one such library would start) and ``processors``.
    packages
        Normal name to exact version.
    """

    python: str | None = None
    implementation: str | None = None
    system: str | None = None
    machine: str | None = None
    libc: str | None = None
    cpu: str | None = None
    cpu_features: tuple[str, ...] | None = None
    blas: tuple[Library, ...] | None = None
    openmp: tuple[Library, ...] | None = None
    threads: dict[str, int] | None = None
    packages: dict[str, str] = field(default_factory=dict)

    @property
    def python_minor(self) -> str | None:
        """Major and minor version of the interpreter, such as ``3.11``."""
        return ".".join(self.python.split(".")[:2]) if self.python else None

    def to_dict(self) -> dict[str, Any]:
        """Return it in the form of ``model_versions.runtime``; what was not recorded is left out."""
        found = asdict(self)
        document = {name: value for name, value in found.items() if value is not None}
        for name in ("blas", "openmp"):
            if name in document:
                document[name] = [{key: text for key, text in each.items() if text} for each in found[name]]
        if self.cpu_features is not None:
            document["cpu_features"] = list(self.cpu_features)
        document["packages"] = dict(sorted(self.packages.items()))
        return document

    def to_json(self) -> str:
        """Return it as the JSON that `parse` reads."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    @classmethod
    def parse(cls, recorded: str | Mapping[str, Any] | None) -> tuple[Fingerprint | None, tuple[str, ...]]:
        """Read a recorded runtime, which is foreign text, and say what of it cannot be read.

        Returns
        -------
        tuple
            The fingerprint, or None where nothing can be read, and a sentence for each thing that was passed over.
        """
        if recorded is None:
            return None, ()
        return _parsed(recorded) if isinstance(recorded, str) else _parsed_mapping(recorded)

    @classmethod
    def _read(cls, recorded: str | Mapping[str, Any]) -> tuple[Fingerprint | None, tuple[str, ...]]:
        document, problem = _document(recorded)
        if document is None:
            return None, (problem,)
        problems: list[str] = []
        known: dict[str, Any] = {name: _text(document.get(name), name, problems) for name in _TEXTS}
        known["cpu_features"] = _features(document.get("cpu_features"), problems)
        for name in ("blas", "openmp"):
            known[name] = _libraries(document.get(name), name, problems)
        known["threads"] = _threads(document.get("threads"), problems)
        known["packages"] = _packages(document.get("packages"), problems)
        found = cls(**known)
        if found == cls():
            return None, (*problems, "the runtime states nothing that is known")
        return found, tuple(problems)


@lru_cache(maxsize=64)
def _parsed(recorded: str) -> tuple[Fingerprint | None, tuple[str, ...]]:
    """Return what a runtime says; the decisions of a version all record the same."""
    return Fingerprint._read(recorded)  # noqa: SLF001 - its other half


def _parsed_mapping(recorded: Mapping[str, Any]) -> tuple[Fingerprint | None, tuple[str, ...]]:
    """Return what a runtime says, by its text: a child that stays states the same for each of its jobs."""
    try:
        text = json.dumps(recorded)
    except (TypeError, ValueError, RecursionError):
        text = ""
    if not 0 < len(text) <= _MOST_CHARACTERS:
        return Fingerprint._read(recorded)  # noqa: SLF001 - its other half
    return _parsed(text)


def _document(recorded: str | Mapping[str, Any]) -> tuple[dict[str, Any] | None, str]:
    if isinstance(recorded, str):
        if len(recorded) > _MOST_CHARACTERS:
            return None, f"the runtime has {len(recorded):,} characters; {_MOST_CHARACTERS:,} are read at most"
        try:
            recorded = json.loads(recorded)
        except (ValueError, RecursionError) as error:
            return None, f"the runtime is no JSON ({type(error).__name__})"
    if not isinstance(recorded, dict):
        return None, f"the runtime is {_kind(recorded)}, not an object"
    return recorded, ""


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a number")


def _text(value: Any, name: str, problems: list[str]) -> str | None:
    if value is None or (isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and value.isprintable()):
        return value
    problems.append(f"{name} of the runtime is not a short text")
    return None


def _entries(value: Any, kind: type, name: str, problems: list[str]) -> Any:
    """Return a list or an object that is not too long; None otherwise."""
    if value is None:
        return None
    if not isinstance(value, kind) or len(value) > _MOST_ENTRIES:  # type: ignore[arg-type]
        shape = "an object" if kind is dict else "a list"
        problems.append(f"{name} of the runtime is not {shape} of at most {_MOST_ENTRIES:,} entries")
        return None
    return value


def _features(value: Any, problems: list[str]) -> tuple[str, ...] | None:
    entries = _entries(value, list, "cpu_features", problems)
    if entries is None:
        return None
    return tuple(sorted({text for each in entries if (text := _text(each, "an entry of cpu_features", problems))}))


def _libraries(value: Any, name: str, problems: list[str]) -> tuple[Library, ...] | None:
    entries = _entries(value, list, name, problems)
    if entries is None:
        return None
    found = set()
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("library"), str):
            problems.append(f"an entry of {name} names no library")
            continue
        keys = ("library", "version", "threading", "architecture", "bundled_with")
        texts = {key: _text(entry.get(key), f"{key} in {name}", problems) for key in keys}
        if texts["library"]:
            found.add(Library(**texts))  # type: ignore[arg-type]
    return tuple(sorted(found, key=str))


def _threads(value: Any, problems: list[str]) -> dict[str, int] | None:
    entries = _entries(value, dict, "threads", problems)
    if entries is None:
        return None
    good = {
        key: count for key, count in entries.items() if isinstance(count, int) and not isinstance(count, bool) and key
    }
    if len(good) < len(entries):
        problems.append("threads of the runtime holds something other than counts")
    return dict(sorted(good.items()))


def _packages(value: Any, problems: list[str]) -> dict[str, str]:
    entries = _entries(value, dict, "packages", problems)
    found: dict[str, str] = {}
    for name, version in (entries or {}).items():
        if not (isinstance(version, str) and max(len(name), len(version)) <= _LONGEST_TEXT):
            problems.append(f"the version of package {name[:_LONGEST_TEXT]!r} is {_kind(version)}")
        elif found.setdefault(normal_name(name), version) != version:
            problems.append(f"package {normal_name(name)!r} stands there in two versions")
    return dict(sorted(found.items()))
