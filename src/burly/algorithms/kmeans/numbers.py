"""The numbers of random draws: one for each round of each start."""


def draw_number(start: int, round_: int) -> int:
    """Return the number of a draw: no two rounds of any two starts share one."""
    return ((start << 20) + round_) & 0xFFFFFFFF
