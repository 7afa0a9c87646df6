"""The log's tree as files, the state that its entries amount to, and the snapshots that it can be opened as."""
