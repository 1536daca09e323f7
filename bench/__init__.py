"""What `make bench` runs: the same three queries on three servers, side by side."""
