"""The command line: words to calls, errors to sentences. Imports PyTorch only inside a command."""

from dcgan.cli import inside, latent, measures, models, pictures
from dcgan.cli.door import main

__all__ = ["inside", "latent", "main", "measures", "models", "pictures"]
