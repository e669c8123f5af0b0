"""Where uploads go: one module a kind. A destination replaces the month that it holds, or says that it did not."""
