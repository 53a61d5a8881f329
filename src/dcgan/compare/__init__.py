"""Features against every baseline: the paper's tables, and the same on anybody's pictures."""
