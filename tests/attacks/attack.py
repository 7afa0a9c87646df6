"""One attack, and what came of it: a row of the table."""

from __future__ import annotations

import importlib
import io
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from attack_scene import TRUST, Files, Scene, archived

from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from audit_lab.seal.trust import Trust

UNANCHORED, VERIFIED, REFUSED, FAILED = "UNANCHORED", "VERIFIED", "REFUSED", "FAILED"
#: The verifier was called wrongly, and said so.
MISUSE = "MISUSE"
#: The lists of a report, by which `says` calls them.
LISTS = ("checked", "not checked", "anchor", "signed", "note")

#: Writes an attacked bundle into an empty folder and returns its path.
Place = Callable[[Scene, Path], Path]


@dataclass(frozen=True)
class Attack:
    """One attack on the clean bundle.

    Attributes
    ----------
    number
        Which attack of the list in docs/verifier.md it is a variant of.
    name
        What is done.
    change
        Returns the changed files, or the bytes of a changed archive.
    found
        Every finding that it must give and no other, as ``code file``, in any order.
    verdict
        How the verification must end.
    trust
        What the reader accepts, or what gives it once it is needed.
    options
        What the reader requires beside.
    says
        What else the report must say: the beginning of a line, after the name of its list.
    unsaid
        What the report must not say.
    on_disk
        Whether `change` writes what is verified into the folder that it is given, and returns its path.
    """

    number: int
    name: str
    change: Callable[[Scene], Files | bytes] | Place
    found: tuple[str, ...]
    verdict: str = FAILED
    trust: Trust | Callable[[], Trust] | None = TRUST
    options: Mapping[str, Any] = field(default_factory=dict)
    on_disk: bool = False
    says: tuple[str, ...] = ()
    unsaid: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prepared:
    """An attack carried out: what is verified, and what must come of it."""

    attack: Attack
    content: bytes | Callable[[], BinaryIO] | None
    path: Path | None
    found: tuple[str, ...]

    def outcome(self, verifier: Any) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """Return verdict, findings, and what else should be said and is, by the module `audit_lab.verifier.bundle`."""
        try:
            report = self._report(verifier)
        except MisuseError:
            return MISUSE, (), ()
        lists = (report.checked, report.not_checked, report.anchors, report.signers, report.notes)
        told = [f"{name}: {line}" for name, lines in zip(LISTS, lists, strict=True) for line in lines]
        said = tuple(
            each for each in (*self.attack.says, *self.attack.unsaid) if any(line.startswith(each) for line in told)
        )
        return str(report.verdict), tuple(sorted(f"{found.code} {found.file}" for found in report.findings)), said

    def _report(self, verifier: Any) -> Any:
        trust = self.attack.trust() if callable(self.attack.trust) else self.attack.trust
        options = {"trust": trust, **self.attack.options}
        if "known" in options:  # of the module that is loaded now, one of whose checks may have been taken out
            told = options["known"]
            made = importlib.import_module("audit_lab.verifier.age").Known
            options["known"] = made(**{each.name: getattr(told, each.name) for each in fields(told)})
        if self.path is not None:
            return verifier.examine_bundle(self.path, **options)
        file = self.content() if callable(self.content) else io.BytesIO(self.content)
        return verifier.examine_archive(file, "INC-1.zip", **options)

    @property
    def expected(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """What `outcome` must be."""
        return self.attack.verdict, self.found, self.attack.says


def prepare(attack: Attack, scene: Scene, folder: Path) -> Prepared:
    """Carry out an attack on the clean bundle; what must stand on a disk is put into `folder`."""
    path = attack.change(scene, Path(tempfile.mkdtemp(dir=folder))) if attack.on_disk else None
    places = {**scene.places, "path": str(path)}
    found = tuple(sorted(each.format_map(places) for each in attack.found))
    if path is not None:
        return Prepared(attack, None, path, found)
    changed = attack.change(scene)
    return Prepared(attack, archived(changed) if isinstance(changed, dict) else changed, None, found)
