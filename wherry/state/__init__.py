"""The one enum of phases, the tables of moves, and the store that writes them, one transaction per move.

Performs no effect on the system; the only room that opens the database.
"""
