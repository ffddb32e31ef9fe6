"""Engines: what runs a fit and a network."""
