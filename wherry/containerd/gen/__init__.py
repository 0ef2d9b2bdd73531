"""The messages of containerd's gRPC API, made at import from field lists of our own; nothing here leaves the room."""
