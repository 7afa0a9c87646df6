"""Seals: the pure parts of integrity, with no Parquet and no Jupyter in them.

Of a bundle: files are digested (`digests`), their digests are listed in an attestation (`statement`, in-toto Statement
v1), the attestation is put in an envelope (`envelope`, DSSE) and signed with a named Ed25519 key (`keys`, `key_file`).

Of a log: what it says of itself is a row of entries (`entry`, `entry_kinds`), each a leaf of one Merkle tree (`merkle`,
RFC 6962), which stands as files (`tiles`, C2SP tlog-tiles). The log signs the tree's size and root (`note`,
`checkpoint`), and a witness who has seen it grow cosigns them (`cosignature`, `witness`). The log's key is replaced as
it ages, each by the one before (`key_chain`). What is shown of a log is proven in one document (`proof_document`).

Whoever receives either pins the keys that he accepts (`trust`) and gets one kind of answer (`report`). All parsers are
strict: what would not print back identically is refused with `MalformedError`.
"""
