"""One attack, and what came of it: a row of the table."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attack_scene import TRUST, Files, Scene, archived

if TYPE_CHECKING:
    from audit_lab.seal.trust import Trust

REFUSED, FAILED, STALE = "REFUSED", "FAILED", "STALE"

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
        What the reader accepts.
    options
        What the reader requires beside.
    on_disk
        Whether `change` writes what is verified into the folder that it is given, and returns its path.
    """

    number: int
    name: str
    change: Callable[[Scene], Files | bytes] | Place
    found: tuple[str, ...]
    verdict: str = FAILED
    trust: Trust = TRUST
    options: Mapping[str, Any] = field(default_factory=dict)
    on_disk: bool = False


@dataclass(frozen=True)
class Prepared:
    """An attack carried out: what is verified, and what must come of it."""

    attack: Attack
    content: bytes | None
    path: Path | None
    found: tuple[str, ...]

    def outcome(self, verifier: Any) -> tuple[str, tuple[str, ...]]:
        """Return verdict and findings by a verifier, which is the module `audit_lab.verifier.bundle`."""
        options = {"trust": self.attack.trust, **self.attack.options}
        if self.path is None:
            report = verifier.examine_archive(io.BytesIO(self.content), "INC-1.zip", **options)
        else:
            report = verifier.examine_bundle(self.path, **options)
        return str(report.verdict), tuple(sorted(f"{found.code} {found.file}" for found in report.findings))

    @property
    def expected(self) -> tuple[str, tuple[str, ...]]:
        """What `outcome` must be."""
        return self.attack.verdict, self.found


def prepare(attack: Attack, scene: Scene, folder: Path) -> Prepared:
    """Carry out an attack on the clean bundle; what must stand on a disk is put into `folder`."""
    path = attack.change(scene, Path(tempfile.mkdtemp(dir=folder))) if attack.on_disk else None
    places = {**scene.places, "path": str(path)}
    found = tuple(sorted(each.format_map(places) for each in attack.found))
    if path is not None:
        return Prepared(attack, None, path, found)
    changed = attack.change(scene)
    return Prepared(attack, archived(changed) if isinstance(changed, dict) else changed, None, found)
