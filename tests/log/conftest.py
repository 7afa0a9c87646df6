"""Fixtures of the log's tests: a time-stamping authority, and a small sealed log that a test may damage."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from audit_lab.log.integrity import examine_log
from audit_lab.log.timestamps import Authority, read_authority, timestamp_request
from audit_lab.log.vault import Vault
from audit_lab.log.writer import create_log, open_writer
from audit_lab.seal.keys import SigningKey
from audit_lab.seal.trust import Trust, TrustedKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from audit_lab.log.writer import LogWriter
    from audit_lab.seal.report import Verification

_CONFIGURATION = """
[req]
distinguished_name = name
prompt = no
[name]
CN = to be replaced
[root]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign,cRLSign
[stamper]
basicConstraints = CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[ts]
dir = .
serial = ./serial
crypto_device = builtin
signer_cert = ./stamper.pem
signer_key = ./stamper.key
default_policy = 1.2.3.4.1
digests = sha256, sha512
signer_digest = sha256
ess_cert_id_alg = sha256
"""


@dataclass(frozen=True)
class LocalAuthority:
    """A time-stamping authority of this test run, played by `openssl ts`."""

    folder: Path

    @property
    def authority(self) -> Authority:
        return read_authority(self.folder / f"{self.folder.name}.pem")

    def answer(self, request: bytes) -> bytes:
        (self.folder / "request.tsq").write_bytes(request)
        self.openssl(
            "ts", "-reply", "-queryfile", "request.tsq", "-out", "answer.tsr", "-config", "c.cnf", "-section", "ts"
        )
        return (self.folder / "answer.tsr").read_bytes()

    def stamp(self, content: bytes) -> bytes:
        return self.answer(timestamp_request(content))

    def openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="session")
def make_authority(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LocalAuthority]:
    """Return a function that sets up a time-stamping authority with a root of its own."""

    def make(name: str, accuracy: str = "") -> LocalAuthority:
        folder = tmp_path_factory.mktemp("authorities") / name
        folder.mkdir()
        (folder / "c.cnf").write_text(_CONFIGURATION + accuracy)
        (folder / "serial").write_text("01\n")
        made = LocalAuthority(folder)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "c.cnf")
        root, days = f"{name}.pem", ("-days", "3650")
        made.openssl(
            "req", "-x509", *key, "-keyout", "root.key", "-out", root, *days, "-extensions", "root", "-subj", "/CN=root"
        )
        made.openssl("req", *key, "-keyout", "stamper.key", "-out", "stamper.csr", "-subj", "/CN=stamper")
        signing = (
            "-CA",
            root,
            "-CAkey",
            "root.key",
            "-CAcreateserial",
            *days,
            "-extfile",
            "c.cnf",
            "-extensions",
            "stamper",
        )
        made.openssl("x509", "-req", "-in", "stamper.csr", *signing, "-out", "stamper.pem")
        return made

    return make


@pytest.fixture(scope="session")
def authority(make_authority: Callable[[str], LocalAuthority]) -> LocalAuthority:
    return make_authority("trusted-clock")


@pytest.fixture(scope="session")
def other_authority(make_authority: Callable[[str], LocalAuthority]) -> LocalAuthority:
    return make_authority("another-clock")


@pytest.fixture
def segmented_log(
    make_log: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Return a function that writes the small log as several segments, found by index although it is small.

    It takes tables, each with the frames of its segments, beside or instead of the predictions and inputs in segments
    of 15, 15 and 10 rows. With `indexes` each segment has its indexes in the log. The user's caches are in `tmp_path`.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr("audit_lab.log.shelf._MOST_ROWS", 0)

    def make(name: str = "log", *, indexes: bool = True, **tables: list[pl.DataFrame]) -> Path:
        folder = make_log(name)
        manifest = json.loads((folder / "manifest.json").read_text())
        whole = {table: pl.read_parquet(folder / table / "part-00000.parquet") for table in ("predictions", _INPUTS)}
        cut = {table: [frame[:15], frame[15:30], frame[30:]] for table, frame in whole.items()}
        for table, frames in (
            cut | {key.replace("inputs_", "inputs/"): given for key, given in tables.items()}
        ).items():
            entries = [_write_segment(folder, table, n, frame, indexes) for n, frame in enumerate(frames)]
            manifest["tables"][table] = {"segments": entries}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder

    return make


def _write_segment(folder: Path, table: str, number: int, frame: pl.DataFrame, indexes: bool) -> dict[str, object]:  # noqa: FBT001
    path = folder / table / f"part-{number:05d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    for column, content in index_files(table, frame, digest).items() if indexes else ():
        index = folder / index_path(table, path.stem, column)
        index.parent.mkdir(parents=True, exist_ok=True)
        index.write_bytes(content)
    return {
        "path": path.relative_to(folder).as_posix(),
        "rows": frame.height,
        "size_bytes": path.stat().st_size,
        "sha256": digest,
        "first_time": None,
        "last_time": None,
    }


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
        from audit_lab.log.state import LogState
        from audit_lab.log.storage import LocalStorage
        from audit_lab.log.tree_file import LogTree

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


@pytest.fixture(scope="session")
def sealed_once(tmp_path_factory: pytest.TempPathFactory) -> SealedLog:
    """A sealed log of three appends, made once; nobody changes it."""
    place = tmp_path_factory.mktemp("sealed")
    log = SealedLog(place / "log", place / "vault", place / "remembered")
    key = SigningKey.generate(SEALED_ORIGIN)
    with create_log(
        log.folder, SEALED_ORIGIN, vault=log.vault_folder, key=key, writer_id="writer-1", clock=log.clock
    ) as writer:
        for first in (0, 10, 20):
            log.clock.now += timedelta(minutes=10)
            rows = {"predictions": some_predictions(first, first + 10), "inputs/loans": some_inputs(first, first + 10)}
            writer.append({**rows, **(registry_rows() if first == 0 else {})})
    return log


@pytest.fixture
def sealed(sealed_once: SealedLog, tmp_path: Path) -> SealedLog:
    """A sealed log that the test may damage: ten predictions in each of three segments, and a registry."""
    return sealed_once.copy(tmp_path)


def _support(name: str) -> ModuleType:
    """Load a module that stands beside the tests: they are no package."""
    spec = importlib.util.spec_from_file_location(f"log_tests_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def simulated() -> ModuleType:
    """Return the module with the disk in memory."""
    return _support("simulated_disk")


@pytest.fixture(scope="session")
def sealed() -> ModuleType:
    """Return the module with the vault in memory and the check of a sealed log."""
    return _support("sealed_log")
