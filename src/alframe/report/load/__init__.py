"""Finished trials, read from their files."""
