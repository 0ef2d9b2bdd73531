"""Pure: a record and the facts of its start become an OCI runtime spec.

Opens no file, reads no clock, touches no kernel.
"""
