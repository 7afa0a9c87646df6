"""Changes of the data that are known by name: another unit, swapped columns, a new default, a renamed category.

Only columns that moved are looked at. They are read once more, by day (:mod:`~audit_lab.monitor.recognised.steps`);
their days are compared with the days beside or with the reference
(:mod:`~audit_lab.monitor.recognised.samples`), so that a level that jumps
(:mod:`~audit_lab.monitor.recognised.jumps`) can be a known conversion
(:mod:`~audit_lab.monitor.recognised.converted`, of those in :mod:`~audit_lab.monitor.recognised.conversions`), and two
columns can have been swapped (:mod:`~audit_lab.monitor.recognised.swapped`). What fits none of the kinds of
:mod:`~audit_lab.monitor.recognised.change` stays drift that moved, without a name.
:func:`audit_lab.monitor.recognised.recognition.recognise` is the way in.
"""

from __future__ import annotations

from audit_lab.monitor.recognised.change import KINDS, DataChange

__all__ = ["KINDS", "DataChange"]
