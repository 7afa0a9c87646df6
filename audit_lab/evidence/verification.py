"""`verify`: one call for whatever was handed over, a log or a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.evidence.full_verifier import verify_in_full
from audit_lab.face import open_log
from audit_lab.log.write import MANIFEST_NAME
from audit_lab.verifier.layout import ATTESTATION, BAG_DECLARATION

if TYPE_CHECKING:
    from audit_lab.seal.report import Verification
    from audit_lab.seal.trust import Trust

__all__ = ["verify"]


def verify(path: Path | str, trust: Trust | Path | str | None = None, *, require_anchor: bool = False) -> Verification:
    """Verify a log or an evidence bundle.

    Parameters
    ----------
    path
        The folder of a log, an exported ``<case>.zip``, or a bundle unpacked into a folder.
    trust
        For a bundle: the keys to accept, or their file; default: the user's own trust file. Where there is none, no
        signature is accepted.
    require_anchor
        For a bundle: fail unless something outside the signer's reach holds it in time.

    Returns
    -------
    Verification
        The report, where nothing was found wanting; its verdict is VERIFIED or UNANCHORED.

    Raises
    ------
    IntegrityError
        The verdict is STALE, FAILED or REFUSED; the error carries the report with every finding.
    MisuseError
        There is nothing at `path`, or the trust file cannot be read.
    """
    place = Path(path)
    is_bundle = (place / ATTESTATION).exists() or (place / BAG_DECLARATION).exists()
    if (place / MANIFEST_NAME).exists() and not is_bundle:
        return open_log(place).verify(require_anchor=require_anchor)
    if place.is_dir() and not is_bundle:
        raise MisuseError(
            f"{place} is neither an audit log nor an evidence bundle",
            f"For Parquet files that another system wrote: audit-lab doctor --log {place} --mapping MAPPING.toml.",
        )
    return verify_in_full(place, trust, require_anchor=require_anchor)
