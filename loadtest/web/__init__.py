"""`make locust`: the users in Locust's own web page.

The locustfile has a folder to itself since Locust puts that folder first in the search path, where
other modules of the lab would hide packages of the same name.
"""
