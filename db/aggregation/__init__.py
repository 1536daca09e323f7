"""Counts and exact sums of orders, by status, customer, currency and time bucket."""
