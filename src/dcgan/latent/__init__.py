"""The space of latents: walks, vector arithmetic, directions, and the latents of given pictures."""
