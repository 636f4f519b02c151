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
    function add(uint256 a, uint256 b) internal pure returns (uint256 sum) {
        bool isDone;
        assembly ("memory-safe") {
            if lt(and(a, MAGNITUDE), and(b, MAGNITUDE)) {
                let c := a
                a := b
                b := c
            }
            let power := and(shr(23, a), 0xff)
            let shift := and(shr(23, b), 0xff)
            // Both are normal: 32 bits more than the greater one has, of which the lowest may stand for all below.
            if and(lt(sub(power, 1), 254), lt(sub(shift, 1), 254)) {
                shift := sub(power, shift)
                let low := 1
                if lt(shift, 33) {
                    low := shl(sub(32, shift), or(and(b, FRACTION), HIDDEN))
                }
                sum := shl(32, or(and(a, FRACTION), HIDDEN))
                switch and(xor(a, b), SIGN)
                case 0 {
                    sum := add(sum, low)
                }
                default {
                    sum := sub(sum, low)
                }
                // The place of the first bit; far below where it was only after cancellation, which leaves 31 zeros.
                let top := add(54, add(lt(0x7fffffffffffff, sum), lt(0xffffffffffffff, sum)))
                if lt(sum, 0x40000000000000) {
                    low := shr(31, sum)
                    top := shl(4, lt(0xffff, low))
                    top := or(top, shl(3, lt(0xff, shr(top, low))))
                    top := or(top, shl(2, lt(0xf, shr(top, low))))
                    top := or(top, shl(1, lt(3, shr(top, low))))
                    top := add(31, or(top, lt(1, shr(top, low))))
                }
                power := sub(add(power, top), 56)
                if and(lt(0, sum), lt(power, 254)) {
                    top := sub(top, 23)
                    sum := add(sum, and(shr(top, sum), 1))
                    sum := shr(top, add(sum, sub(shl(sub(top, 1), 1), 1)))
                    sum := or(and(a, SIGN), add(sum, shl(23, power)))
                    isDone := 1
                }
            }
        }
        if (!isDone) return _addOdd(a, b);
    }

    /// @notice a - b.
    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        return add(a, b ^ SIGN);
    }

    /// @notice a * b.
    function mul(uint256 a, uint256 b) internal pure returns (uint256 product) {
        bool isDone;
        assembly ("memory-safe") {
            let power := and(shr(23, a), 0xff)
            let other := and(shr(23, b), 0xff)
            if and(lt(sub(power, 1), 254), lt(sub(other, 1), 254)) {
                product := mul(or(and(a, FRACTION), HIDDEN), or(and(b, FRACTION), HIDDEN))
                let shift := shr(47, product)
                power := add(add(power, other), shift)
                if lt(sub(power, 128), 254) {
                    shift := add(shift, 23)
                    product := add(product, and(shr(shift, product), 1))
                    product := shr(shift, add(product, sub(shl(sub(shift, 1), 1), 1)))
                    product := or(and(xor(a, b), SIGN), add(product, shl(23, sub(power, 128))))
                    isDone := 1
                }
            }
        }
        if (!isDone) return _mulOdd(a, b);
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

    /// @dev a + b for all pairs, a the greater one in size.
    function _addOdd(uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            if ((a >> 23) & 0xff == 0xff) return _addInfinite(a, b);
            (uint256 high, uint256 power) = _parts(a);
            (uint256 low, uint256 powerB) = _parts(b);
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

    /// @dev a * b for all pairs.
    function _mulOdd(uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            uint256 sign = (a ^ b) & SIGN;
            a &= MAGNITUDE;
            b &= MAGNITUDE;
            if (a >= INFINITE || b >= INFINITE) {
                if (a > INFINITE || b > INFINITE || a == 0 || b == 0) return NAN;
                return sign | INFINITE;
            }
            (uint256 product, uint256 powerA) = _parts(a);
            (uint256 other, uint256 powerB) = _parts(b);
            product *= other;
            if (product == 0) return sign;
            return _round(sign, product, BIAS + powerA + powerB - 300);
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
