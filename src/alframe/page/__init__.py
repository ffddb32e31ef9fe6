"""The labelling page: people answer a trial in a browser."""
