from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    """Return the clean bundle, exported once for all attacks."""
    from attack_scene import export_clean

    return export_clean(tmp_path_factory.mktemp("clean"))
