"""Names for containers that were given none (api-containers.md 3.2)."""

import random
from collections.abc import Iterator

TRIES = 6

_ADJECTIVES = (
    "able amber ample brave breezy bright brisk buoyant calm candid careful cheerful clear clever crisp curious "
    "daring deft eager earnest easy fair faithful fleet fond frank fresh friendly gallant gentle gifted glad golden "
    "graceful hardy hearty honest hopeful humble jolly keen kind lively loyal lucky mellow merry mild modest nimble "
    "noble patient placid plucky polite proud quick quiet ready robust rosy serene sharp silver sincere smart spry "
    "stable steady sturdy sunny swift tidy tranquil trusty upbeat valiant vivid warm watchful willing witty zesty"
)
ADJECTIVES = tuple(_ADJECTIVES.split())
"""What the first half of a name is drawn from. Not `boring`: Docker promises that Steve Wozniak is not."""

_SURNAMES = (
    "abel ada ampere archimedes babbage bardeen bell bernoulli bohr boole brahe cantor cauchy celsius curie darwin "
    "dijkstra dirac edison einstein erdos euclid euler faraday fermat fermi feynman fourier franklin galileo galois "
    "gauss germain goodall hamilton heisenberg herschel hertz hilbert hopper hubble huygens hypatia jemison kepler "
    "kovalevskaya lagrange lamarr laplace leibniz lovelace maxwell meitner mendel mendeleev minkowski morse napier "
    "nash newton nightingale noether ohm pascal pasteur planck poincare ptolemy ramanujan riemann ritchie shannon "
    "thompson torvalds turing volta watt wiles wozniak"
)
SURNAMES = tuple(_SURNAMES.split())
"""What the second half is drawn from: people of science and engineering."""


def random_name(attempt: int, chance: random.Random) -> str:
    """Return `<adjective>_<surname>`, from the second attempt on with a digit behind."""
    name = f"{chance.choice(ADJECTIVES)}_{chance.choice(SURNAMES)}"
    return f"{name}{chance.randrange(10)}" if attempt else name


def random_names(chance: random.Random) -> Iterator[str]:
    """Yield TRIES names to try in order."""
    for attempt in range(TRIES):
        yield random_name(attempt, chance)
