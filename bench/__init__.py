"""Engines compared on one machine in one interleaved run: `make bench`, docs/benchmarks.md."""
