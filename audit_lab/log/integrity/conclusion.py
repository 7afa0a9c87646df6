"""The verdict on a sealed log, and the report that says what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.log.integrity.outside import is_pinned
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME
from audit_lab.seal.report import Finding, Verdict, Verification

if TYPE_CHECKING:
    from audit_lab.log.integrity.findings import Examination
    from audit_lab.log.integrity.tree import SealedTree
    from audit_lab.log.time_anchors.anchors import Anchoring
    from audit_lab.seal.entry_kinds import GenesisEntry
    from audit_lab.seal.keys import PublicKey
    from audit_lab.seal.trust import Trust

__all__ = ["conclude"]

_UNANCHORED = (
    "whoever has the log's key could have made it all today: no checkpoint of it was remembered here, no accepted "
    "witness cosigned it, and no accepted authority time-stamped it"
)
_GET_ANCHOR = "Verify it again later, have its checkpoint cosigned by a witness, or have it time-stamped."
_OWN_KEY = (
    "the key was taken from the log itself, so the log is only known to agree with itself; pin its key in the trust "
    "file, for the role log, to know whose it is"
)
_PIN = "Get the log's key from whoever keeps it, and not in the log; or correct the trust file."
_TRUNCATION = (
    "truncation: without a remembered checkpoint or one from a witness, nobody can say that no later entry was cut"
)
_ALWAYS = (
    "completeness: no proof covers a decision that was never logged",
    "truth of the records: that they say what happened",
    "artifacts: their digests are checked when a decision is replayed",
)
_DEMONSTRATION = "{} is a demonstration log: its key is known to everybody and proves nothing"
_ARRIVAL = (
    "this log was sealed on arrival, on {}: every statement about it holds from then on, and nothing is known of what "
    "happened to its rows before"
)


def conclude(
    where: str, tree: SealedTree, examination: Examination, anchoring: Anchoring, trust: Trust, *, require_anchor: bool
) -> Verification:
    """Return the report on a sealed log.

    Parameters
    ----------
    where
        The log's place, for the report's subject.
    tree, examination, anchoring
        What was found.
    trust
        The keys that the reader accepts.
    require_anchor
        Whether UNANCHORED counts as a failure.
    """
    genesis = tree.history.genesis
    notes = list(genesis.notes) if genesis else []
    known = False
    if genesis is not None:
        known = _key_is_known(genesis, trust, examination, anchoring)
        notes += _stated(genesis, tree)
    verdict = _verdict(examination, anchoring, known=known)
    if require_anchor and verdict is Verdict.UNANCHORED:
        why = _OWN_KEY if anchoring.anchors else _UNANCHORED
        anchoring.findings.append(Finding("log.no-anchor", CHECKPOINT_NAME, why, _GET_ANCHOR))
        verdict = Verdict.FAILED
    examination.findings += anchoring.findings
    if not known:
        notes.append(_OWN_KEY)
    if not anchoring.anchors:
        notes.append(_UNANCHORED)
    return Verification(
        f"log {tree.history.origin} at {where}" if genesis else f"log at {where}",
        verdict,
        examination.listed(),
        tuple(examination.checked),
        (*examination.not_checked, *anchoring.not_checked, *_beyond_anchors(tree, anchoring), *_ALWAYS),
        tuple(anchor.sentence for anchor in anchoring.anchors),
        _signers(tree),
        tuple(dict.fromkeys([*notes, *examination.notes, *anchoring.notes])),
    )


def _verdict(examination: Examination, anchoring: Anchoring, *, known: bool) -> Verdict:
    if examination.refused:
        return Verdict.REFUSED
    if examination.findings or anchoring.findings:
        only = {finding.code for finding in (*examination.findings, *anchoring.findings)}
        return Verdict.STALE if only == {"log.truncated"} else Verdict.FAILED
    return Verdict.VERIFIED if anchoring.anchors and known else Verdict.UNANCHORED


def _key_is_known(genesis: GenesisEntry, trust: Trust, examination: Examination, anchoring: Anchoring) -> bool:
    """Whether the log's first key is pinned, or the one with which this user verified the log before."""
    key = genesis.log_key
    if is_pinned(key, trust):
        return True
    revoked = min((each.revoked_from for each in trust.pinned(key.key_id, "log") if each.revoked_from), default=None)
    if revoked is not None:
        if any(anchor.moment < revoked for anchor in anchoring.anchors):
            return True
        what = f"the log's first key {_short(key)} is revoked from {revoked}, and nothing shows that the log is older"
        examination.find("log.key-revoked", CHECKPOINT_NAME, f"{what} ({trust.name})", _PIN)
        return False
    others = [entry.public for entry in trust.keys if entry.role == "log" and entry.public.name == key.name]
    if others:
        what = f"the log began with the key {_short(key)}, and the trust file accepts {', '.join(map(_short, others))}"
        examination.find("log.key-not-trusted", CHECKPOINT_NAME, f"{what} ({trust.name})", _PIN)
    return anchoring.key_is_remembered


def _short(key: PublicKey) -> str:
    return f"{key.name} ({key.key_id[:16]})"


def _stated(genesis: GenesisEntry, tree: SealedTree) -> list[str]:
    stated = []
    if genesis.sealed_from == "arrival":
        stated.append(_ARRIVAL.format(genesis.sealed_at))
    if genesis.log_key.is_demonstration:
        stated.append(_DEMONSTRATION.format(genesis.origin))
    if tree.checkpoint is not None:
        stated.append(f"newest checkpoint: {tree.checkpoint.checkpoint}, sealed at {tree.history.state.sealed_at}")
    return stated


def _beyond_anchors(tree: SealedTree, anchoring: Anchoring) -> list[str]:
    """Say what no anchor reaches: entries after the newest one, and what may have been cut."""
    said = []
    size = tree.history.size
    covered = max((anchor.size for anchor in anchoring.anchors), default=0)
    if 0 < covered < size:
        said.append(f"age of the {size - covered} entries from {covered} on: no anchor covers them yet")
    seeing = [anchor.size for anchor in anchoring.anchors if anchor.sees_truncation]
    if not seeing:
        said.append(_TRUNCATION)
    return said


def _signers(tree: SealedTree) -> tuple[str, ...]:
    if tree.checkpoint is None:
        return ()
    size = tree.checkpoint.checkpoint.size
    keys = [each for each in tree.history.state.keys if each.covers(size)]
    return tuple(f"{_short(each.key)}, the log's key of {each.epoch}" for each in keys)
