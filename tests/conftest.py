"""Settings that every test shares."""

import hypothesis

# No deadline: a shared machine stops a process for longer than any useful one. print_blob: a failure says how to run it again.
hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("deep", hypothesis.settings.get_profile("default"), max_examples=10_000)
hypothesis.settings.load_profile("default")
