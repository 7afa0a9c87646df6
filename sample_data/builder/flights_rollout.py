"""Who approved each delay-risk version, and what each serving slot served from when on."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from builder.delay_versions import CANARY, HOTFIX, PRIMARY
from builder.faults import day_start
from builder.invented import container_sha256, to_json
from builder.served import ENDPOINT, MODEL

if TYPE_CHECKING:
    from builder.faults import FaultPlan

__all__ = ["approval_rows", "deployment_rows"]

_DAY = timedelta(days=1)

#: When each version was submitted, approved and promoted.
_REVIEWS = {
    "1.0.0": (
        datetime(2014, 12, 16, 9, 0, tzinfo=UTC),
        datetime(2014, 12, 18, 14, 0, tzinfo=UTC),
        datetime(2014, 12, 29, 10, 0, tzinfo=UTC),
    ),
    "2.0.0": (
        datetime(2015, 3, 31, 8, 0, tzinfo=UTC),
        datetime(2015, 3, 31, 13, 0, tzinfo=UTC),
        datetime(2015, 3, 31, 16, 0, tzinfo=UTC),
    ),
    "3.0.0": (
        datetime(2015, 6, 8, 9, 0, tzinfo=UTC),
        datetime(2015, 6, 10, 14, 0, tzinfo=UTC),
        datetime(2015, 6, 12, 15, 0, tzinfo=UTC),
    ),
}

_PRIMARY_REASONS = (
    "first deployment",
    "2.0.0 replaces the scorecard",
    "3.0.0 replaces 2.0.0",
    "rollback: too many departures called late, see the alert of the day before",
)


def approval_rows(version: dict[str, Any], plan: FaultPlan) -> list[dict[str, Any]]:
    """Return who submitted, approved and promoted a version, from its row in ``model_versions``."""
    name = version["model_version"]
    canary = name == CANARY
    begins = day_start(plan.canary_from)
    times = tuple(begins + hours * timedelta(hours=1) for hours in (-135, -106, -81)) if canary else _REVIEWS[name]
    promoted = f"may serve {plan.canary_share:.0%} of production for one week" if canary else "may serve production"
    evidence = hashlib.sha256(version["evaluation"].encode()).hexdigest()
    acts = (
        ("submitted", "lena.fischer", "model developer", "ready for review", version["changelog"]),
        ("approved", "tomas.reyes", "model risk officer", "fit for its intended use", "weak but harmless: advice only"),
        ("promoted", "amara.diallo", "release manager", promoted, "approval complete, rollback rehearsed"),
    )
    return [
        {
            "model_name": MODEL,
            "model_version": name,
            "act": act,
            "approver": approver,
            "role": role,
            "meaning": meaning,
            "reason": reason,
            "evidence_sha256": evidence,
            "recorded_at": at,
        }
        for at, (act, approver, role, meaning, reason) in zip(times, acts, strict=True)
    ]


def deployment_rows(plan: FaultPlan) -> list[dict[str, Any]]:
    """Return what each serving slot served from when on, in order of time."""
    rows = [
        (f"{MODEL}-primary", at, name, 1.0, "amara.diallo", reason)
        for (at, name), reason in zip(PRIMARY, _PRIMARY_REASONS, strict=True)
    ]
    beside = (
        ("hotfix", HOTFIX, plan.hotfix_from, plan.hotfix_days, plan.hotfix_share, "on-call.operations"),
        ("canary", CANARY, plan.canary_from, plan.canary_days, plan.canary_share, "amara.diallo"),
    )
    for slot, name, first, days, share, actor in beside:
        begin, end = day_start(first), day_start(first) + days * _DAY
        primary = next(served for at, served in reversed(PRIMARY) if at <= begin)
        rows += [
            (f"{MODEL}-{slot}", begin, name, share, actor, f"{slot} begins"),
            (f"{MODEL}-primary", begin, primary, 1.0 - share, actor, f"traffic lent to the {slot} slot"),
            (f"{MODEL}-{slot}", end, name, 0.0, actor, f"{slot} ends"),
            (f"{MODEL}-primary", end, primary, 1.0, actor, f"traffic back from the {slot} slot"),
        ]
    return [
        {
            "deployment_id": slot,
            "from_time": at,
            "model_name": MODEL,
            "model_version": name,
            "environment": "production",
            "endpoint": ENDPOINT,
            "container_sha256": container_sha256(f"{MODEL} {name}"),
            "configuration": to_json({"replicas": 2}),
            "traffic_share": share,
            "actor": actor,
            "reason": reason,
            "recorded_at": at,
        }
        for slot, at, name, share, actor, reason in sorted(rows, key=lambda row: (row[1], row[0]))
    ]
