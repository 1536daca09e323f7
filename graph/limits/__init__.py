"""Limits of one request, of one caller and of one client's connection."""
