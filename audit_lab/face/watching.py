"""What a log is asked in order to be watched: what fires, what was raised before, and what became of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from audit_lab.errors import StorageError
from audit_lab.face.monitored import Monitored
from audit_lab.face.progress import shown_while

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from audit_lab.face.replays import When
    from audit_lab.log.keys.vault import Vault
    from audit_lab.monitor.alerts import Alerts, RuleSet, Watch
    from audit_lab.monitor.alerts.entry import Entry
    from audit_lab.monitor.alerts.raised import Raised
    from audit_lab.monitor.alerts.reviewing import Review

__all__ = ["Watching"]

_WATCHER = "audit-lab watch"


class Watching(Monitored):
    """The questions about alerts that an opened log answers. Looking writes nothing; raising and closing do."""

    def watch(
        self,
        rules: RuleSet | Path | str | None = None,
        *,
        since: When = None,
        until: When = None,
        write: bool = False,
        record: Path | str | None = None,
        now: datetime | None = None,
    ) -> Watch:
        """Evaluate rules once, and say what fires, what was looked at, and what could not be; nothing is kept.

        Parameters
        ----------
        rules
            A rule file, or rules. When omitted: drift from moderate on, failed predictions and jobs, volume gone.
        since, until
            Only windows that reach into [since, until) raise alerts. What is usual is taken from the whole log.
        write
            Whether alerts and reviews that stand in the log itself, as events, count: only where the log is your own,
            since whoever writes a log could close its alerts there.
        record
            The file of the alerts journal, which tells new alerts from known ones; one for each log by default.
        now
            The time of the round; the present one when None.

        Raises
        ------
        MisuseError
            The rule file cannot be read, or a time. A rule that does not fit the log is no error: it is told as not
            evaluated.
        IntegrityError
            The alerts journal does not hold.
        """
        from audit_lab.face.alert_search import Record, looked_at, rules_asked
        from audit_lab.log.search.query import instant
        from audit_lab.monitor.alerts.asking import Scope

        asked = rules_asked(rules)
        scope = Scope(now or datetime.now(UTC), instant(since, "since"), instant(until, "until"))
        asking = self._access.asking("watch", asked.sha256[:12], rules=asked.source, since=since, until=until)
        with asking as answer, shown_while("watch"):
            answer.touches("predictions", ("outputs", "decision"))
            kept = Record(self._store, record).read(in_log=write)
            return looked_at(self, self._store, asked, kept, scope)

    def raise_alerts(
        self,
        rules: RuleSet | Path | str | None = None,
        *,
        since: When = None,
        until: When = None,
        actor: str = _WATCHER,
        write: bool = False,
        vault: Vault | Path | str | None = None,
        passphrase: bytes | str | None = None,
        record: Path | str | None = None,
        now: datetime | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> Raised:
        """Evaluate rules once, keep what is new, and tell whom the rules name; one process at a time.

        Parameters
        ----------
        rules, since, until, record, now
            As in `watch`.
        actor
            Who watches.
        write
            Append alerts to the log itself, as events, and count those that stand there; else they go to the alerts
            journal, outside it.
        vault, passphrase
            As for `audit_lab.open_writer`, with `write`.
        wait
            Waits some seconds between attempts to tell somebody.

        Raises
        ------
        MisuseError
            As `watch`; or `write` is asked for, and the log is not sealed or its vault is missing.
        StorageError
            What is new cannot be kept, or another watch of the log has not ended for a minute.
        """
        import time

        from audit_lab.face.alert_search import Record, rules_asked
        from audit_lab.monitor.alerts.raised import raise_new

        held, asked = Record(self._store, record), rules_asked(rules)
        moment = now or datetime.now(UTC)
        with _alone(held.path):
            found = self.watch(asked, since=since, until=until, write=write, record=held.path, now=moment)
            keeper = held.keeper(vault, passphrase, write=write)
            return raise_new(found, held.read(in_log=write).entries, keeper, actor=actor, wait=wait or time.sleep)

    def alerts(self, *, write: bool = False, record: Path | str | None = None) -> Alerts:
        """Return every alert that was raised, with its state: open, acknowledged or closed.

        Parameters
        ----------
        write, record
            As in `watch`.

        Raises
        ------
        IntegrityError
            The alerts journal does not hold.
        """
        from audit_lab.face.alert_search import Record

        with self._access.asking("alerts") as answer:
            found = Record(self._store, record).read(in_log=write)
            answer.rows = found.table.height
            given = {"write": write or None, "record": None if record is None else str(record)}
            asked = {name: value for name, value in given.items() if value is not None}
            return replace(found, asked=asked, decisions_of=self.decisions, foremost_of=self.foremost)

    def acknowledge(
        self,
        alert: str,
        *,
        actor: str,
        role: str,
        reason: str = "",
        write: bool = False,
        vault: Vault | Path | str | None = None,
        passphrase: bytes | str | None = None,
        record: Path | str | None = None,
        now: datetime | None = None,
    ) -> Entry:
        """Record that somebody takes an alert on, with all of its windows; it stays until it is re-validated.

        Raises
        ------
        NotFoundError
            There is no such alert.
        MisuseError
            Actor or role are empty.
        """
        from audit_lab.face.alert_search import Record
        from audit_lab.monitor.alerts.reviewing import acknowledgement_of

        held = Record(self._store, record)
        with self._access.asking("acknowledge alert", alert), _alone(held.path):
            raised = held.read(in_log=write).course(alert).begun
            moment = now or datetime.now(UTC)
            entry = acknowledgement_of(raised, actor=actor, role=role, reason=reason, at=moment)
            held.keeper(vault, passphrase, write=write).keep([entry])
            return entry

    def revalidate(
        self,
        alert: str,
        *,
        actor: str,
        role: str,
        conclusion: str,
        reason: str,
        although: str | None = None,
        evidence: Sequence[str] = (),
        write: bool = False,
        vault: Vault | Path | str | None = None,
        passphrase: bytes | str | None = None,
        record: Path | str | None = None,
        now: datetime | None = None,
    ) -> Review:
        """Close an alert, with all of its windows: its rule is evaluated anew, and the record says what it saw then.

        Parameters
        ----------
        alert
            Its id, or that of one of its windows, or the first eight digits of it or more.
        actor, role, reason
            Who closes it, as what, and why.
        conclusion
            One of `audit_lab.monitor.alerts.reviewing.CONCLUSIONS`.
        although
            Why it is closed although it still fires, or cannot be measured anew; needed then.
        evidence
            What was looked at: digests, names of cases or documents.
        write, vault, passphrase, record, now
            As in `raise_alerts`.

        Raises
        ------
        NotFoundError
            There is no such alert.
        MisuseError
            The conclusion is not known, a text is missing, or the alert still stands and nobody says although what.
        """
        from audit_lab import __version__
        from audit_lab.face.alert_search import Record, looked_at
        from audit_lab.monitor.alerts.asking import Scope
        from audit_lab.monitor.alerts.reviewing import review_of
        from audit_lab.monitor.alerts.rule_file import rule_of
        from audit_lab.monitor.alerts.rules import RuleSet

        held = Record(self._store, record)
        with self._access.asking("revalidate alert", alert, conclusion=conclusion), _alone(held.path):
            kept = held.read(in_log=write)
            course = kept.course(alert)
            raised = course.begun
            rule = replace(rule_of(raised.payload["rule"]), model=raised.payload["model"])
            moment = now or datetime.now(UTC)
            scope = Scope(moment, course.first_seen)
            anew = looked_at(self, self._store, RuleSet((rule,)), kept, scope)
            told: dict[str, Any] = {"actor": actor, "role": role, "conclusion": conclusion, "reason": reason}
            told |= {"although": although, "evidence": evidence, "at": moment, "software": f"audit_lab {__version__}"}
            review = review_of(course, anew, **told)
            facts = held.keeper(vault, passphrase, write=write).keep([review.entry])
            return replace(review, facts=facts)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time look at a log's alerts and add to them."""
    from audit_lab.log.files.disk import LocalDisk
    from audit_lab.log.files.private_file import make_private_folder

    lock = path.with_name(f"{path.name}.watch")
    try:
        if not path.parent.is_dir():
            make_private_folder(path.parent)
        taken = LocalDisk().lock(str(lock))
        taken.__enter__()
    except OSError as error:
        is_held = isinstance(error, TimeoutError)
        raise StorageError(
            f"cannot watch alone at {lock}: {'another watch holds it' if is_held else error.strerror}",
            "Wait for it to end, or name another file as the record of alerts.",
            "locked" if is_held else "other",
        ) from error
    try:
        yield
    finally:
        taken.__exit__(None, None, None)
