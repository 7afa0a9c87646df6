"""Audit logs on disk: their schema, their manifest, their tables as LazyFrames, and questions asked of them."""
