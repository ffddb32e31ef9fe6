"""Names for groups of trials."""
