"""A sealed copy of a sample log, so that a demonstration can prove rows, and the sample stays as it was."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit_lab.seal.keys import DEMONSTRATION_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SealedCopy", "sealed_copy"]

_MANIFEST = "manifest.json"
_ACTOR = "the demonstration"


@dataclass(frozen=True)
class SealedCopy:
    """The copy, its vault, and the trust file that accepts its key."""

    log: Path
    vault: Path
    trust: Path


def sealed_copy(log: Path, out: Path) -> SealedCopy:
    """Copy a log of schema version 1 into ``out/log`` and seal it there, unless a copy of it as it is stands there.

    Stopped in the middle, it can be called again.

    Raises
    ------
    AuditLabError
        As for `audit_lab.log.writing.arrival.seal_log`.
    """
    from audit_lab.log.files.durable import write_bytes
    from audit_lab.log.tree.genesis import genesis_of
    from audit_lab.log.writing.arrival import FORMER_MANIFEST, seal_log
    from audit_lab.seal.trust import TrustedKey, format_trust

    home = out / "log"
    made = SealedCopy(home / log.resolve().name, home / "vault", home / "trust.toml")
    wanted = (log / _MANIFEST).read_bytes()
    kept = [path.read_bytes() for name in (FORMER_MANIFEST, _MANIFEST) if (path := made.log / name).is_file()]
    if wanted not in kept:
        shutil.rmtree(home, ignore_errors=True)
        aside = home / f"{made.log.name}.aside"
        shutil.copytree(log, aside)
        aside.replace(made.log)
    seal_log(made.log, actor=_ACTOR, origin=f"{DEMONSTRATION_PREFIX}{made.log.name}", vault=made.vault)
    key = genesis_of(made.log).log_key
    write_bytes(made.trust, format_trust([TrustedKey(key, "log", key.name)]).encode())
    return made
