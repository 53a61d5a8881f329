"""A look inside: what the maps of D answer to, and what those of G draw."""
