"""Writing a sealed log: appends, batches, compaction, holds, and sealing a foreign log on its arrival."""
