"""A small sealed log, with its vault, for tests that damage it and look what is found."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.integrity import examine_log
from audit_lab.log.keys.vault import Vault
from audit_lab.log.tree.state import LogState, manifest_bytes
from audit_lab.log.tree.tree_file import LogTree
from audit_lab.log.writing.writer import create_log, open_writer
from audit_lab.seal.entry import parse_entry
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from audit_lab.log.writing.writer import LogWriter
    from audit_lab.seal.entry import Entry
    from audit_lab.seal.report import Verification

SEALED_ORIGIN = "demonstration-loans/log"
BEGAN = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = BEGAN) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass
class SealedLog:
    """A sealed log with its vault; `remembered` is an empty folder until a verification that holds fills it."""

    folder: Path
    vault_folder: Path
    remembered: Path
    clock: Clock = field(default_factory=Clock)

    @property
    def vault(self) -> Vault:
        return Vault.open(SEALED_ORIGIN, self.vault_folder)

    @property
    def trust(self) -> Trust:
        """A trust that accepts the log's first key."""
        genesis = LogState.fold(LogTree(LocalStorage(self.folder)).entries(0, 1)).genesis
        return Trust((TrustedKey(genesis.log_key, "log", SEALED_ORIGIN),), "trust.toml")

    def writer(self) -> LogWriter:
        return open_writer(self.folder, vault=self.vault, writer_id="writer-1", clock=self.clock)

    def files(self, table: str) -> list[str]:
        """The files of a table that are there, in order of their names, which is that of sealing."""
        return sorted(path.relative_to(self.folder).as_posix() for path in (self.folder / table).glob("*.parquet"))

    def read(self, path: str) -> pl.DataFrame:
        return pl.read_parquet(self.folder / path)

    def rewrite(self, path: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        """Replace a file by a valid one with changed rows."""
        change(self.read(path)).write_parquet(self.folder / path)

    def report(self, **options: Any) -> Verification:
        options = {"vault": self.vault, "remembered": self.remembered, **options}
        return examine_log(self.folder, **options)

    def found(self, **options: Any) -> set[str]:
        """The codes of the findings."""
        return {finding.code for finding in self.report(**options).findings}

    def meaning(self, code: str, **options: Any) -> list[str]:
        """What the findings of one code mean."""
        return [finding.meaning for finding in self.report(**options).findings if finding.code == code]

    @property
    def state(self) -> LogState:
        return LogState.fold(LogTree(LocalStorage(self.folder)).entries())

    @property
    def entries(self) -> list[Entry]:
        return [parse_entry(content) for content in LogTree(LocalStorage(self.folder)).entries()]

    def seal_again(self, change: Callable[[Entry], Entry | None], *, strict: bool = True) -> None:
        """Build the log's tree anew from changed entries, as somebody who has its key can; None leaves one out.

        The manifest is made anew too, unless the entries contradict each other and `strict` is false.
        """
        changed = [entry for entry in (change(each) for each in self.entries) if entry is not None]
        key = self.vault.signing_key(self.state.keys[-1].key)
        for name in ("tile", "checkpoints"):
            shutil.rmtree(self.folder / name)
        (self.folder / "checkpoint").unlink()
        self._seal(LogTree(LocalStorage(self.folder), key.name), changed, key, strict=strict)

    def seal_more(self, *entries: Entry) -> None:
        """Append entries to the log's tree that no writer would."""
        self._seal(LogTree(LocalStorage(self.folder)), entries, self.vault.signing_key(self.state.keys[-1].key))

    def _seal(self, tree: LogTree, entries: Iterable[Entry], key: SigningKey, *, strict: bool = True) -> None:
        tree.append([entry.to_bytes() for entry in entries], key)
        if not strict:
            return
        content = manifest_bytes(LogState.fold(tree.entries()), tree.root)
        LocalStorage(self.folder).create("manifest.json", content, replace=True)

    def copy(self, folder: Path) -> SealedLog:
        shutil.copytree(self.folder, folder / "log")
        shutil.copytree(self.vault_folder, folder / "vault")
        return SealedLog(folder / "log", folder / "vault", folder / "remembered", Clock(self.clock.now))


def some_predictions(first: int, last: int) -> pl.DataFrame:
    numbers = list(range(first, last))
    return pl.DataFrame(
        {
            "prediction_id": [f"p-{number:03d}" for number in numbers],
            "occurred_at": [BEGAN + timedelta(minutes=number) for number in numbers],
            "recorded_at": [BEGAN + timedelta(minutes=number) for number in numbers],
            "model_name": ["loans"] * len(numbers),
            "model_version": ["1"] * len(numbers),
            "subject_id": [f"subject-{number % 4}" for number in numbers],
            "outputs": [{"score": number / 64, "label": "good" if number % 2 else "bad"} for number in numbers],
            "decision": ["approve" if number % 2 else "deny" for number in numbers],
            "sequence": numbers,
            "writer_id": ["writer-1"] * len(numbers),
        }
    )


def some_inputs(first: int, last: int) -> pl.DataFrame:
    numbers = list(range(first, last))
    return pl.DataFrame(
        {
            "prediction_id": [f"p-{number:03d}" for number in numbers],
            "recorded_at": [BEGAN + timedelta(minutes=number) for number in numbers],
            "income": [1_000.5 + number for number in numbers],
            "city": ["Bern" if number % 3 else "Oslo" for number in numbers],
        }
    )


def registry_rows() -> dict[str, pl.DataFrame]:
    models = pl.DataFrame(
        {
            "model_name": ["loans", "loans"],
            "model_version": ["1", "2"],
            "recorded_at": [BEGAN, BEGAN],
            "artifact_sha256": ["a" * 64, "b" * 64],
            "threshold": [0.5, 0.5],
        }
    )
    approvals = pl.DataFrame(
        {
            "model_name": ["loans"],
            "model_version": ["1"],
            "recorded_at": [BEGAN],
            "act": ["approved"],
            "approver": ["R. Meier"],
        }
    )
    deployments = pl.DataFrame(
        {
            "deployment_id": ["primary"],
            "from_time": [BEGAN],
            "recorded_at": [BEGAN],
            "model_name": ["loans"],
            "model_version": ["1"],
            "traffic_share": [1.0],
        }
    )
    events = pl.DataFrame(
        {"event_id": ["e-1", "e-2"], "at": [BEGAN] * 2, "recorded_at": [BEGAN] * 2, "kind": ["alert", "review"]}
    )
    return {"model_versions": models, "approvals": approvals, "deployments": deployments, "events": events}


def make(place: Path, began: datetime = BEGAN) -> SealedLog:
    """Write the log: ten predictions in each of three segments, and a registry beside the first."""
    log = SealedLog(place / "log", place / "vault", place / "remembered", Clock(began))
    key = SigningKey.generate(SEALED_ORIGIN)
    with create_log(
        log.folder, SEALED_ORIGIN, vault=log.vault_folder, key=key, writer_id="writer-1", clock=log.clock
    ) as writer:
        for first in (0, 10, 20):
            log.clock.now += timedelta(minutes=10)
            rows = {"predictions": some_predictions(first, first + 10), "inputs/loans": some_inputs(first, first + 10)}
            writer.append({**rows, **(registry_rows() if first == 0 else {})})
    return log
