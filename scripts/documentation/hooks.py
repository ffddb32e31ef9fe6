"""Hooks of the documentation site (mkdocs.yml): pages that are generated when it is built."""
