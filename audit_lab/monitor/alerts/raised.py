"""After a round: what is new is kept first, then people are told, and whether they could be is kept as well."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any

from audit_lab.monitor.alerts.entry import raised_entry
from audit_lab.monitor.alerts.notifying import deliver, pending
from audit_lab.monitor.alerts.states import derived
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from audit_lab.monitor.alerts.entry import Entry
    from audit_lab.monitor.alerts.keeping import Keeper
    from audit_lab.monitor.alerts.notifying import Delivery
    from audit_lab.monitor.alerts.watch_result import Watch

__all__ = ["Raised", "raise_new"]


@dataclass(frozen=True, eq=False)
class Raised:
    """A round of a watch that kept what is new, and who was told of it."""

    watch: Watch
    deliveries: tuple[Delivery, ...]
    facts: tuple[str, ...]

    @spelling_text
    def summary(self) -> list[str]:
        """Return plain sentences: the round, who was told, and what must be known of the record."""
        return [*self.watch.summary(), *(f"{one.summary}." for one in self.deliveries), *self.facts]

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-safe."""
        told = [
            {**vars(one), "alerts": list(one.alerts), "ids": list(one.ids), "sent": one.sent} for one in self.deliveries
        ]
        return {**self.watch.to_dict(), "notifications": told, "record": list(self.facts)}

    @spelling
    def _repr_html_(self) -> str:
        """Return the round as HTML, and who was told; every text of the log is escaped."""
        said = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.summary()[len(self.watch.summary()) :])
        return f"{self.watch._repr_html_()}<ul>{said}</ul>"


def raise_new(
    watch: Watch, before: Sequence[Entry], keeper: Keeper, *, actor: str, wait: Callable[[float], object]
) -> Raised:
    """Keep the alerts that no record has, then tell whom their rules name.

    Parameters
    ----------
    before
        What is kept already. Alerts of a watch that was stopped before it told anybody are told now.
    """
    from audit_lab import __version__

    software = f"audit_lab {__version__}"
    new = [
        replace(
            raised_entry(one.payload(software, watch.continues(one)), one.rule.severity, watch.at, actor),
            renews=one.id in watch.renewed,
        )
        for one in watch.new
    ]
    facts = list(keeper.keep(new))
    deliveries = []
    for target, news in pending(derived([*before, *new]), watch.rules):
        delivery = deliver(target, news, watch.origin, watch.at, wait)
        facts += keeper.keep(delivery.entries(watch.at, actor))
        deliveries.append(delivery)
    return Raised(watch, tuple(deliveries), tuple(dict.fromkeys(facts)))
