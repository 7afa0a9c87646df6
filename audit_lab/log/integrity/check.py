"""`verify`: the whole check of a log, and its verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.folder import LogFolder
from audit_lab.log.integrity.conclusion import conclude
from audit_lab.log.integrity.decoder import Decoder
from audit_lab.log.integrity.erasures import check_erasures, check_holds
from audit_lab.log.integrity.files import check_files
from audit_lab.log.integrity.findings import Examination
from audit_lab.log.integrity.manifest import check_manifest
from audit_lab.log.integrity.outside import Outside, find_anchors
from audit_lab.log.integrity.presence import check_presence
from audit_lab.log.integrity.rows import check_rows
from audit_lab.log.integrity.tree import examine_tree
from audit_lab.log.integrity.unsealed import examine_unsealed, is_sealed
from audit_lab.log.keys.vault import Vault
from audit_lab.log.store import LogStore, open_store
from audit_lab.log.time_anchors.anchors import Anchoring
from audit_lab.log.time_anchors.remembered import Remembered, remembered_folder
from audit_lab.seal.report import settle
from audit_lab.seal.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_lab.log.time_anchors.timestamps import Authority
    from audit_lab.seal.report import Verification

__all__ = ["examine_log", "verify"]


def verify(
    log: LogStore | LogFolder | Path | str,
    *,
    trust: Trust | None = None,
    vault: Vault | Path | None = None,
    require_anchor: bool = False,
    witnesses: Sequence[Path | bytes] = (),
    authorities: Sequence[Authority | Path] = (),
    rows: bool = True,
    progress: Callable[[str, int], None] | None = None,
    remembered: Path | bool = True,
) -> Verification:
    """Check a log from its signed checkpoint down to every row.

    Parameters
    ----------
    log
        An opened log, or its place: what is checked is always the newest state of all that lies there. A log whose
        manifest and checkpoint contradict each other cannot be opened, and can still be checked.
    trust
        The keys that the reader accepts: the log's first key (role ``log``) and witnesses (role ``witness``).
    vault
        The log's vault, or its folder. Without it the values of personal tables are checked by their files' digests,
        since their hashes are salted with keys that are kept there.
    require_anchor
        Fail unless the verdict would be VERIFIED.
    witnesses
        Cosigned checkpoints that the reader got from a witness, and not in the log: content or file. They show
        whether the log was cut since.
    authorities
        Time-stamping authorities that the reader accepts, or the PEM files of their root certificates.
    rows
        Whether to recompute the hash of every row; without it files are checked by their digests only.
    progress
        Called with ``files`` and a number of bytes, and with ``rows`` and a number of rows, as they are done.
    remembered
        Whether to start from, and to keep, the checkpoint that this user verified last, in the user's state folder;
        or the folder to use instead.

    Returns
    -------
    Verification
        The report of a log that holds. VERIFIED where an anchor outside the log holds it in time and its key is known
        from elsewhere or from before; else UNANCHORED.

    Raises
    ------
    IntegrityError
        The verdict is STALE, FAILED or REFUSED; the error carries the report, with every finding.
    MisuseError
        There is no log, the vault is another log's, or a remembered checkpoint is damaged.
    """
    return settle(
        examine_log(
            log,
            trust=trust,
            vault=vault,
            require_anchor=require_anchor,
            witnesses=witnesses,
            authorities=authorities,
            rows=rows,
            progress=progress,
            remembered=remembered,
        )
    )


def examine_log(
    log: LogStore | LogFolder | Path | str,
    *,
    trust: Trust | None = None,
    vault: Vault | Path | None = None,
    require_anchor: bool = False,
    witnesses: Sequence[Path | bytes] = (),
    authorities: Sequence[Authority | Path] = (),
    rows: bool = True,
    progress: Callable[[str, int], None] | None = None,
    remembered: Path | bool = True,
) -> Verification:
    """Return the report of `verify` whatever the verdict."""
    memory = None
    if remembered is not False:
        memory = Remembered(remembered if isinstance(remembered, Path) else remembered_folder())
    trust = trust or Trust()
    folder = _folder(log)
    if (isinstance(log, LogStore) and log.mapping is not None) or not is_sealed(folder):
        store = log if isinstance(log, LogStore) else open_store(str(folder))
        return examine_unsealed(store, trust, memory, require_anchor=require_anchor)
    examination = Examination()
    tree = examine_tree(folder, examination)
    history = tree.history
    anchoring = Anchoring(history)
    if history.genesis is not None:
        if history.is_whole:
            check_manifest(folder, history, examination)
        files = check_files(folder, history, examination, progress)
        if rows:
            opened = Vault.open(history.origin, vault, log=folder.path) if isinstance(vault, Path) else vault
            with Decoder() as decoder:
                erased = check_rows(
                    folder, history, files, examination, vault=opened, decoder=decoder, progress=progress
                )
            check_holds(history, erased, opened, examination)
        else:
            examination.not_checked.append("rows: files were checked by their digests only, as was asked for")
        check_erasures(history, examination)
        check_presence(folder, history, examination)
        outside = Outside(trust, memory, witnesses, authorities)
        find_anchors(folder, tree, outside, anchoring)
    report = conclude(str(folder), tree, examination, anchoring, trust, require_anchor=require_anchor)
    if not report.holds or memory is None or history.genesis is None:
        return report
    try:
        memory.keep(history.genesis.log_key, tree.note)
    except MisuseError as error:
        return replace(report, notes=(*report.notes, f"{error.message}: the next verification cannot start from here"))
    return report


def _folder(log: LogStore | LogFolder | Path | str) -> LogFolder:
    if isinstance(log, LogStore):
        return log.folder
    return log if isinstance(log, LogFolder) else LogFolder(log)
