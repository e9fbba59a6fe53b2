"""Handles that travel instead of state, which stays in a store (claim check, phantom token)."""
