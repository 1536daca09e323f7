"""What operators run: migrations, data checks, privilege checks, sample data."""
