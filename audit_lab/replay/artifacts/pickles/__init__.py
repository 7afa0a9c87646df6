"""Pickles, looked into without being loaded.

`stack` walks the instructions of a pickle (`pickletools.genops` reads them) on a stack of `stand_ins`: what would be
imported becomes a name, what would be called a record of the call. `compression` undoes what joblib may have put around
it. `contents` gathers what was found, in this pickle and in those within its byte strings, and orders it by danger.
"""
