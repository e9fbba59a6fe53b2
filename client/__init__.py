"""The shop's client: carries state between the services, and is the development login."""
