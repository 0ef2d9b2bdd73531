"""What every room may use: error kinds, identifiers, the event bus, the task supervisor, failpoints.

Never knows a container, an API version or the operating system beyond the standard library.
"""
