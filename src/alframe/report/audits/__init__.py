"""The report on audits of given labels."""
