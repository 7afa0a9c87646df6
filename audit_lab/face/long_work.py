"""What takes long and asks no opened log: sealing and taking over, shown after a second as questions are."""

from __future__ import annotations

from audit_lab.capture.adapters.adaptation import adapt as adapt_files
from audit_lab.capture.adapters.kafka_topic import adapt_topic as adapt_messages
from audit_lab.capture.sealing import seal_foreign as seal_foreign_folder
from audit_lab.face.progress import shown
from audit_lab.log.writing.arrival import seal_log as seal_folder

__all__ = ["adapt", "adapt_topic", "seal_foreign", "seal_log"]

adapt = shown("adapt", adapt_files)
adapt_topic = shown("adapt", adapt_messages)
seal_foreign = shown("seal", seal_foreign_folder)
seal_log = shown("seal", seal_folder)
