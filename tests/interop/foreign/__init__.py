"""The other programs of a pool: a small memberlist/Serf peer of our own in Python, and Debian's
`serf agent` as a process."""
