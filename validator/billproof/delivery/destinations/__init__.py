"""Where uploads go: one module per kind. A destination replaces its month, or says that it did not."""
