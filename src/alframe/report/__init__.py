"""What finished trials come to, taken together."""
