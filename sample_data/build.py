"""Build the sample audit logs: ``sample_data/build.py --out DIR [--seed N] [--only flights|credit|foreign]``.

The same seed gives the same bytes, with the same library versions. The seed moves the planted faults of the flights
log to other dates, features, factors, writers and carriers; the other two folders do not depend on it.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from builder.credit import score_applicants
from builder.credit_explanations import explanation_truth
from builder.credit_log import write_credit
from builder.faults import plan_faults
from builder.flights_log import build_flights, write_flights
from builder.foreign import write_foreign
from builder.truth import truth, truth_json, truth_page

from audit_lab.log.files.durable import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_SEED = 35


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write into")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help=f"moves the planted faults ({DEFAULT_SEED})")
    parser.add_argument(
        "--only", choices=["flights", "credit", "foreign"], help="build one folder instead of all three"
    )
    asked = parser.parse_args()
    if asked.only in {None, "flights"}:
        _build_flights(asked.out, asked.seed)
    if asked.only in {None, "credit"}:
        credit = score_applicants()
        _replace(asked.out / "credit", lambda folder: write_credit(credit, folder))
    if asked.only in {None, "foreign"}:
        _replace(asked.out / "foreign_loans", write_foreign)


def _build_flights(out: Path, seed: int) -> None:
    plan = plan_faults(seed)
    log = build_flights(plan)
    _replace(out / "flights", lambda folder: write_flights(log, folder))
    facts = {**truth(log, plan), "credit": explanation_truth(score_applicants())}
    write_bytes(out / "TRUTH.json", truth_json(facts).encode())
    write_bytes(out / "TRUTH.md", truth_page(facts).encode())


def _replace(folder: Path, write: Callable[[Path], None]) -> None:
    """Write a folder aside and put it in the place of the one that was there."""
    aside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(aside, ignore_errors=True)
    write(aside)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    print(f"{folder}: {sum(file.stat().st_size for file in folder.rglob('*') if file.is_file()):,} bytes")


if __name__ == "__main__":
    main()
