"""The command line: the one place that knows every part. A module a panel of `archsim --help`."""

from dse.threads import one_thread_each


def main() -> None:
    """Entry point. What it runs is imported here, once the number of threads is set: numpy reads it when it loads."""
    one_thread_each()
    from dse.cli.app import answer

    answer()
