"""How a report is written: terminal, Markdown, CSV, LaTeX, HTML, JSON, W&B."""
