"""One trial: from a config to objects, rounds and files."""
