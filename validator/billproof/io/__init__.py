"""The world outside: durable files, locks, HTTP attempts, secrets."""
