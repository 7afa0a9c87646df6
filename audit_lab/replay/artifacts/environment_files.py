"""The files of an MLflow folder that say what a model ran with, compared: they are written once and edited apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["disagreements"]

_MOST_BYTES = 1_000_000
_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?P<version>[^;#]*)")
_SEPARATORS = re.compile(r"[-_.]+")
#: Packages of the environment itself, which not every file lists.
_NOT_COMPARED = ("pip", "setuptools", "wheel")
_MOST = 50


def disagreements(files: Mapping[str, bytes], flavors: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each package that two of the files, or the flavors of ``MLmodel``, state differently.

    Parameters
    ----------
    files
        The folder's files by name; ``requirements.txt``, ``conda.yaml`` and ``python_env.yaml`` are compared.
    flavors
        Package and version as ``MLmodel`` states them, ``python`` among them.
    """
    stated = {
        "requirements.txt": _requirements(files.get("requirements.txt")),
        "conda.yaml": _conda(files.get("conda.yaml")),
        "python_env.yaml": _python_environment(files.get("python_env.yaml")),
    }
    unreadable = [name for name, found in stated.items() if found is None]
    yield from (f"{name} of the MLflow folder cannot be read." for name in unreadable)
    known = {name: found for name, found in stated.items() if found}
    known |= {"MLmodel": {_normal(name): f"=={version}" for name, version in flavors.items()}} if flavors else {}
    packages = sorted({package for found in known.values() for package in found} - {*_NOT_COMPARED})
    for package in packages[:_MOST]:
        versions = {name: found[package] for name, found in known.items() if package in found}
        if len({_plain(version) for version in versions.values() if version}) > 1:
            yield f"{package} is {' and '.join(f'{_said(text)} in {name}' for name, text in versions.items())}."
    yield from _missing(known)


def _missing(known: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield the packages that stand in one of the two full lists only."""
    pip, conda = known.get("requirements.txt"), known.get("conda.yaml")
    if pip is None or conda is None:
        return
    for package in sorted((pip.keys() ^ conda.keys()) - {*_NOT_COMPARED, "python"})[:_MOST]:
        here, there = ("requirements.txt", "conda.yaml") if package in pip else ("conda.yaml", "requirements.txt")
        version = _said(known[here][package])
        yield f"{package} is {version} in {here} and does not stand in {there}."


def _requirements(content: bytes | None) -> dict[str, str] | None:
    if content is None:
        return {}
    if len(content) > _MOST_BYTES:
        return None
    lines = content.decode("utf-8", "replace").splitlines()
    return dict(_pins(line for line in lines if not line.lstrip().startswith(("-", "#"))))


def _conda(content: bytes | None) -> dict[str, str] | None:
    found = _yaml(content)
    if found is None or not isinstance(found.get("dependencies", []), list):
        return None
    pins: dict[str, str] = {}
    for entry in found.get("dependencies", []):
        if isinstance(entry, str):
            pins |= dict(_pins([entry]))
        elif isinstance(entry, dict) and isinstance(entry.get("pip"), list):
            pins |= dict(_pins(line for line in entry["pip"] if isinstance(line, str)))
    return pins


def _python_environment(content: bytes | None) -> dict[str, str] | None:
    found = _yaml(content)
    if found is None:
        return None
    lines = [line for line in found.get("dependencies") or [] if isinstance(line, str) and not line.startswith("-")]
    pins = dict(_pins(lines))
    return {**pins, "python": f"=={found['python']}"} if found.get("python") is not None else pins


def _yaml(content: bytes | None) -> dict[str, Any] | None:
    if content is None:
        return {}
    if len(content) > _MOST_BYTES:
        return None
    try:
        found = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _pins(lines: Any) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _REQUIREMENT.match(line)
        if found is not None:
            yield _normal(found["name"]), found["version"].strip()


def _normal(name: str) -> str:
    return _SEPARATORS.sub("-", name).lower()


def _plain(version: str) -> str:
    """Return a version so that conda's ``=3.11`` and pip's ``==3.11`` are one."""
    return version.replace(" ", "").lstrip("=")


def _said(version: str) -> str:
    return version or "without a version"
