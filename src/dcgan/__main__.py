"""`python -m dcgan` is `dcgan`."""

from dcgan.cli import main

main(prog_name="dcgan")
