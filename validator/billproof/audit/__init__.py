"""Evidence: attest, verify, pack."""
