"""Read a Parquet folder that someone else wrote as if it were an audit log, through a mapping of its columns."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit_lab.errors import MisuseError
from audit_lab.log.foreign import scan_foreign
from audit_lab.log.foreign_values import TIME_UNITS, parse_time
from audit_lab.log.mapped import MappedSource
