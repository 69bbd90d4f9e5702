"""What a command says: whole lines for programs, broken between words for people."""

from __future__ import annotations


def say(text: str, *, error: bool = False, style: str = "") -> None:
    """Write a line to standard output or error, as it is: nothing in it is markup."""
    from rich.console import Console  # noqa: PLC0415  only where there is something to say

    console = Console(stderr=error)
    console.print(
        text,
        style=style,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=not console.file.isatty(),
    )
