"""The check of a log, from its signed checkpoint down to every row.

`verify` reads the checkpoint and each entry that it counts, recomputes the tree over them, holds every kept checkpoint
to it and to the key of its day, compares the manifest with what the entries amount to, recomputes the digest of every
file and the hash of every row, and looks for something outside the log that holds all of it in time. It never stops at
the first finding. A log that is not sealed is checked against its manifest alone (`unsealed`).
"""

from audit_lab.log.integrity.check import examine_log, verify

__all__ = ["examine_log", "verify"]
