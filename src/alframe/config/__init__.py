"""From a command line to a checked config; imports no torch."""
