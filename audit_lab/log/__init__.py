"""Audit logs on disk: their schema, their manifest, their tables as LazyFrames, and questions asked of them.

Where to look: `store` is an opened log; `schema`, `manifest`, `folder`, `segments` and `unification` (columns that
differ between files) are what it reads, over `files`. `search`, `index` and `letter` find rows, `engines` run what is
asked of many. `writing` appends, compacts and seals, with `tree` (entries, tiles, checkpoints), `commitment` (leaves of
rows) and `keys` beneath it; `erasure` takes values away and leaves proofs standing. `integrity` checks all of it,
`seals` lists the moments as of which it can be opened, `time_anchors` holds it from outside, `prover` and `proof` hand
one row to a stranger, and `journal` says who asked what. `foreign` reads what others wrote.
"""
