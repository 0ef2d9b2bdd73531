"""The steps of a start, a file each: acquire, and a release that works from the record alone."""
