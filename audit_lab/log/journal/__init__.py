"""The access journal: who asked what of a log, when and why, in a hash-chained file outside the log."""
