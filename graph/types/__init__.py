"""Object types, connections, scalars and the declarations of their fields."""
