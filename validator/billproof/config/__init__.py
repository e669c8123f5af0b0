"""`billproof.yaml`, and the settings of a run."""
