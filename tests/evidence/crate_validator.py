"""Validate the RO-Crate in a folder with roc-validator, offline: its context comes from the package rocrate.

A program, so that it can run under an interpreter that has those packages: ``python crate_validator.py FOLDER CACHE``.
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


def main(folder: str, cache: str) -> None:
    """Print which requirements the crate fails, as JSON."""
    from rocrate_validator import services
    from rocrate_validator.models import Severity, ValidationSettings

    warm(cache)
    settings = ValidationSettings(
        rocrate_uri=Path(folder),
        profile_identifier="process-run-crate",
        requirement_severity=Severity.RECOMMENDED,
        offline=True,
        cache_path=cache,
    )
    result = services.validate(settings)
    issues = [(each.severity.name, each.check.identifier, each.message) for each in result.get_issues()]
    print(json.dumps(issues))  # noqa: T201 - what the test reads


if __name__ == "__main__":
    main(*sys.argv[1:])
