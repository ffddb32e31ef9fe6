"""alframe: label a data set with active learning."""

__version__ = "0.1.0"
