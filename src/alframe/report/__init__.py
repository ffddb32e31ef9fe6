"""Reports on finished trials: tables, pictures and files."""
