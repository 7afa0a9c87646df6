"""Validate the RO-Crates in folders with roc-validator, offline: their context comes from the package rocrate.

A program, so that it can run under an interpreter that has those packages: ``crate_validator.py CACHE FOLDER ...``.
"""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from io import BytesIO
from pathlib import Path

CONTEXT = "https://w3id.org/ro/crate/1.1/context"


def warm(cache: str) -> None:
    """Put the context into the validator's cache, as if it had been fetched."""
    from requests.adapters import HTTPAdapter
    from requests_cache import CachedSession
    from urllib3 import HTTPResponse

    class FromThePackage(HTTPAdapter):
        def send(self, request, **_):
            content = files("rocrate").joinpath("data", "ro-crate.jsonld").read_bytes()
            headers = {"Content-Type": "application/ld+json"}
            raw = HTTPResponse(BytesIO(content), headers, 200, preload_content=False, request_url=request.url)
            return self.build_response(request, raw)

    session = CachedSession(cache_name=cache, backend="sqlite", expire_after=-1)
    session.mount(CONTEXT, FromThePackage())
    session.get(CONTEXT)
    session.close()


def main(cache: str, *folders: str) -> None:
    """Print which requirements each crate fails, as JSON."""
    from rocrate_validator import services
    from rocrate_validator.models import Severity, ValidationSettings

    warm(cache)
    failed = []
    for folder in folders:
        settings = ValidationSettings(
            rocrate_uri=Path(folder),
            profile_identifier="process-run-crate",
            requirement_severity=Severity.REQUIRED,
            offline=True,
            cache_path=cache,
        )
        failed.append([each.message for each in services.validate(settings).get_issues()])
    print(json.dumps(failed))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main(*sys.argv[1:])
