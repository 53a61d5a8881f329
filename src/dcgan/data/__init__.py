"""Pictures on their way in: sources, the pack, the batches, and the drawn worlds."""
