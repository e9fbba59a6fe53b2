"""What all tests share."""

from hypothesis import settings

# A busy machine must not fail a property: speed is measured by `make bench`, never in tests.
settings.register_profile("waybill", deadline=None)
settings.load_profile("waybill")
