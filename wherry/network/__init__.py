"""Networks, address pools, plans and their application; the files that name the network in a container.

Drivers plan and never touch the kernel; apply.py does and undoes.
"""
