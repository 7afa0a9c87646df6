"""Redaction at the source: personal values are changed in the caller's thread, before anything is queued or written.

A `source_redaction` is read from TOML: a `rule` for each column. A recorder applies it to what it is handed, and the
log says in an event what was done (`audit_lab.log.redactions`). The `linter` looks for columns that seem personal, by
their names (`personal_names`) and by what their values show (`personal_values`), and have no rule.
"""
