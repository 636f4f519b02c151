// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOpVerifier} from "../interfaces/IOpVerifier.sol";
import {Binary32} from "../libraries/Binary32.sol";

/// @title The machine that computes one element of an operator's output, and the functions of compute/exact/SPEC.md.
/// @notice Eight lanes and eight registers of 32 bits are all that it carries from one step to the next. Register 0
/// holds the value at the end. Sizes and indices are those of a program that both sides of a dispute agree on, so that
/// index arithmetic is unchecked; a wrong index finds no operand.
struct Machine {
    uint256[8] lanes;
    uint256[8] r;
    uint256[] sides;
    uint256[] bases;
    uint256 element;
    IOpVerifier.Leaf[] leaves;
}

library Machines {
    uint256 private constant MAGIC = 0x4b400000; // 1.5 * 2^23

    /// @notice The 32 bits of an operand's element.
    function read(Machine memory m, uint256 operand, uint256 index) internal pure returns (uint256) {
        unchecked {
            return readAt(m, operand, index + m.bases[operand]);
        }
    }

    /// @notice The 32 bits of an element of an operand's tensor, which stand in a leaf in little-endian order.
    function readAt(Machine memory m, uint256 operand, uint256 place) internal pure returns (uint256 bits) {
        bool isFound;
        assembly ("memory-safe") {
            let next := mload(add(m, 0xa0))
            let end := add(next, shl(5, mload(next)))
            for {} lt(next, end) {} {
                next := add(next, 32)
                // A leaf: its operand, its index, where its words are.
                let leaf := mload(next)
                if and(eq(mload(leaf), operand), eq(mload(add(leaf, 32)), shr(9, place))) {
                    let words := mload(add(leaf, 64))
                    let start := shl(2, and(place, 511))
                    isFound := lt(add(start, 3), mload(words))
                    bits := shr(224, mload(add(add(words, 32), start)))
                    bits := or(shl(8, and(bits, 0xff00ff)), and(shr(8, bits), 0xff00ff))
                    bits := or(shl(16, and(bits, 0xffff)), shr(16, bits))
                    break
                }
            }
        }
        if (!isFound) revert IOpVerifier.MissingOperand(operand, place);
    }

    /// @notice Adds a term to register 0.
    function accumulate(Machine memory m, uint256 term) internal pure {
        m.r[0] = Binary32.add(m.r[0], term);
    }

    /// @notice Adds a term to the lane of a place.
    function addToLane(Machine memory m, uint256 place, uint256 term) internal pure {
        m.lanes[place & 7] = Binary32.add(m.lanes[place & 7], term);
    }

    /// @notice The lanes added in order; they start anew.
    function foldLanes(Machine memory m) internal pure returns (uint256 sum) {
        sum = m.lanes[0];
        m.lanes[0] = 0;
        for (uint256 i = 1; i < 8; ++i) {
            sum = Binary32.add(sum, m.lanes[i]);
            m.lanes[i] = 0;
        }
    }

    /// @notice value / count, the count rounded.
    function over(uint256 value, uint256 count) internal pure returns (uint256) {
        return Binary32.div(value, Binary32.fromInt(int256(count)));
    }

    /// @notice exp of SPEC.md.
    function exp(uint256 x) internal pure returns (uint256) {
        unchecked {
            x = Binary32.min(0x42b00000, Binary32.max(0xc2ae0000, x));
            uint256 shifted = mulAdd(x, 0x3fb8aa3b, MAGIC);
            uint256 k = Binary32.sub(shifted, MAGIC);
            uint256 rest = Binary32.sub(x, Binary32.mul(k, 0x3f318000));
            rest = Binary32.sub(rest, Binary32.mul(k, 0xb95e8083));
            uint256 p = mulAdd(0x39506967, rest, 0x3ab743ce);
            p = mulAdd(p, rest, 0x3c088908);
            p = mulAdd(p, rest, 0x3d2aa9c1);
            p = mulAdd(p, rest, 0x3e2aaaaa);
            p = mulAdd(p, rest, 0x3f000000);
            p = mulAdd(p, Binary32.mul(rest, rest), rest);
            p = Binary32.add(p, Binary32.ONE);
            return Binary32.mul(p, uint32((shifted << 23) + 0x3f800000));
        }
    }

    /// @notice log of SPEC.md; positive normal values only.
    function log(uint256 x) internal pure returns (uint256) {
        unchecked {
            int256 power = int256(x >> 23) - 127;
            uint256 fraction = (x & 0x7fffff) | Binary32.ONE;
            if (Binary32.lt(0x3fb504f3, fraction)) {
                fraction = Binary32.mul(fraction, 0x3f000000);
                ++power;
            }
            uint256 t = Binary32.div(
                Binary32.sub(fraction, Binary32.ONE),
                Binary32.add(fraction, Binary32.ONE)
            );
            uint256 u = Binary32.mul(t, t);
            uint256 s = mulAdd(0x3e1d89d8, u, 0x3e3a2e8c);
            s = mulAdd(s, u, 0x3e638e39);
            s = mulAdd(s, u, 0x3e924925);
            s = mulAdd(s, u, 0x3ecccccd);
            s = mulAdd(s, u, 0x3f2aaaab);
            s = mulAdd(s, u, 0x40000000);
            return Binary32.add(Binary32.mul(Binary32.fromInt(power), 0x3f317218), Binary32.mul(t, s));
        }
    }

    /// @notice sigmoid of SPEC.md.
    function sigmoid(uint256 x) internal pure returns (uint256) {
        return Binary32.div(Binary32.ONE, Binary32.add(Binary32.ONE, exp(Binary32.negate(x))));
    }

    /// @notice a * b + c, rounded twice.
    function mulAdd(uint256 a, uint256 b, uint256 c) internal pure returns (uint256) {
        return Binary32.add(Binary32.mul(a, b), c);
    }
}
