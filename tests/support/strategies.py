"""Numbers for property tests, which often include the exact ends and their neighbours."""

from hypothesis import strategies as st

ENDS = (0.0, 1.0, 0.5, 0.9, 1e-10, 1.0 - 1e-10, 5e-324, 1.0 - 2**-53)


def probabilities() -> st.SearchStrategy[float]:
    return st.sampled_from(ENDS) | st.floats(0.0, 1.0)


def guess_and_slip() -> st.SearchStrategy[tuple[float, float]]:
    """Pairs with g + s <= 1, often exactly 1."""

    def pair(g: float, share: float) -> tuple[float, float]:
        s = share * (1.0 - g)
        return (g, s) if g + s <= 1.0 else (g, 0.0)

    return st.builds(pair, probabilities(), probabilities())


def nearly_neutral() -> st.SearchStrategy[tuple[float, float]]:
    """Pairs whose g + s is 1 as floats, or less by a few roundings. Half of those at 1 really add up to more than 1."""

    def pair(exponent: float, roundings: int, swapped: bool) -> tuple[float, float]:
        g = 10.0**-exponent
        s = 1.0 - g - roundings * 2.0**-53
        return (s, g) if swapped else (g, s)

    return st.builds(pair, st.floats(0.3, 11.0), st.just(0) | st.integers(1, 20), st.booleans())


def tame_guess_and_slip() -> st.SearchStrategy[tuple[float, float]]:
    """Pairs of thousandths with g + s <= 1, including the ends.

    Beside an end, floats represent 1 - g only to a millionth of itself (1e-16 / 1e-10). With these pairs, both sides of
    a comparison are right to the last digits.
    """

    def pair(g: int, s: int) -> tuple[float, float]:
        return g / 1000, min(s, 1000 - g) / 1000

    thousandths = st.sampled_from([0, 1000, 500, 100, 150]) | st.integers(0, 1000)
    return st.builds(pair, thousandths, thousandths)
