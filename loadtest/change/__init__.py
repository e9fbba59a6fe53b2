"""Experiments that change something while orders flow: rights, services, versions, keys."""
