"""Alerts: what a rule saw in a window, kept with its evidence until somebody closes it.

Rules (:mod:`~audit_lab.monitor.alerts.rules`) come from a TOML file (:mod:`~audit_lab.monitor.alerts.rule_file`, whose
keys :mod:`~audit_lab.monitor.alerts.rule_values` checks and :mod:`~audit_lab.monitor.alerts.target_tables` says whom to
tell; :mod:`~audit_lab.monitor.alerts.example` is a whole one). A round
(:mod:`~audit_lab.monitor.alerts.evaluation`) puts each rule's question to a log and reads what fires out of the answer
(:mod:`~audit_lab.monitor.alerts.movements`, :mod:`~audit_lab.monitor.alerts.outcome_rules`,
:mod:`~audit_lab.monitor.alerts.service_rules`); a rule that cannot be evaluated says so. What fires becomes an
:class:`~audit_lab.monitor.alerts.alert.Alert` whose id names rule, model, version, window and subject, so that the next
round knows it (:mod:`~audit_lab.monitor.alerts.watch_result`). Entries (:mod:`~audit_lab.monitor.alerts.entry`) are
kept in a chained journal outside the log, or appended to it as events where that is asked for
(:mod:`~audit_lab.monitor.alerts.keeping`), and the state of an alert is derived from them
(:mod:`~audit_lab.monitor.alerts.states`). :mod:`~audit_lab.monitor.alerts.notifying` tells people, by
:mod:`~audit_lab.monitor.alerts.webhook` or :mod:`~audit_lab.monitor.alerts.mail_program`;
:mod:`~audit_lab.monitor.alerts.schedule` repeats rounds.
"""

from __future__ import annotations

from audit_lab.monitor.alerts.alert import Alert
from audit_lab.monitor.alerts.rules import Rule, RuleSet, default_rules
from audit_lab.monitor.alerts.states import Alerts
from audit_lab.monitor.alerts.watch_result import Looked, Watch

__all__ = ["Alert", "Alerts", "Looked", "Rule", "RuleSet", "Watch", "default_rules"]
