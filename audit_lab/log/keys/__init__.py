"""Secrets of a log, kept outside it: signing keys by epoch, the keys of its rows, pseudonym keys."""
