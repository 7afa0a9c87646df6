"""Why a replay came out otherwise: changes that are known to happen are tried one by one, each by the real model.

`candidates` lists what is tried for a version and some rows: another registered version, precision, missing values,
units of a feature, codings of its categories. `trial` runs all of them at once in the warm child. `steps` tries what
comes after the score: another threshold, other rules. `search` weighs what reproduced the record, with `chance`: a
cause must reproduce the diverged decisions examined, and more of them than chance would; else the divergence is not
explained, and says so. `inquiry` gathers the decisions around the one in question.
"""
