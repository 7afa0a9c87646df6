"""The rows of the log that a case rests on, in its bundle: which they are (`named`), and their proofs (`proven`)."""
