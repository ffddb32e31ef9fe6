"""The loop and its records; it imports no other package of alframe."""
