"""Appending to a sealed log, and what else is written into one.

A `writer` takes its `turn` under the log's lock; `batch` gathers rows before it, `canonical_rows` brings them into the
schema, `segment_file` makes the Parquet file with its leaves and index, and the `receipt` says what was recorded.
`arrival` seals the files of other systems, `compaction` merges small ones, `holds` forbid erasures, and `traces` finds
what an erasure left behind.
"""
