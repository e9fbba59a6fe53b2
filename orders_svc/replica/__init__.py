"""The orders service's own copy of the entitlements, and what keeps it up to date.

`apply` decides what each event of the feed means, `store` writes it, `follower` runs the stream,
`reader` answers from the copy, `process` is the follower as a process of its own.
"""
