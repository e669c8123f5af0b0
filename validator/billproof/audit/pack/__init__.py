"""`billproof pack`: the evidence of an upload in one folder."""
