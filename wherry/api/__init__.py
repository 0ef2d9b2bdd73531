"""The HTTP edge: decode, call one verb, encode.

Takes no decision and keeps no state; old API shapes live in versions.py and nowhere else.
"""
