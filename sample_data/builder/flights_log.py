"""The flights log as a whole: its tables, its artifacts, and what every reader must know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.log.files.durable import write_bytes
from audit_lab.log.files.write import write_log
from builder.delay_versions import CANARY, HOTFIX, delay_versions, overwritten_canary
from builder.flights import scored_flights
from builder.flights_events import event_rows
from builder.flights_registry import WEAK, evaluation_rows, registry_tables
from builder.invented import built_with
from builder.served import Served, log_tables, serve

if TYPE_CHECKING:
    from pathlib import Path

    from builder.artifacts import Artifact
    from builder.faults import FaultPlan

__all__ = ["FlightsLog", "build_flights", "write_flights"]

_NOTES = [
    (
        "The flights, their dates, carriers, distances, cancellations and departure delays are real: US DOT BTS on-"
        "time performance 2015, 100,000 flights sampled by the popmon project."
    ),
    (
        "The hour of departure is not in the source: it is invented, deterministically, and so are the moments of "
        "prediction (two to four hours before departure, on the flight's date in UTC) and of the outcome (a day "
        "later)."
    ),
    (
        "Look-back features use the carrier's flights of the seven days ending two days before the flight, blended "
        "with 10 assumed flights at 20 % late and 9 minutes mean delay; on the first days only the assumption is "
        "there."
    ),
    (
        "An outcome is late when the flight left more than 15 minutes after schedule or was cancelled; its value is "
        "the departure delay in minutes, missing where the flight never left."
    ),
    "People, nodes, latencies, code commits, container digests and the subject pseudonyms are invented.",
    WEAK,
]


@dataclass(frozen=True)
class FlightsLog:
    """Everything that goes into the log's folder, and what was served, for the truth about it."""

    tables: dict[str, pl.DataFrame]
    artifacts: dict[str, bytes]
    served: Served
    recorded_canary: Artifact
    overwritten_canary: Artifact
    hotfix: Artifact


def build_flights(plan: FaultPlan) -> FlightsLog:
    """Build the flights log of a plan, in memory."""
    flights = scored_flights()
    versions = delay_versions(flights)
    overwritten = overwritten_canary(flights, plan)
    served = serve(flights, versions, plan)
    tables = {**log_tables(served), **registry_tables(flights, versions, overwritten, plan)}
    evaluations = pl.DataFrame(evaluation_rows(served.kept))
    tables["runs"] = pl.concat([tables["runs"], evaluations], how="diagonal").sort("started_at", "run_id")
    tables["events"] = event_rows(served.scored, tables, plan)
    registered = {name: version.artifact for name, version in versions.items() if name != HOTFIX}
    artifacts = {artifact.uri: artifact.content for artifact in registered.values()}
    artifacts[registered[CANARY].uri] = overwritten.artifact.content
    return FlightsLog(tables, artifacts, served, registered[CANARY], overwritten.artifact, versions[HOTFIX].artifact)


def write_flights(log: FlightsLog, folder: Path) -> None:
    """Write the log's folder."""
    about = {
        "origin": "audit-lab.example/flights",
        "description": "Delay-risk predictions for 100,000 US flights of 2015",
        "notes": _NOTES,
        "built_with": built_with(),
    }
    for uri, content in log.artifacts.items():
        write_bytes(folder / uri, content)
    write_log(folder, log.tables, about)
