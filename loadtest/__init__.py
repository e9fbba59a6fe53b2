"""The lab: Locust compares the strategies under load."""
