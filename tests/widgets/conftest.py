"""What the tests of several views need besides the logs."""

from __future__ import annotations

import sys
from pathlib import Path

# Modules beside the tests are imported by name, which pytest's import mode does not provide for.
sys.path.insert(0, str(Path(__file__).parent))
