"""wherry: a Docker Engine in Python on containerd and any OCI runtime."""
