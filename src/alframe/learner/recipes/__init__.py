"""Recipes: what a fit is."""
