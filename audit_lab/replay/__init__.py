"""Reconstruct a decision, find the version in force, run its artifact again in the sandbox, and give a verdict."""
