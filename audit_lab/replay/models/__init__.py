"""Models of each format, loaded and run on recorded inputs. Runs in the sandbox's child only.

One module for each library. Each offers a loader that takes a file or a folder whose digest was checked, and answers a
`Scorer`: a model that takes the recorded feature columns and gives scores, labels or probabilities as the library's own
ordinary call would have given them. What does not fit is a `ModelFault` with a stable code, never a guess.

Nothing here imports more of this package than the signature of a model, so that it also runs in the environment that a
model was made in.
"""
