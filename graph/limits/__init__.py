"""What one request may bring, and how much of the server one caller may have."""
