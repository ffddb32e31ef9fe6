"""The plug-ins that alframe adds to Hydra, which looks for plug-ins in the namespace `hydra_plugins`."""
