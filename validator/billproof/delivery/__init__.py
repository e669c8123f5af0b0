"""What passed, sent once, with a receipt."""
