"""Audit logs on disk: their schema, their manifest, their tables as LazyFrames, and questions asked of them.

Where to look: `store` is an opened log and `schema`, `manifest`, `folder` and `segments` are what it reads; `search`,
`index` and `letter` find rows, `engines` run what is asked of many. `writing` appends, compacts and seals, with
`tree` (entries, tiles, checkpoints), `commitment` (leaves of rows) and `keys` beneath it; `erasure` takes values away
and leaves proofs standing. `integrity` checks all of it, `time_anchors` holds it from outside, `proof` hands one row
to a stranger, and `journal` says who asked what. `foreign` reads what others wrote.
"""
