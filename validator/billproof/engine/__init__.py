"""One pass over a file, outcomes, verdict. Knows no ledger, no network, no command line."""
