"""Output formats of a report: terminal, Markdown, CSV, LaTeX, HTML, JSON, W&B."""
