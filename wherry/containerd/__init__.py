"""containerd behind one thin typed module per service; foreign errors become our kinds at this door.

Holds no policy: names, labels and leases are the callers' business.
"""
