"""The process: flags, wiring, lifetime. Imports every room and is imported by none."""
