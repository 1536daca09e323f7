"""Connections and transactions: URLs, drivers, pools, deadlines, retries, query cancellation."""
