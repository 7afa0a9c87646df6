"""The keys that a user accepts, wherever a check needs them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.seal.trust import Trust, joined_trust

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TRUST_VARIABLE", "accepted_keys"]

TRUST_VARIABLE = "AUDIT_LAB_TRUST"


def accepted_keys(trust: Trust | Path | str | Sequence[Path | str] | None = None) -> Trust:
    """Return the keys to accept.

    Parameters
    ----------
    trust
        A trust, the path of a trust file, or several of them; default: the path in the environment variable
        AUDIT_LAB_TRUST, else ``audit_lab/trust.toml`` in the user's configuration folder. Where there is none, nothing
        is accepted.

    Raises
    ------
    MisuseError
        A file that was named cannot be read.
    """
    if isinstance(trust, Trust):
        return trust
    named = trust or os.environ.get(TRUST_VARIABLE)
    if named:
        read = [Trust.read(Path(each)) for each in ([named] if isinstance(named, str | Path) else named)]
        return joined_trust(read)
    configuration = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    usual = Path(configuration) / "audit_lab" / "trust.toml"
    return Trust.read(usual) if usual.exists() else Trust((), f"no trust file (none at {usual})")
