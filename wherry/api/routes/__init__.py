"""Endpoint families, a file each, found by walking this folder."""
