"""How wrong the labels are: counted if the truth is known, bounded by an audit if it is not."""
