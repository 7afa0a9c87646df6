"""Take in logs that other systems wrote.

`audit_lab.capture.propose` looks at a foreign Parquet folder and proposes which column plays which role. The mapping
that it makes lets `audit_lab.log.store.open_store` read the folder in place; `audit_lab.capture.ingest` reports what
came through, and hands out the rows that did not.
"""
