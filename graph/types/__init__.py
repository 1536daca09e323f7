"""What the API shows: object types over rows, inputs that decode, payloads that answer."""
