"""Erasure: personal values go, what is left of their rows stays provable, and readers are told."""
