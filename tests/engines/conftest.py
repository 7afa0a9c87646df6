"""The engines, each loaded once for the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from audit_lab.log.engines.choice import ENGINES, engine_named

if TYPE_CHECKING:
    from audit_lab.log.engines.choice import Engine


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param != "polars":
        pytest.importorskip("pyspark" if request.param == "spark" else request.param)
    return engine_named(request.param)


@pytest.fixture(scope="session", params=ENGINES[1:])
def other(request: pytest.FixtureRequest) -> str:
    """The name of an engine other than polars."""
    pytest.importorskip("pyspark" if request.param == "spark" else request.param)
    return str(request.param)
