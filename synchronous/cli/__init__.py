"""The command line for many files: streams of paths, batches, answers as they arrive, exit codes, a progress bar.

Protects from: a script that holds every image in memory, stops at the first unreadable file, or hides a failure.
Costs: two modules; rich, imported only for a progress bar.
Instead: `python -m synchronous.client FILE...` without this folder, or a loop of your own around `Client.predict`.
Remove: delete this folder and the lines that end with "# optional: cli"
"""


def command_line() -> None:
    """Run the command line."""
    from .command import main  # not at the top: Python code that uses the client does not need it

    main()
