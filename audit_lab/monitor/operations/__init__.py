"""How a model's service ran: latency and errors by version or node and window of time, and what failed.

Intervals are exact (:mod:`~audit_lab.monitor.operations.exact`). What was counted and what stands out of it is
:mod:`~audit_lab.monitor.operations.measured`; failed predictions, failed jobs, and windows whose errors or latency
exceed the others' are findings (:mod:`~audit_lab.monitor.operations.findings`) with their evidence.
"""

from __future__ import annotations

from audit_lab.monitor.operations.findings import OperationsFinding
from audit_lab.monitor.operations.measured import Operations

__all__ = ["Operations", "OperationsFinding"]
