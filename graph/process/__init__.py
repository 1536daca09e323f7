"""What runs around the API: the process that listens, the work of the commands, what is said about it."""
