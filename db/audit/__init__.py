"""The audit log of changes to customers and orders, and erasure of personal data."""
