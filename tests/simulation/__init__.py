"""The feed on a virtual clock: the follower, store and reader as they are, everything else made up.

`world` plays one history from a seed, `history` is what is written down of it, `checker` says what
must hold of any history, `bugs` are the mistakes that the checker must find.
"""
