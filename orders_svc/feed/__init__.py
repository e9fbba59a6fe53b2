"""Following the products service's stream of changes, for whatever is kept by it.

`steps` decides what each event means, `follower` runs the streams, and a sink keeps what it wants:
`orders_svc.replica.sink` a whole copy, `orders_svc.revocations` who lost something.
"""
