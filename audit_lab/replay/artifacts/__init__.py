"""Artifacts of model versions: read and compared with their digest, looked into without running anything of them."""
