"""A whole rule file, as an example: every kind of rule, and everybody who can be told."""

from __future__ import annotations

__all__ = ["EXAMPLE"]

#: A whole rule file, with every kind of rule; `audit-lab watch --rules-example` prints it.
EXAMPLE = """\
# Rules of `audit-lab watch`. Nothing here is evaluated; unknown keys are refused.
format = 1

[[rule]]
name = "inputs moved"
kind = "drift"                  # each column in each whole window against the reference
every = "1w"
reference = ["2015-01-05", "2015-03-02"]
at_least = "moderate"
notify = ["on call"]

[[rule]]
name = "inputs moved together"
kind = "drift together"
columns = ["carrier", "distance_miles", "departure_hour"]
reference = ["2015-01-05", "2015-03-02"]

[[rule]]
name = "volume"
kind = "volume"
every = "1w"
below = 0.5                     # of the rows that are usual in the reference
above = 2.0

[[rule]]
name = "nothing arrives"
kind = "silence"
longer_than = "2h"              # since the newest prediction
severity = "high"

[[rule]]
name = "the service"
kind = "operations"
findings = ["failed-predictions", "failed-job", "error-rate", "latency"]
by = "version"
severity = "high"
notify = ["on call", "by mail"]

[[rule]]
name = "since when"
kind = "onset"
columns = ["carrier", "score"]

[[rule]]
name = "ranking"
kind = "performance"
of = "score"
measure = "auc"
below = 0.55                    # fires where the whole 95 % interval lies below
every = "1mo"

[[rule]]
name = "four fifths"
kind = "fairness"
groups = ["carrier"]
favourable = "on time"
below = 0.8                     # of demographic_parity_ratio
severity = "low"

[[rule]]
name = "can be replayed"
kind = "coverage"
below = 0.95

[[rule]]
name = "unchanged"
kind = "integrity"
severity = "high"

[[notify]]
name = "on call"
kind = "webhook"
url = "https://alerts.example.org/audit"
headers = { Authorization = "env:ALERTS_TOKEN" }
timeout_s = 10
attempts = 3

[[notify]]
name = "by mail"
kind = "mail"
command = ["/usr/sbin/sendmail", "-t", "-i"]
to = ["model-risk@example.org"]
"""
