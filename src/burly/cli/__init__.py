"""The command line: thin, and importing only what a command needs."""


def main() -> None:
    """Run the command line of ``sys.argv``."""
    from burly.cli.app import app  # noqa: PLC0415  who only imports the package needs no typer

    app()


__all__ = ["main"]
