"""Log drivers, one file each: options in Docker's words, and the sink that a keeper writes to.

A file offers DRIVER; wherry.streams.drivers finds it by walking this folder.
"""
