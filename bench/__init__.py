"""What `make bench` runs: the same queries and mutations on servers side by side."""
