"""The `alframe` command and its sweeps."""
