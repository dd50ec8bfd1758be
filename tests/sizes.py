"""Whether this run is `make nightly`, which tests more of the same than there is time for at every commit."""

from hypothesis import settings

NIGHTLY = settings.get_current_profile_name() == "nightly"
