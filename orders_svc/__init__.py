"""The service that takes orders, and checks entitlements in one of several ways."""
