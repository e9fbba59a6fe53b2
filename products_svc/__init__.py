"""The service that owns the catalogue and the entitlements, and issues state about them."""
