"""Logs that somebody else wrote: Parquet folders and Delta tables, read in place through a mapping."""
