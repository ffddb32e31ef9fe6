"""The loop and its vocabulary; imports nothing else of alframe."""
