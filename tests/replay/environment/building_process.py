"""Build an environment in the folder that is named first, and hang before it is compiled."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from audit_lab.replay.environment.construction import prepare_environment
from audit_lab.replay.environment.environment_cache import EnvironmentCache
from audit_lab.replay.environment.fingerprint import Fingerprint
from audit_lab.replay.environment.recorded import RecordedRuntime

COMPILING = 2


def hang(what: str, done: int, steps: int) -> None:
    if done == COMPILING:
        print("half built", flush=True)  # noqa: T201 - the test waits for it
        time.sleep(60)


packages = dict(each.split("==") for each in sys.argv[2:])
runtime = RecordedRuntime("model version", Fingerprint(python="3.11.4", packages=packages), (), "loans 1", None, None)
prepare_environment(runtime, cache=EnvironmentCache(Path(sys.argv[1])), progress=hang)
