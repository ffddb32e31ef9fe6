"""Audits of labels that somebody already has: from a config to the files of an audit."""
