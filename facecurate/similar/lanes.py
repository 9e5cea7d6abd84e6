"""One comparison of several hashes at once, as vector code; importing this module imports numba.

Whether a compiler turns a loop over a dozen hashes into vector code depends on its guesses about
the loop's length, and it guesses wrong for short runs (7 times slower, measured). So the vector
operations are written down: LLVM makes of them what the processor has.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

TILE = 16
"""Hashes compared at once: two of the widest registers of 64-bit words."""

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Machine code, kept on disk, that lets other threads run beside it."""
    return cast(F, numba.njit(nogil=True, cache=True)(function))


@compiled
def bits(word: np.uint64) -> np.uint64:
    """How many bits of the word are set."""
    # Sideways addition, in the form that LLVM recognises as a population count.
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


def _typed(context: Any, word: Any, row: Any, start: Any, limit: Any) -> Any:
    signature = types.boolean(types.uint64, row, types.uint64, types.uint64)
    return signature, _near


def _near(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    word, row, start, limit = arguments
    vector = ir.VectorType(ir.IntType(64), TILE)
    data = context.make_array(signature.args[1])(context, builder, row).data
    place = builder.bitcast(builder.gep(data, [start]), vector.as_pointer())
    differ = builder.xor(builder.load(place, align=8), _splat(builder, word, vector))
    kind = ir.FunctionType(vector, [vector])
    insert: Any = cgutils.get_or_insert_function
    count = insert(builder.module, kind, f"llvm.ctpop.v{TILE}i64")
    close = builder.icmp_unsigned(
        "<=", builder.call(count, [differ]), _splat(builder, limit, vector)
    )
    mask = builder.bitcast(close, ir.IntType(TILE))
    return builder.icmp_unsigned("!=", mask, ir.IntType(TILE)(0))


def _splat(builder: Any, value: Any, vector: Any) -> Any:
    empty = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(empty, value, ir.IntType(32)(0))
    return builder.shuffle_vector(
        one, empty, ir.Constant(ir.VectorType(ir.IntType(32), TILE), None)
    )


near: Any = intrinsic(_typed)
"""``near(word, row, start, limit)``: uint64, (N,) uint64, uint64, uint64.

Whether one of ``row[start : start + TILE]`` differs from ``word`` in at most ``limit`` bits.
"""
