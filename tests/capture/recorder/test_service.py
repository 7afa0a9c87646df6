"""A service that records is killed and started again: whatever it answered is in the log, reconstructs, and replays."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import httpx

import audit_lab as al

SERVICE = Path(__file__).with_name("service.py")
CITIES = ("Bern", "Oslo", "Rome")
AT_ONCE = 16


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Service:
    """The service's process."""

    def __init__(self, recorded, model: Path) -> None:
        self.port = free_port()
        about = {"MODEL": model, "LOG": recorded.folder, "VAULT": recorded.vault, "PORT": self.port}
        about |= {"CITIES": ",".join(CITIES), "THRESHOLD": 0.5}
        environment = {**os.environ, **{f"SERVICE_{name}": str(value) for name, value in about.items()}}
        self.process = subprocess.Popen([sys.executable, str(SERVICE)], env=environment)
        deadline = time.monotonic() + 120
        while True:
            try:
                urlopen(f"http://127.0.0.1:{self.port}/openapi.json", timeout=5).close()
                break
            except (URLError, OSError):
                assert self.process.poll() is None, "the service ended"
                assert time.monotonic() < deadline, "the service does not start"
                time.sleep(0.05)

    async def asked(self, loans: list[dict], answered: list[dict], *, killed_after: int | None) -> None:
        """Ask for scores, some at once; kill the process after so many answers."""
        waiting = iter(loans)

        async def ask(client: httpx.AsyncClient) -> None:
            for loan in waiting:
                try:
                    told = await client.post(f"http://127.0.0.1:{self.port}/score", json=loan)
                except httpx.HTTPError:
                    assert killed_after is not None
                    return
                answered.append({**loan, **told.raise_for_status().json()})
                if len(answered) == killed_after:
                    self.process.kill()

        async with httpx.AsyncClient(timeout=60) as client:
            await asyncio.gather(*[ask(client) for _ in range(AT_ONCE)])

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def loans(seed: int, count: int) -> list[dict]:
    drawn = random.Random(seed)
    return [
        {
            "income": round(drawn.uniform(1_000, 9_000), 2),
            "city": drawn.choice(CITIES),
            "years": drawn.randrange(20),
        }
        for _ in range(count)
    ]


def test_every_acknowledged_answer_is_in_the_log_reconstructs_and_replays_exactly(served):
    recorded, model = served
    answered: list[dict] = []
    for number, killed_after in enumerate((60, 140, None)):
        service = Service(recorded, model)
        asyncio.run(service.asked(loans(number, 120), answered, killed_after=killed_after))
        service.end()
    assert len(answered) >= 140 + 120
    deadline = time.monotonic() + 60
    while recorded.seal() is None:
        assert time.monotonic() < deadline, "a process seals on after its service was killed"
        time.sleep(0.1)
    log = al.open(recorded.folder)
    stored = log.predictions.collect()
    assert stored["prediction_id"].n_unique() == stored.height
    by_id = {row["prediction_id"]: row for row in stored.to_dicts()}
    for one in answered:
        row = by_id[one["prediction_id"]]
        assert (row["outputs"]["score"], row["decision"]) == (one["score"], one["decision"])
    inputs = {row["prediction_id"]: row for row in log.inputs("loans").collect().to_dicts()}
    assert all(inputs[one["prediction_id"]]["income"] == one["income"] for one in answered)
    again = log.decisions([one["prediction_id"] for one in answered]).frame
    assert again["found"].all()
    assert again["has_inputs"].all()
    assert again["score"].to_list() == [one["score"] for one in answered]
    assert again["decision"].to_list() == [one["decision"] for one in answered]
    assert again["in_force"].to_list() == [["1"]] * len(answered)
    verdicts = log.replay().groups.select("verdict", "predictions")
    assert verdicts.rows() == [("EXACT", stored.height)]
    one = log.decision(answered[0]["prediction_id"])
    assert one.replay().verdict == "EXACT"
    assert one.model_version["model_version"] == one.in_force.version == "1"
    assert not log.verify(vault=recorded.vault).findings
    assert len({each["prediction_id"] for each in answered}) == len(answered)
