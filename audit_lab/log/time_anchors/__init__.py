"""What holds a log in time from outside: remembered checkpoints, witnesses, time-stamp tokens."""
