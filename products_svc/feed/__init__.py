"""The stream of entitlements: a snapshot, then every change, then heartbeats while it is quiet."""
