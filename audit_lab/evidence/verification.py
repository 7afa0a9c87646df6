"""`verify`: one call for whatever was handed over, a log, a bundle, or the proof of one record.

What each of them needs is imported when one is met: a bundle without tables is checked without polars.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError
from audit_lab.face.accepted import accepted_keys
from audit_lab.verifier.layout import ATTESTATION, BAG_DECLARATION

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from audit_lab.evidence.rerun.report import Rerun
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.time_anchors.timestamps import Authority
    from audit_lab.seal.report import Verification
    from audit_lab.seal.trust import Trust

__all__ = ["refuse_rerun_options", "verify"]

_ELSEWHERE = "://"
_ARCHIVE_SUFFIX = ".zip"
_LARGEST_PROOF_BYTES = 64_000_000
#: Options of a re-run, with what they are when nobody gave them.
_USUAL: Mapping[str, tuple[Any, ...]] = {
    "log": (None,),
    "run_foreign_code": (False,),
    "tolerance": (None,),
    "environment": ("present",),
    "wheels": (None,),
    "leave_out": ((), []),
}
_LEAVE_RERUN = "Leave rerun (--rerun) out."


def verify(
    path: Path | str,
    trust: Trust | Path | str | Sequence[Path | str] | None = None,
    *,
    require_anchor: bool = False,
    require_sign_offs: Collection[str] | None = None,
    vault: Vault | Path | str | None = None,
    witnesses: Sequence[Path | bytes] = (),
    authorities: Sequence[Authority | Path] = (),
    rows: bool = True,
    progress: Callable[[str, int], None] | None = None,
    remembered: Path | bool = True,
    known_checkpoint: Path | str | None = None,
    signed_since: str | None = None,
    rerun: bool = False,
    log: Path | str | None = None,
    run_foreign_code: bool = False,
    tolerance: float | None = None,
    environment: str = "present",
    wheels: Path | str | None = None,
    leave_out: Collection[str] = (),
) -> Verification:
    """Verify a log, an evidence bundle, or the proof of one record.

    Parameters
    ----------
    path
        A log (its folder, or ``s3://``), an exported ``<case>.zip``, a bundle unpacked into a folder, or a document
        that `AuditLog.prove` made.
    trust
        The keys to accept, their file, or several files; default: the user's own trust file. Where there is none, no
        signature of a bundle or a proof is accepted, and a log's key counts as known only from what was verified
        before.
    require_anchor
        Fail unless something outside the signer's reach holds it in time.
    require_sign_offs
        For a bundle: fail unless persons signed that it is this, like ``("reviewed", "approved")``; empty: what the
        case itself asks for.
    authorities
        For a log or a bundle: time-stamping authorities to accept; for a bundle beside those of the trust file.
    vault, witnesses, rows, progress, remembered
        For a log: as for `AuditLog.verify`.
    known_checkpoint
        For a bundle: the file of a checkpoint of its log that you have; a bundle of an earlier state is STALE.
    signed_since
        For a bundle: a date or time, like ``2026-01-31``; one that states an earlier signature is STALE.
    rerun
        For a bundle: run its notebook again, against `log`, and compare every output. Only cells that this library
        writes itself run, unless `run_foreign_code` is given too; `progress` is called as cells begin.
    log
        The folder of the log that the bundle's case is about.
    run_foreign_code
        Whether the notebook's free-form cells, which are their author's code, may run behind walls.
    tolerance
        How far two numbers in outputs may lie apart, absolutely; default: what the log declared when it was begun.
    environment
        Where the notebook runs again: ``present``, or ``recorded``, which is made again from what the bundle records.
    wheels, leave_out
        For the recorded environment: a folder to take wheels from, instead of a registry; packages to do without.

    Returns
    -------
    Verification
        The report, where nothing was found wanting; its verdict is VERIFIED or UNANCHORED.

    Raises
    ------
    IntegrityError
        The verdict is STALE, FAILED or REFUSED; the error carries the report with every finding.
    MisuseError
        There is nothing at `path`, the trust file cannot be read, or an option is for logs only.
    """
    place = Path(path)
    asked: dict[str, Any] = {"log": log, "run_foreign_code": run_foreign_code, "tolerance": tolerance}
    asked |= {"environment": environment, "wheels": wheels, "leave_out": leave_out}
    if not rerun:
        refuse_rerun_options(asked)
    again = _rerun(progress, **asked) if rerun else None
    if again is not None and (_ELSEWHERE in str(path) or _is_log(place) or place.suffix == ".json"):
        raise MisuseError(f"only the notebook of an evidence bundle is run again, and {path} is none", _LEAVE_RERUN)
    if _ELSEWHERE in str(path) or _is_log(place):
        _refuse_sign_offs(path, require_sign_offs)
        _refuse_age(path, known_checkpoint, signed_since)
        from audit_lab.face.progress import shown_while
        from audit_lab.log.integrity import verify as verify_log

        with shown_while("verify", progress):
            return verify_log(
                str(path) if _ELSEWHERE in str(path) else place,
                trust=accepted_keys(trust),
                vault=Path(vault).expanduser() if isinstance(vault, str) else vault,
                require_anchor=require_anchor,
                witnesses=witnesses,
                authorities=authorities,
                rows=rows,
                progress=progress,
                remembered=remembered,
            )
    _refuse_options(place, vault=vault, witnesses=witnesses, rows=not rows)
    if place.is_dir() and not _is_bundle(place):
        raise _no_bundle(place)
    if place.is_file() and (proof := _proof(place)) is not None:
        _refuse_sign_offs(path, require_sign_offs)
        _refuse_age(path, known_checkpoint, signed_since)
        from audit_lab.verifier.record_proof import verify_record_proof

        _refuse_options(place, authorities=authorities)
        return verify_record_proof(proof, accepted_keys(trust), require_anchor=require_anchor)
    from audit_lab.evidence.full_verifier import verify_in_full
    from audit_lab.verifier.age import known_to_reader

    accepted = accepted_keys(trust)
    if authorities:
        from audit_lab.evidence.time_stamp import accepting

        accepted = accepting(accepted, authorities)
    return verify_in_full(
        place,
        accepted,
        require_anchor=require_anchor,
        require_sign_offs=require_sign_offs,
        known=known_to_reader(known_checkpoint, signed_since),
        rerun=again,
    )


def refuse_rerun_options(asked: Mapping[str, Any]) -> None:
    """Refuse options of a re-run where there is none; those are known by their names among `verify`'s."""
    if any(asked[name] not in usual for name, usual in _USUAL.items()):
        raise MisuseError(f"{', '.join(_USUAL)} are for a re-run, and none is asked for", "Add rerun=True (--rerun).")


def _rerun(
    progress: Callable[[str, int], None] | None,
    *,
    log: Path | str | None,
    run_foreign_code: bool,
    tolerance: float | None,
    environment: str,
    wheels: Path | str | None,
    leave_out: Collection[str],
) -> Rerun:
    if log is None:
        raise MisuseError("a re-run needs the log that the case is about", "Give its folder: log=... (--log PATH).")
    if tolerance is not None and not tolerance >= 0:
        raise MisuseError(f"{tolerance} is no tolerance", "Give 0 or more.")
    from audit_lab.evidence.rerun.recorded_environment import ENVIRONMENTS, PRESENT
    from audit_lab.evidence.rerun.report import Rerun

    if environment not in ENVIRONMENTS:
        raise MisuseError(f"there is no environment {environment!a}", f"Choose {' or '.join(ENVIRONMENTS)}.")
    if environment == PRESENT and (wheels is not None or leave_out):
        message = "wheels and leave_out are for the recorded environment, and the present one is asked for"
        raise MisuseError(message, 'Add environment="recorded" (--environment recorded).')
    if wheels is not None and not Path(wheels).expanduser().is_dir():
        raise MisuseError(f"there is no folder {wheels}", "Give a folder that holds wheels.")
    return Rerun(
        Path(log).expanduser(),
        run_foreign_code=run_foreign_code,
        tolerance=tolerance,
        progress=progress,
        environment=environment,
        wheels=None if wheels is None else Path(wheels).expanduser(),
        leave_out=tuple(leave_out),
    )


def _is_log(place: Path) -> bool:
    if not place.is_dir():
        return False
    from audit_lab.log.files.write import MANIFEST_NAME
    from audit_lab.log.tree.tree_file import CHECKPOINT_NAME

    return any((place / name).exists() for name in (MANIFEST_NAME, CHECKPOINT_NAME)) and not _is_bundle(place)


def _is_bundle(place: Path) -> bool:
    return (place / ATTESTATION).exists() or (place / BAG_DECLARATION).exists()


def _no_bundle(place: Path) -> MisuseError:
    """Return what to do with a folder that is neither a log nor a bundle."""
    from audit_lab.case.about import ABOUT_NAME

    if (place / ABOUT_NAME).is_file():
        following = f"Export it, and verify the bundle: audit-lab export {place} --out FOLDER"
        return MisuseError(f"{place} is the folder of a case, which is signed when it is exported", following)
    held: list[Path] = []
    with suppress(OSError):  # of a folder that cannot be looked into nothing more is said
        held = [each for each in sorted(place.iterdir()) if each.suffix == _ARCHIVE_SUFFIX or _is_bundle(each)]
    if held:
        following = f"Verify each by itself, such as the first: audit-lab verify {held[0]}"
        return MisuseError(f"{place} holds bundles, or archives, and is none", following)
    return MisuseError(
        f"{place} is neither an audit log nor an evidence bundle",
        f"For Parquet files that another system wrote: audit-lab doctor --log {place} --mapping MAPPING.toml.",
    )


def _proof(place: Path) -> bytes | None:
    """Return the bytes of a file that is a JSON object, as the proof of a record is; no archive begins like that."""
    try:
        with place.open("rb") as file:
            return file.read(_LARGEST_PROOF_BYTES + 1) if file.read(1) == b"{" and file.seek(0) == 0 else None
    except OSError as error:
        raise MisuseError(f"{place} cannot be read ({error.strerror})", "Check the path, and your access.") from error


def _refuse_sign_offs(path: Path | str, required: Collection[str] | None) -> None:
    if required is not None:
        raise MisuseError(f"Sign-offs stand in evidence bundles, and {path} is none", "Leave require_sign_offs out.")


def _refuse_age(path: Path | str, known_checkpoint: Path | str | None, signed_since: str | None) -> None:
    if known_checkpoint is not None or signed_since is not None:
        message = f"how old it is is asked of evidence bundles, and {path} is none"
        raise MisuseError(message, "Leave known_checkpoint and signed_since out.")


def _refuse_options(place: Path, **given: Any) -> None:
    named = ", ".join(name for name, value in given.items() if value)
    if named:
        raise MisuseError(f"only the check of a log takes {named}, and {place} is none", f"Leave {named} out.")
