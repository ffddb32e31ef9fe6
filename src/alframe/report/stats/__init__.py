"""Statistics over trials."""
