"""Draws the faces and rooms of the built-in worlds."""
