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
    return types.boolean(types.uint64, row, types.uint64, types.uint64), _near


def _near(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    word, row, start, limit = arguments
    data = context.make_array(signature.args[1])(context, builder, row).data
    return _any_within(builder, _counted(builder, word, data, start), limit)


def _typed_four(
    context: Any, x: Any, row: Any, x_step: Any, y: Any, start: Any, y_step: Any, limit: Any
) -> Any:
    place = types.uint64
    return types.boolean(x, place, place, y, place, place, types.uint64), _near_four


def _near_four(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    x, row, x_step, y, start, y_step, limit = arguments
    ours = context.make_array(signature.args[0])(context, builder, x).data
    theirs = context.make_array(signature.args[3])(context, builder, y).data
    counts = None
    for _ in range(4):
        word = builder.load(builder.gep(ours, [row]))
        count = _counted(builder, word, theirs, start)
        counts = count if counts is None else builder.add(counts, count)
        row, start = builder.add(row, x_step), builder.add(start, y_step)
    return _any_within(builder, counts, limit)


def _counted(builder: Any, word: Any, data: Any, start: Any) -> Any:
    """In how many bits each of TILE words from ``start`` on differs from ``word``."""
    place = builder.bitcast(builder.gep(data, [start]), _VECTOR.as_pointer())
    differ = builder.xor(builder.load(place, align=8), _splat(builder, word))
    kind, insert = ir.FunctionType(_VECTOR, [_VECTOR]), cgutils.get_or_insert_function
    count = insert(builder.module, kind, f"llvm.ctpop.v{TILE}i64")  # type: ignore[no-untyped-call]
    return builder.call(count, [differ])


def _any_within(builder: Any, counts: Any, limit: Any) -> Any:
    close = builder.icmp_unsigned("<=", counts, _splat(builder, limit))
    return builder.icmp_unsigned(
        "!=", builder.bitcast(close, ir.IntType(TILE)), ir.IntType(TILE)(0)
    )


def _splat(builder: Any, value: Any) -> Any:
    empty = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(empty, value, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), TILE), None)
    return builder.shuffle_vector(one, empty, zeros)


_VECTOR = ir.VectorType(ir.IntType(64), TILE)

near: Any = intrinsic(_typed)
"""``near(word, row, start, limit)``: uint64, (N,) uint64, uint64, uint64.

Whether one of ``row[start : start + TILE]`` differs from ``word`` in at most ``limit`` bits.
"""

near_four: Any = intrinsic(_typed_four)
"""``near_four(x, row, x_step, y, start, y_step, limit)``: the same for rows of four words.

Word w of row r of x is ``x[w * x_step + r]``; likewise for y.
"""
