"""Looks through a source: what is in there, and what to mend before training."""
