"""What happens to a model besides predicting, written into a sealed log as it happens.

`records` has one function for each kind of row, `registration` that of a model version, which must say what an
investigator will ask for, and `runs` watches a training or an evaluation from its start to its end, failed or not.
"""
