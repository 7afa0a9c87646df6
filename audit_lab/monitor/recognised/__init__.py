"""Changes of the data that are known by name: another unit, swapped columns, a new default, a renamed category.

Only columns that moved are looked at. They are read once more, by day (:mod:`~audit_lab.monitor.recognised.steps`);
their days are compared with the days beside or with the reference
(:mod:`~audit_lab.monitor.recognised.samples`), so that a level that jumps
(:mod:`~audit_lab.monitor.recognised.jumps`) can be a known conversion
(:mod:`~audit_lab.monitor.recognised.converted`, of those in :mod:`~audit_lab.monitor.recognised.conversions`), and two
columns can have been swapped (:mod:`~audit_lab.monitor.recognised.swapped`). A value, or missing ones, can take the
place of others from one day on (:mod:`~audit_lab.monitor.recognised.defaults`, by
:mod:`~audit_lab.monitor.recognised.intervals`), and categories begin, stop and are renamed
(:mod:`~audit_lab.monitor.recognised.categories`). What holds for one version, node or endpoint only is looked for in
columns that are still open (:mod:`~audit_lab.monitor.recognised.parts`). What fits none of the kinds of
:mod:`~audit_lab.monitor.recognised.change` stays drift that moved, without a name;
:mod:`~audit_lab.monitor.recognised.words` says the others.
:func:`audit_lab.monitor.recognised.recognition.recognise` is the way in.
"""

from __future__ import annotations

from audit_lab.monitor.recognised.change import KINDS, DataChange

__all__ = ["KINDS", "DataChange"]
