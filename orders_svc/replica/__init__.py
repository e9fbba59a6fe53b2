"""The orders service's own copy of the entitlements, and what keeps it up to date.

`orders_svc.feed` runs the stream and decides what each event means, `sink` does it, `store` writes
it, `reader` answers from the copy, `process` is the follower as a process of its own.
"""
