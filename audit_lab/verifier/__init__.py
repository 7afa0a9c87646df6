"""The light verifier of evidence bundles and record proofs: standard library and cryptography only.

The order is fixed: the archive's shape, before anything is extracted (`archive`, `folder`); the signature over the
exact received bytes against the reader's trust file (`signature`); that the attested subjects are the files, and their
digests (`coverage`, `bag`); that the case agrees with itself (`content`). Every finding is collected, and what was not
checked is listed. Nothing is ever extracted, executed or fetched.

A record proof is one document (`record_proof`): the checkpoint's signature by a pinned key of the log, and the
witnesses that saw it (`log_signature`); each statement in the log's tree, each row in its segment, each shown value in
its row.
"""

from __future__ import annotations

from audit_lab.verifier.bundle import examine_bundle, verify_bundle
from audit_lab.verifier.record_proof import examine_record_proof, verify_record_proof

__all__ = ["examine_bundle", "examine_record_proof", "verify_bundle", "verify_record_proof"]
