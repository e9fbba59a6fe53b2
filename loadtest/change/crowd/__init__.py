"""Customers who order all the time, in a process of their own, and what became of each order."""
