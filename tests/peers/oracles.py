"""Ask Evidently and NannyML, in their own environment, about the three months; run by ``make peers-oracles``.

What they say is kept in ``oracles.json`` with their versions, the command and the digest of the rows. The tests of
every day hold our numbers against it; a soak test asks again.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from three_months import digest, sides

ROOT = Path(__file__).parents[2]
KEPT = Path(__file__).with_name("oracles.json")
INTERPRETER = Path("build/peers/bin/python")
COMMAND = f"{INTERPRETER} benchmarks/peers.py scores reference.parquet current.parquet out.json"


def fresh(folder: Path) -> dict[str, Any]:
    """Return what they say now, with what they were asked; `folder` takes the files in between."""
    both = sides()
    paths = [folder / name for name in COMMAND.split()[-3:]]
    for frame, path in zip(both, paths, strict=False):
        frame.write_parquet(path)
    words = [*COMMAND.split()[:-3], *map(str, paths)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True, timeout=900)
    told = json.loads(paths[-1].read_text("utf-8"))
    return {"command": COMMAND, "rows_sha256": digest(both), **told}


def main() -> None:
    """Ask, and keep the answer."""
    with tempfile.TemporaryDirectory() as folder:
        KEPT.write_text(json.dumps(fresh(Path(folder)), indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
