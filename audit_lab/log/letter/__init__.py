"""Search by what a letter says: a customer, a rough local time, an amount, a decision."""
