"""Random numbers that depend on the seed and the customer, never on how the work is cut.

Customers are generated in blocks of ``BLOCK``. Each block and each purpose has its own Philox counter, so a larger
chunk or one purpose drawing more numbers changes nothing elsewhere, and the first 20,000 customers of a bank of
1,000,000 are those of a bank of 20,000. Every array of a block has shape ``(BLOCK,)`` until the bank is written.
"""

import hashlib
from enum import IntEnum
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

BLOCK = 1000
FIRST_CUSTOMER = 6_010_000_000

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Stream(IntEnum):
    """What a sequence of random numbers is for; new purposes go to the end, so that old ones keep their numbers."""

    PEOPLE = 1
    FACTS = 2
    OPENINGS = 3
    ACTIVITY = 4
    CONSENTS = 5
    DEFECTS = 6
    RESPONSE = 7
    STAFF = 8


def generator(seed: int, stream: Stream, block: int) -> np.random.Generator:
    """Return the generator of one block for one purpose."""
    key = np.array([seed, stream], dtype=np.uint64)
    counter = np.array([0, 0, 0, block], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def choose(rng: np.random.Generator, weights: Floats | list[float], size: int = BLOCK) -> Ints:
    """Return ``size`` positions drawn in proportion to ``weights``."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.searchsorted(edges / edges[-1], rng.random(size), side="right").clip(0, len(edges) - 1)


def choose_by_row(rng: np.random.Generator, weights: Floats) -> Ints:
    """Return one position per row of ``weights`` (shape rows × choices; a row need not add up to one)."""
    edges = np.cumsum(weights, axis=1)
    return (rng.random(len(weights))[:, None] * edges[:, -1:] >= edges).sum(axis=1).clip(0, weights.shape[1] - 1)


def hashed(seed: int, salt: str, customers: Ints, draw: int) -> Floats:
    """Return one uniform number in [0, 1) per customer, whatever the order or company they are asked for in.

    ``salt`` names the occasion and ``draw`` numbers the question on that occasion. The mixing is splitmix64's.
    """
    start = hashlib.sha256(f"{seed} {salt} {draw}".encode()).digest()[:8]
    z = customers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.frombuffer(start, dtype="<u8")
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) / 2**53


def customer_numbers(sequence: Ints) -> pa.Array:
    """Return customer numbers (10 digits, text) of customers counted from zero."""
    return pc.cast(pa.array(sequence + FIRST_CUSTOMER), pa.string())


def labels(words: list[str] | tuple[str, ...], positions: Ints, missing: Bools | None = None) -> pa.Array:
    """Return the word at each position as text, null where ``missing``."""
    return _words(tuple(words)).take(pa.array(positions, mask=missing))


@lru_cache(maxsize=64)
def _words(words: tuple[str, ...]) -> pa.Array:
    return pa.array(words, pa.string())


def yes_no(flags: Bools) -> pa.Array:
    """Return ``yes`` or ``no``, as the bank's files write a flag."""
    return labels(("no", "yes"), flags.astype(np.int64))
