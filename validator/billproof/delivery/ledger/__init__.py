"""The append-only folder of receipts."""
