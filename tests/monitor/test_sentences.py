"""Facts as sentences."""

import pytest

from audit_lab.monitor.sentences import sentence


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("ids that stand twice: 1", "Ids that stand twice: 1."),
        ("distance_miles: values of another kind", "distance_miles: values of another kind."),
        ("score: values outside the range", "score: values outside the range."),
        ("carrier_delay is constant", "carrier_delay is constant."),
        ("2 windows are empty", "2 windows are empty."),
        ("empty", "Empty."),
    ],
)
def test_a_column_keeps_its_name_where_a_sentence_begins_with_it(fact: str, said: str) -> None:
    """An auditor looks the name up as it stands."""
    assert sentence(fact) == said
