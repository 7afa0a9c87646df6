"""The light verifier of evidence bundles: standard library and cryptography only.

The order is fixed: the archive's shape, before anything is extracted (`archive`, `folder`); the signature over the
exact received bytes against the reader's trust file (`signature`); that the attested subjects are the files, and their
digests (`coverage`, `bag`); that the case agrees with itself (`content`). Every finding is collected, and what was not
checked is listed. Nothing is ever extracted, executed or fetched.
"""

from __future__ import annotations

from audit_lab.verifier.bundle import examine_bundle, verify_bundle

__all__ = ["examine_bundle", "verify_bundle"]
