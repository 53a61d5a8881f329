"""The command line: words to calls, errors to sentences. Imports PyTorch only inside a command."""

from dcgan.cli import measures, models, pictures
from dcgan.cli.door import main

__all__ = ["main", "measures", "models", "pictures"]
