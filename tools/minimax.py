#!/usr/bin/env python3
"""Write passes/lower/MathCoefficients.h: the polynomials of ExpandMath.

    pip install mpmath && tools/minimax.py > passes/lower/MathCoefficients.h

Each polynomial P minimises max |weight(t) * (P(t) - f(t))| on an interval by
the Remez exchange algorithm. Then its lowest coefficient is rounded to the
target format, the others are fitted again to what is left, and so on up, so
the error printed is that of the rounded coefficients.
"""
from mpmath import mp, mpf
import mpmath as m

mp.dps = 50


def round_to(x, bits):
    if x == 0:
        return mpf(0)
    shift = bits - m.frexp(x)[1]
    return m.ldexp(m.nint(m.ldexp(x, shift)), -shift)


def extrema(error, count):
    """Grid indices of the alternating extrema, the best `count` in a row."""
    peaks = []
    for i, e in enumerate(error):
        if peaks and (error[peaks[-1]] > 0) == (e > 0):
            if abs(e) > abs(error[peaks[-1]]):
                peaks[-1] = i
        else:
            peaks.append(i)
    while len(peaks) > count:
        ends = abs(error[peaks[0]]), abs(error[peaks[-1]])
        peaks.pop(0 if ends[0] < ends[1] else -1)
    return peaks


def remez(grid, target, weight, powers):
    size = len(powers) + 1
    basis = [[w * t**k for k in powers] for t, w in zip(grid, weight)]
    points = [round((len(grid) - 1) * (1 - m.cos(m.pi * i / (size - 1))) / 2)
              for i in range(size)]
    points = [int(p) for p in points]
    for _ in range(12):
        rows = m.matrix(size, size)
        right = m.matrix(size, 1)
        for i, p in enumerate(points):
            for j in range(size - 1):
                rows[i, j] = basis[p][j]
            rows[i, size - 1] = (-1)**i
            right[i] = weight[p] * target[p]
        solution = m.lu_solve(rows, right)
        coefs = [solution[j] for j in range(size - 1)]
        error = [w * t - sum(c * b for c, b in zip(coefs, row))
                 for w, t, row in zip(weight, target, basis)]
        next_points = extrema(error, size)
        if len(next_points) < size or next_points == points:
            break
        points = next_points
    return coefs


def fit(f, weight, low, high, degree, bits):
    low, high = mpf(low), mpf(high)
    count = 16 * (degree + 2)
    grid = [(low + high) / 2 - (high - low) / 2 *
            m.cos(m.pi * (2 * i + 1) / (2 * count)) for i in range(count)]
    values = [f(t) for t in grid]
    weights = [abs(weight(t)) for t in grid]
    coefs = []
    if low < 0:  # t^k, t^(k+1), ... are no Chebyshev system across zero
        coefs = [round_to(c, bits)
                 for c in remez(grid, values, weights, range(degree + 1))]
    while len(coefs) <= degree:
        rest = [v - sum(c * t**k for k, c in enumerate(coefs))
                for t, v in zip(grid, values)]
        found = remez(grid, rest, weights, range(len(coefs), degree + 1))
        coefs.append(round_to(found[0], bits))
    error = max(abs(w * (v - sum(c * t**k for k, c in enumerate(coefs))))
                for t, v, w in zip(grid, values, weights))
    return coefs, error


def hexfloat(x, bits):
    if x == 0:
        return '0.0'
    mant, exp = m.frexp(abs(x))
    digits = int(m.ldexp(mant, bits))
    assert m.ldexp(mant, bits) == digits
    pad = (-(bits - 1)) % 4
    text = '%x' % (digits << pad)
    text = (text[0] + '.' + text[1:]).rstrip('0').rstrip('.')
    return '%s0x%sp%d' % ('-' if x < 0 else '', text, exp - 1)


def odd(f):
    """f(x) = x + x^3 P(x^2), error relative to f."""
    return (lambda t: (f(m.sqrt(t)) - m.sqrt(t)) / (t * m.sqrt(t)),
            lambda t: t * m.sqrt(t) / f(m.sqrt(t)))


LN2H = m.log(2) / 2
ODD = 'x + x^3 P(x^2)'


def scaled_erfc(u):
    # u = (t - 2) / (t + 2)
    t = 2 * (1 + u) / (1 - u)
    return m.exp(t * t) * m.erfc(t)


POLYS = [
    # name, formula, f, weight, low, high, degree f32, degree f64
    ('Exp', 'exp(r) = 1 + r + r^2 P(r)',
     lambda r: (m.expm1(r) - r) / r**2, lambda r: r**2 / m.expm1(r),
     -LN2H * 1.002, LN2H * 1.002, 4, 9),
    ('Exp2', 'exp2(r) = 1 + r P(r)',
     lambda r: m.expm1(r * m.log(2)) / r, lambda r: r / mpf(2)**r,
     -0.5, 0.5, 5, 10),
    ('Log', 'log(1 + f) = f - f^2/2 + f^3 P(f)',
     lambda f: (m.log1p(f) - f + f**2 / 2) / f**3,
     lambda f: f**3 / m.log1p(f), -1 / mpf(3), 1 / mpf(3), 7, 19),
    ('Sin', 'sin(x) = ' + ODD, *odd(m.sin), 0, (m.pi / 4 * 1.001)**2, 2, 5),
    ('Cos', 'cos(x) = 1 - x^2/2 + x^4 P(x^2)',
     lambda t: (m.cos(m.sqrt(t)) - 1 + t / 2) / t**2, lambda t: t**2,
     0, (m.pi / 4 * 1.001)**2, 2, 5),
    ('Tan', 'tan(x) = ' + ODD, *odd(m.tan), 0, (m.pi / 4 * 1.001)**2, 5, 13),
    ('Asin', 'asin(x) = ' + ODD, *odd(m.asin), 0, 0.25, 4, 11),
    ('Atan', 'atan(x) = ' + ODD, *odd(m.atan), 0, 1, 7, 19),
    ('Sinh', 'sinh(x) = ' + ODD, *odd(m.sinh), 0, 1, 3, 6),
    ('Tanh', 'tanh(x) = ' + ODD, *odd(m.tanh), 0, mpf(0.5504)**2, 4, 9),
    ('Atanh', '2 atanh(h) = 2 h + h^3 (2/3 + h^2 P(h^2))',
     lambda t: (2 * m.atanh(m.sqrt(t)) / m.sqrt(t) - 2 - 2 * t / 3) / t**2,
     lambda t: t**2 / 2, 0, 0.0401, 2, 7),
]
SPLIT = [
    ('Ln2', 'log(2)', lambda: m.log(2)),
    ('Log2E', 'log2(e)', lambda: 1 / m.log(2)),
    ('Log10E', 'log10(e)', lambda: 1 / m.log(10)),
    ('Log10Of2', 'log10(2)', lambda: m.log(2) / m.log(10)),
    ('HalfPi', 'pi / 2', lambda: m.pi / 2),
    ('TwoThirds', '2 / 3', lambda: mpf(2) / 3),
]
SINGLE = [
    # erfc(t) = exp(-t P(t)) has no cancellation in 1 - erfc anywhere.
    ('ErfF32', 24, 'erf(t) = 1 - exp(-t - t P(t))',
     lambda t: -m.log(m.erfc(t)) / t - 1, lambda t: t * m.erfc(t) / m.erf(t),
     0, 4, 8),
    ('ErfSmallF64', 53, 'erf(x) = x + x P(x^2)',
     lambda t: m.erf(m.sqrt(t)) / m.sqrt(t) - 1,
     lambda t: m.sqrt(t) / m.erf(m.sqrt(t)), 0, 1, 13),
    ('ErfcLargeF64', 53, 'erfc(t) = exp(-t^2) P((t - 2) / (t + 2))',
     scaled_erfc, lambda u: 1 / scaled_erfc(u), -1 / mpf(3), 0.5, 17),
]


def main():
    print('''//===- MathCoefficients.h - polynomials of ExpandMath -----------*- C++ -*-===//
//
// Written by tools/minimax.py; lowest coefficient first. The error is the
// largest of the rounded polynomial in exact arithmetic, relative to the
// function (of exp relative to expm1, of cos absolute).
//
//===----------------------------------------------------------------------===//

#ifndef TENON_PASSES_LOWER_MATHCOEFFICIENTS_H
#define TENON_PASSES_LOWER_MATHCOEFFICIENTS_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace tenon::minimax {

/// One function's polynomials for both formats.
struct Poly {
  llvm::ArrayRef<double> f32, f64;
};
''')
    jobs = []
    for name, text, f, w, low, high, d32, d64 in POLYS:
        jobs.append((name + 'F32', 24, text, f, w, low, high, d32))
        jobs.append((name + 'F64', 53, text, f, w, low, high, d64))
    jobs += SINGLE
    for name, bits, text, f, w, low, high, degree in jobs:
        coefs, error = fit(f, w, low, high, degree, bits)
        print('/// %s\n/// on [%s, %s], degree %d, error 2^%.1f.' % (
            text, m.nstr(mpf(low), 6), m.nstr(mpf(high), 6), degree,
            float(m.log(error, 2))))
        print('inline constexpr double k%s[] = {' % name)
        items = [hexfloat(c, bits) for c in coefs]
        per = 3 if bits == 53 else 4
        for i in range(0, len(items), per):
            print('    ' + ', '.join(items[i:i + per]) +
                  (',' if i + per < len(items) else '};'))
        print(flush=True)
    mp.dps = 400
    for name, text, value in SPLIT:
        print('/// %s in three parts, each the rest rounded.' % text)
        for suffix, bits in ('F32', 24), ('F64', 53):
            parts = []
            for _ in range(3):
                parts.append(round_to(value() - sum(parts), bits))
            print('inline constexpr double k%s%s[] = {\n    %s};' % (
                name, suffix,
                ', '.join(hexfloat(p, bits) for p in parts)))
        print()
    print('/// The digits of 2/pi after the point, 32 bits each.')
    print('inline constexpr uint32_t kTwoOverPi[] = {')
    words = ['0x%08x' % (int(2 / m.pi * mpf(2)**(32 * i)) & 0xffffffff)
             for i in range(1, 41)]
    for i in range(0, 40, 5):
        print('    ' + ', '.join(words[i:i + 5]) + (',' if i < 35 else '};'))
    print()
    for name, *_ in POLYS + SPLIT:
        print('inline constexpr Poly k%s{k%sF32, k%sF64};' % (name, name, name))
    print('\n} // namespace tenon::minimax\n')
    print('#endif // TENON_PASSES_LOWER_MATHCOEFFICIENTS_H')


if __name__ == '__main__':
    main()
