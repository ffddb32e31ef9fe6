"""How wrong the labels are: counted where the truth is known, bounded where it is not."""
