// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title IEEE-754 binary32 arithmetic in integers, as compute/exact/SPEC.md uses it.
/// @notice A value is its 32 bits in the low bits of a word; the bits above are zero in arguments and results. Every
/// operation rounds once, to nearest, ties to even; denormal numbers and signed zeros are kept. Every NaN that comes
/// out is 0x7fc00000. Nothing reverts.
library Binary32 {
    uint256 internal constant NAN = 0x7fc00000;
    uint256 internal constant ONE = 0x3f800000;
    uint256 internal constant SIGN = 0x80000000;
    uint256 private constant INFINITE = 0x7f800000;
    uint256 private constant MAGNITUDE = 0x7fffffff;
    uint256 private constant FRACTION = 0x7fffff;
    uint256 private constant HIDDEN = 0x800000;
    /// @dev Added to every power of two, so that none is below zero.
    uint256 private constant BIAS = 1 << 20;

    /// @notice a + b.
    function add(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            if (a & MAGNITUDE < b & MAGNITUDE) (a, b) = (b, a);
            uint256 power = (a >> 23) & 0xff;
            if (power == 0xff) return _addInfinite(a, b);
            uint256 powerB = (b >> 23) & 0xff;
            uint256 high = a & FRACTION;
            uint256 low = b & FRACTION;
            if (power == 0) power = 1;
            else high |= HIDDEN;
            if (powerB == 0) powerB = 1;
            else low |= HIDDEN;
            uint256 shift = power - powerB;
            // What is so far below the last place only breaks ties.
            if (shift > 32) {
                shift = 32;
                if (low != 0) low = 1;
            }
            high <<= shift;
            if ((a ^ b) & SIGN == 0) high += low;
            else high -= low;
            // x - x is +0 in this rounding; only -0 - 0 is -0.
            if (high == 0) return a & b & SIGN;
            return _round(a & SIGN, high, BIAS + power - 150 - shift);
        }
    }

    /// @notice a - b.
    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        return add(a, b ^ SIGN);
    }

    /// @notice a * b.
    function mul(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            uint256 sign = (a ^ b) & SIGN;
            uint256 powerA = (a >> 23) & 0xff;
            uint256 powerB = (b >> 23) & 0xff;
            uint256 product = a & FRACTION;
            uint256 other = b & FRACTION;
            if (powerA == 0xff || powerB == 0xff) return _mulInfinite(sign, a & MAGNITUDE, b & MAGNITUDE);
            if (powerA == 0) powerA = 1;
            else product |= HIDDEN;
            if (powerB == 0) powerB = 1;
            else other |= HIDDEN;
            product *= other;
            if (product == 0) return sign;
            return _round(sign, product, BIAS + powerA + powerB - 300);
        }
    }

    /// @notice a / b.
    function div(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            uint256 sign = (a ^ b) & SIGN;
            a &= MAGNITUDE;
            b &= MAGNITUDE;
            if (a >= INFINITE || b >= INFINITE || b == 0) return _divOdd(sign, a, b);
            if (a == 0) return sign;
            (uint256 top, uint256 powerA) = _parts(a);
            (uint256 under, uint256 powerB) = _parts(b);
            // At least 40 bits of quotient; one more below them says whether anything is left.
            top <<= 64;
            uint256 quotient = (top / under) << 1;
            if (top % under != 0) quotient |= 1;
            return _round(sign, quotient, BIAS + powerA - powerB - 65);
        }
    }

    /// @notice Square root; NaN below -0.
    function sqrt(uint256 a) internal pure returns (uint256) {
        unchecked {
            if (a & MAGNITUDE == 0) return a;
            if (a > INFINITE) return NAN; // below zero, or NaN
            if (a == INFINITE) return a;
            (uint256 radicand, uint256 power) = _parts(a);
            // An even power of two, and at least 32 bits of root.
            uint256 shift = 64 + (power & 1);
            radicand <<= shift;
            uint256 root = _integerRoot(radicand);
            uint256 rest = root * root == radicand ? 0 : 1;
            return _round(0, (root << 1) | rest, BIAS + (power + BIAS - shift - 150) / 2 - BIAS / 2 - 1);
        }
    }

    /// @notice a < b; false with NaN.
    function lt(uint256 a, uint256 b) internal pure returns (bool) {
        if (_isNan(a) || _isNan(b)) return false;
        if ((a | b) & MAGNITUDE == 0) return false;
        return _ordered(a) < _ordered(b);
    }

    /// @notice a <= b; false with NaN.
    function le(uint256 a, uint256 b) internal pure returns (bool) {
        if (_isNan(a) || _isNan(b)) return false;
        if ((a | b) & MAGNITUDE == 0) return true;
        return _ordered(a) <= _ordered(b);
    }

    /// @notice a == b; false with NaN, true for both zeros.
    function eq(uint256 a, uint256 b) internal pure returns (bool) {
        if (_isNan(a) || _isNan(b)) return false;
        return a == b || (a | b) & MAGNITUDE == 0;
    }

    /// @notice b < a ? b : a, WebAssembly's pmin: the first of equals, and the first beside a NaN.
    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return lt(b, a) ? b : a;
    }

    /// @notice a < b ? b : a, WebAssembly's pmax: the first of equals, and the first beside a NaN.
    function max(uint256 a, uint256 b) internal pure returns (uint256) {
        return lt(a, b) ? b : a;
    }

    /// @notice An integer of 32 bits with its sign, rounded.
    function fromInt(int256 value) internal pure returns (uint256) {
        unchecked {
            if (value == 0) return 0;
            if (value < 0) return _round(SIGN, uint256(-value), BIAS);
            return _round(0, uint256(value), BIAS);
        }
    }

    /// @notice The nearest integer, ties to even, of a value below 2^22 in size: that of the SPEC, which adds 1.5 * 2^23 and
    /// reads the low bits.
    function toInt(uint256 a) internal pure returns (int256) {
        unchecked {
            return int256(add(a, 0x4b400000)) - 0x4b400000;
        }
    }

    /// @notice Whether the value is neither infinite nor NaN.
    function isFinite(uint256 a) internal pure returns (bool) {
        return a & INFINITE != INFINITE;
    }

    /// @notice -a.
    function negate(uint256 a) internal pure returns (uint256) {
        return a ^ SIGN;
    }

    /// @notice Absolute value.
    function magnitude(uint256 a) internal pure returns (uint256) {
        return a & MAGNITUDE;
    }

    /// @dev mantissa * 2^(power - BIAS), rounded; the mantissa is above zero. Where bits are left out, its lowest bit may
    /// stand for all below it.
    function _round(uint256 sign, uint256 mantissa, uint256 power) private pure returns (uint256) {
        unchecked {
            uint256 top = _log2(mantissa) + power;
            // The power of the last place that the result has: 23 below the first one, at least 2^-149.
            uint256 last = top < BIAS - 126 ? BIAS - 149 : top - 23;
            uint256 bits;
            if (last <= power) {
                bits = mantissa << (power - last);
            } else {
                uint256 shift = last - power;
                uint256 half = (1 << (shift - 1)) - 1 + ((mantissa >> shift) & 1);
                bits = (mantissa + half) >> shift;
            }
            // The hidden bit counts one to the exponent, and so does a carry.
            bits += (last - (BIAS - 149)) << 23;
            return sign | (bits < INFINITE ? bits : INFINITE);
        }
    }

    /// @dev The value is mantissa * 2^(power - 150).
    function _parts(uint256 a) private pure returns (uint256 mantissa, uint256 power) {
        power = (a >> 23) & 0xff;
        mantissa = a & FRACTION;
        if (power == 0) power = 1;
        else mantissa |= HIDDEN;
    }

    /// @dev a is the greater one and not finite.
    function _addInfinite(uint256 a, uint256 b) private pure returns (uint256) {
        if (_isNan(a)) return NAN;
        return b == a ^ SIGN ? NAN : a;
    }

    function _mulInfinite(uint256 sign, uint256 a, uint256 b) private pure returns (uint256) {
        if (a > INFINITE || b > INFINITE || a == 0 || b == 0) return NAN;
        return sign | INFINITE;
    }

    /// @dev A factor is infinite or NaN, or the divisor is zero; signs are gone.
    function _divOdd(uint256 sign, uint256 a, uint256 b) private pure returns (uint256) {
        if (a > INFINITE || b > INFINITE || a == b) return NAN;
        return a == INFINITE || b == 0 ? sign | INFINITE : sign;
    }

    function _isNan(uint256 a) private pure returns (bool) {
        return a & MAGNITUDE > INFINITE;
    }

    /// @dev Grows with the value.
    function _ordered(uint256 a) private pure returns (uint256) {
        return a & SIGN == 0 ? a | SIGN : MAGNITUDE - (a & MAGNITUDE);
    }

    /// @dev Rounded down, of a value from 2^64 to 2^90: Newton's way from above.
    function _integerRoot(uint256 value) private pure returns (uint256 root) {
        unchecked {
            root = 1 << ((_log2(value) >> 1) + 1);
            for (uint256 i; i < 6; ++i) root = (root + value / root) >> 1;
            if (root * root > value) --root;
        }
    }

    /// @dev The place of the highest bit of a value from 1 to 2^128 - 1.
    function _log2(uint256 value) private pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := shl(6, lt(0xffffffffffffffff, value))
            place := or(place, shl(5, lt(0xffffffff, shr(place, value))))
            place := or(place, shl(4, lt(0xffff, shr(place, value))))
            place := or(place, shl(3, lt(0xff, shr(place, value))))
            // Four bits are left over: their highest place by a table of 16 nibbles.
            let rest := shr(place, value)
            let four := lt(0xf, rest)
            place := or(place, shl(2, four))
            place := or(
                place,
                byte(
                    shr(shl(2, four), rest),
                    0x0000010102020202030303030303030300000000000000000000000000000000
                )
            )
        }
    }
}
