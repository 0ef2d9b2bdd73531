"""References, the image store on containerd, load, tag, remove, inspect and list.

Never knows a container; who uses an image is asked through a function handed in.
"""
