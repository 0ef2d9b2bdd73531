"""What a container mounts: Binds, Mounts, Tmpfs and Volumes into one list, and the drivers of named volumes.

Never mounts into a running container and never touches the root filesystem snapshot.
"""
