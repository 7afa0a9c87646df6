"""Take a topic of Kafka over into a sealed log: what is in it the log's own ledger says, not what was committed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.capture.adapters.adaptation import adapted_folder, appending_to, writing
from audit_lab.capture.adapters.forms import form_named
from audit_lab.capture.adapters.kafka_consumer import TopicConsumer
from audit_lab.capture.adapters.kafka_report import TopicReport
from audit_lab.capture.adapters.kafka_taking import Taking
from audit_lab.capture.adapters.kafka_values import value_reader
from audit_lab.capture.adapters.settings import settings_of
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Mapping as Map
    from datetime import datetime

    from audit_lab.log.foreign.mapping import Mapping
    from audit_lab.log.keys.vault import Vault

__all__ = ["TopicReport", "adapt_topic"]


def adapt_topic(
    servers: str,
    topic: str,
    log: str | Path,
    *,
    form: str,
    follow_s: float = 0,
    pair_within_s: float = 60,
    avro_schema: str | Path | None = None,
    group: str = "audit-lab",
    client: Map[str, str] | None = None,
    model: str | None = None,
    version: str | Map[str, str] | None = None,
    features: Sequence[str] | Map[str, object] | None = None,
    outputs: Map[str, str] | None = None,
    environment: str | None = None,
    sampling_rate: float | None = None,
    mapping: Mapping | str | Path | None = None,
    quarantine: str | Path | None = None,
    largest_record_mb: float = 16,
    origin: str | None = None,
    actor: str | None = None,
    vault: Vault | Path | str | None = None,
    passphrase: bytes | str | None = None,
    clock: Callable[[], datetime] | None = None,
) -> TopicReport:
    """Take the messages of a Kafka topic over into a sealed log, from where the log has them, each once.

    Parameters
    ----------
    servers, topic, group, client
        As for `audit_lab.capture.adapters.kafka_consumer.TopicConsumer`; `client` are its further settings.
    log
        The log's folder. One that is not there is begun, with `origin` as its name.
    form
        ``json-lines`` or ``avro`` (with `mapping`), ``kserve``, ``seldon``, ``azureml`` or ``sagemaker``.
    follow_s
        How long to go on once what was there at the beginning is taken over, in seconds; ``float("inf")`` without end.
    pair_within_s
        How long a request waits for its response, by the times at which the messages were written, in seconds.
    avro_schema
        A file with the schema of Avro values that do not bring their own; a frame of Confluent's is taken off.
    model, version, features, outputs, environment, sampling_rate, mapping, quarantine, largest_record_mb, origin, actor
        As for `audit_lab.adapt`.
    vault, passphrase, clock
        As for `audit_lab.open_writer`.

    Raises
    ------
    MisuseError
        The topic is not there, its offsets are not those that the log knows, or a setting cannot be meant.
    StorageError
        The brokers do not answer, the disk refused, or another process takes something over into the same log.
    """
    settings = settings_of(
        model=model,
        version=version,
        features=features,
        outputs=outputs,
        environment=environment,
        sampling_rate=sampling_rate,
        mapping=mapping,
        largest_record_mb=largest_record_mb,
    )
    chosen = form_named(form, has_mapping=settings.mapping is not None)
    reader = value_reader(chosen, settings, None if avro_schema is None else _schema(Path(avro_schema)))
    place = Path(log)
    kept = adapted_folder(place) / "quarantine" if quarantine is None else Path(quarantine)
    with (
        TopicConsumer(servers, topic, group, client or {}) as consumer,
        writing(place, origin, vault=vault, passphrase=passphrase, clock=clock) as writer,
    ):
        taking = Taking(
            consumer,
            topic,
            form=chosen,
            reader=reader,
            appending=appending_to(
                writer, place, kept, settings, source=f"kafka topic {topic}", actor=actor, clock=clock
            ),
            settings=settings,
            pair_within_s=pair_within_s,
        )
        taking.run(follow_s)
    return taking.report(str(log))


def _schema(path: Path) -> dict[str, Any]:
    try:
        schema = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise MisuseError(f"there is no readable Avro schema {path}", "Name a file .avsc.") from error
    if not isinstance(schema, dict):
        raise MisuseError(f"{path} is no schema of an Avro record", "Name a file .avsc.")
    return schema
