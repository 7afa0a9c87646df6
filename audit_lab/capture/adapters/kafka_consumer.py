"""One topic, read from places that the caller says: no group decides what is read, and no position is kept but his."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from audit_lab.errors import MisuseError, StorageError
from audit_lab.log.files.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["Message", "TopicConsumer"]

_PATIENCE_S = 20.0
_AT_ONCE = 2_000
#: Settings that would let the client skip, lose or commit on its own.
_OWN = (
    "group.instance.id",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "auto.offset.reset",
    "enable.partition.eof",
)


class Message(NamedTuple):
    """A message: where it stands, what it holds, and when it was written (milliseconds), where that is known."""

    partition: int
    offset: int
    value: bytes | None
    headers: list[tuple[str, bytes]]
    written_ms: int | None


class TopicConsumer:
    """Reads a topic through librdkafka.

    Parameters
    ----------
    servers
        ``host:port``, several separated by commas.
    topic
        Its name.
    group
        Under which what was taken over is committed, for those who watch the lag; it decides nothing here.
    more
        Further settings of librdkafka, such as those of TLS and SASL.

    Raises
    ------
    MisuseError
        The client is not installed, the topic is not there, or a setting is not the caller's to make.
    StorageError
        No broker answers.
    """

    def __init__(self, servers: str, topic: str, group: str, more: Mapping[str, str]) -> None:
        try:
            import confluent_kafka
        except ImportError as error:
            raise MisuseError(
                "what reads Kafka is not installed",
                "Install it with the extra `kafka`: pip install 'audit-lab[kafka]'.",
            ) from error
        own = sorted(name for name in more if name in _OWN)
        if own:
            raise MisuseError(f"the setting {own[0]} is not for a caller to make", "Leave it out.")
        _check_tokens(more)
        self._kafka, self._topic, self._servers = confluent_kafka, topic, servers
        said = {
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            **more,
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
        }
        try:
            self._consumer = confluent_kafka.Consumer(said, logger=_Silent())
        except (confluent_kafka.KafkaException, ValueError, TypeError) as error:
            raise MisuseError(f"the client's settings cannot be meant ({_said(error)})", "Correct them.") from error
        try:
            described = self._consumer.list_topics(topic, timeout=_PATIENCE_S)
        except confluent_kafka.KafkaException as error:
            self._consumer.close()
            raise self._fault(error) from error
        found = described.topics.get(topic)
        if found is None or found.error is not None or not found.partitions:
            self._consumer.close()
            raise MisuseError(f"there is no topic {printable(topic)} at {printable(servers)}", "Check its name.")
        #: What the cluster calls itself.
        self.cluster: str = described.cluster_id or servers
        self.partitions: list[int] = sorted(found.partitions)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection; nothing is committed by that."""
        self._consumer.close()

    def firsts(self) -> dict[int, int]:
        """Return the first offset that each partition still has."""
        try:
            return {
                each: self._consumer.get_watermark_offsets(self._place(each), timeout=_PATIENCE_S)[0]
                for each in self.partitions
            }
        except self._kafka.KafkaException as error:
            raise self._fault(error) from error

    def end_of(self, partition: int) -> int:
        """Return the offset behind a partition's last message, as the last answer that had messages of it said."""
        return int(self._consumer.get_watermark_offsets(self._place(partition), cached=True)[1])

    def begin(self, places: Mapping[int, int]) -> None:
        """Read on from an offset in each partition."""
        self._consumer.assign([self._place(partition, offset) for partition, offset in places.items()])

    def read(self, wait_s: float) -> tuple[list[Message], list[tuple[int, int]]]:
        """Return messages that came within some seconds, and the partitions whose end was met, each with its offset.

        Raises
        ------
        MisuseError
            A partition has no message at the offset from which it is read.
        StorageError
            The broker says that it cannot go on.
        """
        messages: list[Message] = []
        ends: list[tuple[int, int]] = []
        for each in self._consumer.consume(_AT_ONCE, wait_s):
            error = each.error()
            if error is None:
                kind, written = each.timestamp()
                at = written if kind != self._kafka.TIMESTAMP_NOT_AVAILABLE else None
                place = (int(each.partition() or 0), int(each.offset() or 0))
                given: Any = each.headers() or ()
                headers = [(str(name), text) for name, text in given if isinstance(text, bytes)]
                messages.append(Message(*place, each.value(), headers, at))
            elif error.code() == self._kafka.KafkaError._PARTITION_EOF:  # noqa: SLF001 (the library's public constant)
                ends.append((int(each.partition() or 0), int(each.offset() or 0)))
            elif error.code() == self._kafka.KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
                raise MisuseError(
                    f"the topic {printable(self._topic)} has no message where the log goes on in it: it was made "
                    "anew, or messages were removed meanwhile",
                    "If it is another topic of this name, take it over into another log; else call again.",
                )
            elif error.code() != self._kafka.KafkaError._ALL_BROKERS_DOWN and not error.retriable():  # noqa: SLF001
                raise self._fault(error)
        return messages, ends

    def commit(self, places: Mapping[int, int]) -> str | None:
        """Tell the broker up to where all is taken over; return why that failed, None where it did not."""
        try:
            self._consumer.commit(
                offsets=[self._place(partition, offset) for partition, offset in places.items()], asynchronous=False
            )
        except self._kafka.KafkaException as error:
            return _said(error)
        return None

    def _place(self, partition: int, offset: int | None = None) -> Any:
        if offset is None:
            return self._kafka.TopicPartition(self._topic, partition)
        return self._kafka.TopicPartition(self._topic, partition, offset)

    def _fault(self, error: Any) -> StorageError:
        return StorageError(
            f"the topic {printable(self._topic)} at {printable(self._servers)} cannot be read ({_said(error)})",
            "Check the brokers and the client's settings; what was taken over stays, and the same call goes on.",
            "other",
        )


def _check_tokens(more: Mapping[str, str]) -> None:
    """Refuse a client that would wait for tokens for ever: those that a caller's own function gives are not asked for.

    Raises
    ------
    MisuseError
        The settings are such.
    """
    mechanism = str(more.get("sasl.mechanism", more.get("sasl.mechanisms", "")))
    is_given = more.get("sasl.oauthbearer.method") == "oidc" or "enable.sasl.oauthbearer.unsecure.jwt" in more
    if mechanism.upper() == "OAUTHBEARER" and not is_given:
        raise MisuseError(
            "nobody here gives tokens for OAUTHBEARER",
            'Say sasl.oauthbearer.method = "oidc" and sasl.oauthbearer.token.endpoint.url, so that the client asks.',
        )


class _Silent:
    """Takes what the client would write to the standard error; what matters comes as an error."""

    def log(self, *_: Any, **__: Any) -> None:
        """Take a message."""


def _said(error: Any) -> str:
    inner = error.args[0] if isinstance(error, Exception) and error.args else error
    return printable(" ".join(str(inner.str() if hasattr(inner, "str") else inner).split()), 200)
