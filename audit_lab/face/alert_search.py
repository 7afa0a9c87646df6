"""A round of a watch, as a user asks for it: rules, the record of alerts, and what the log says of its versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.log.engines.answers import collected
from audit_lab.log.evening import evened
from audit_lab.log.files.reading import collect
from audit_lab.log.samplings import weight
from audit_lab.log.schema import TIME
from audit_lab.monitor.alerts.alert import bounded
from audit_lab.monitor.alerts.asking import QUESTIONS
from audit_lab.monitor.alerts.continuing import belonging, renewing
from audit_lab.monitor.alerts.evaluation import TRAFFIC, evaluate_rules
from audit_lab.monitor.alerts.keeping import AlertsJournal, LogEvents, alerts_file, entries_of, outside
from audit_lab.monitor.alerts.rule_file import read_rules
from audit_lab.monitor.alerts.rules import RuleSet, default_rules
from audit_lab.monitor.alerts.states import CLOSED, derived
from audit_lab.monitor.alerts.watch_result import Watch

if TYPE_CHECKING:
    from audit_lab.face.tables import LogTables
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.store import LogStore
    from audit_lab.monitor.alerts.asking import Scope
    from audit_lab.monitor.alerts.keeping import Keeper
    from audit_lab.monitor.alerts.states import Alerts

__all__ = ["Record", "looked_at", "rules_asked"]

_WHO = ("model_name", "model_version")
_HOUR = "1h"
#: Kinds of rules whose questions even sampled rows out; the others weigh them, or count none.
_EVENED = frozenset({"drift", "drift together", "volume", "silence", "onset", "performance", "fairness"})


class Record:
    """The alerts that are kept of one log: where they are read from, and where new entries go."""

    def __init__(self, store: LogStore, path: str | Path | None) -> None:
        self._store = store
        self.path = outside(store, alerts_file(store.origin) if path is None else Path(path))

    def read(self, *, in_log: bool) -> Alerts:
        """Return what is kept, with the state of each alert; of the log's own events only where they are believed."""
        return derived(*entries_of(self._store, self.path, in_log=in_log))

    def keeper(self, vault: Vault | Path | str | None, passphrase: bytes | str | None, *, write: bool) -> Keeper:
        """Return what keeps new entries: the journal, or the log's events where `write` says so."""
        journal = AlertsJournal(self.path, self._store.origin)
        return LogEvents(self._store, journal, vault, passphrase) if write else journal


def rules_asked(given: RuleSet | str | Path | None) -> RuleSet:
    """Return rules: those given, those of a file, or those of a watch without one."""
    if given is None:
        return default_rules()
    return given if isinstance(given, RuleSet) else read_rules(given)


def looked_at(log: LogTables, store: LogStore, rules: RuleSet, kept: Alerts, scope: Scope) -> Watch:
    """Evaluate rules, and return what fires beside what is kept."""
    questions = {name: getattr(log, name) for name in QUESTIONS}
    alerts, looked = evaluate_rules(questions, rules.rules, _traffic(store), _origins(store), scope)
    counting = sorted({each.model for each in looked if each.model is not None and each.kind in _EVENED})
    even = {model: evened(store, model, scope.since, scope.until).evened for model in counting}
    sampled = (f"{bounded(model)}: {each.fact}." for model, each in even.items() if each is not None)
    closed = [name for name, state in kept.states.items() if state == CLOSED]
    return Watch(
        alerts,
        looked,
        rules,
        kept.states,
        store.origin,
        scope.now,
        scope.since,
        scope.until,
        (*kept.facts, *sampled),
        belonging(alerts, kept.courses.values(), closed),
        renewing(alerts, kept.courses.values()),
    )


def _traffic(store: LogStore) -> pl.DataFrame:
    """Return how many predictions each model and version has in each hour; sampled ones stand for those served."""
    at = nw.col("occurred_at")
    keys = (*_WHO, "hour")
    frame = store.frame("predictions", columns=[*_WHO, "occurred_at", "sampling_rate"])
    timed = frame.filter(~at.is_null()).with_columns(hour=at.dt.truncate(_HOUR))
    grouped = timed.group_by(*keys, "sampling_rate").agg(
        nw.len().alias("rows"), at.min().alias("first"), at.max().alias("last")
    )
    counted = collected(grouped, f"the predictions of {store.location}")
    summed = counted.group_by(keys).agg(
        (pl.col("rows") * weight()).sum().round(), pl.col("first").min(), pl.col("last").max()
    )
    return summed.select(TRAFFIC).with_columns(
        pl.col("hour", "first", "last").cast(TIME), pl.col("rows").cast(pl.Int64)
    )


def _origins(store: LogStore) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what the registry last said of each version: run, artifact, and the run's commit and datasets."""
    where = f"of {store.location}"
    versions = collect(
        store.table("model_versions").select(*_WHO, "run_id", "artifact_sha256", "recorded_at"), f"versions {where}"
    )
    runs = collect(
        store.table("runs").select("run_id", "code_commit", "datasets_in", run_recorded="recorded_at"), f"runs {where}"
    )
    last_runs = runs.sort("run_recorded", nulls_last=False).unique("run_id", keep="last", maintain_order=True)
    last = versions.sort("recorded_at", nulls_last=False).unique(_WHO, keep="last", maintain_order=True)
    known = last.join(last_runs, on="run_id", how="left")
    names = ("run_id", "artifact_sha256", "code_commit", "datasets_in")
    return {
        (row["model_name"], row["model_version"]): {
            "model": bounded(row["model_name"]),
            "version": bounded(row["model_version"]),
            **{name: None if row[name] is None else bounded(row[name]) for name in names},
        }
        for row in known.drop_nulls(list(_WHO)).iter_rows(named=True)
    }
