"""Numbers and situations for property tests; the numbers often include the exact ends and their neighbours."""

from hypothesis import strategies as st

from tests.support.reference import Item, Situation, Tag

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


@st.composite
def situations(draw, *, min_items=0, parameters=guess_and_slip):
    kcs = draw(st.integers(0, 4))
    count = draw(st.integers(min_items, 6))
    tag = st.builds(lambda pair, t: Tag(*pair, t), parameters(), probabilities())
    tagged = st.dictionaries(st.sampled_from(range(kcs)), tag, max_size=3) if kcs else st.just({})
    items = [
        Item(
            tags=draw(tagged),
            difficulty=draw(probabilities()),
            include_adaptive=draw(st.sampled_from([True, True, True, False])),
            prerequisites=frozenset(draw(st.sets(st.sampled_from(range(number)), max_size=2)) if number else ()),
        )
        for number in range(count)
    ]
    pairs = [(dependent, prerequisite) for dependent in range(kcs) for prerequisite in range(dependent)]
    return Situation(
        items=items,
        mastery=[draw(probabilities()) for _ in range(kcs)],
        edges=draw(st.dictionaries(st.sampled_from(pairs), probabilities(), max_size=4)) if pairs else {},
        done=frozenset(draw(st.sets(st.sampled_from(range(count)))) if count else ()),
        last=draw(st.none() | st.builds(Item, tagged)),
        weights=draw(st.sampled_from([(2.0, 1.0, 0.5, 2.0), (1.0, 0.0, 3.0, 0.25)])),
        forgiveness=draw(st.sampled_from([0.0, 0.7])),
    )
