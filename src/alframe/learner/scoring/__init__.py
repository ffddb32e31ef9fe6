"""What networks say about images."""
