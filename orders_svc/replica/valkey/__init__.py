"""The copy in Valkey: one server for many instances of orders, one writer at a time.

`keys` says what is where, `server` asks, `writer` and `reader` are the copy's two sides.
"""
