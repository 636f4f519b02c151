// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Binary32} from "../libraries/Binary32.sol";
import {Machine, Machines} from "./Machine.sol";

/// @title Steps of losses, optimizers, folds and aggregation. Sides stand above each function.
library Learning {
    using Machines for Machine;

    uint256 private constant TINY_FIRST = 0x0da24260; // 1e-30
    uint256 private constant TINY_SECOND = 0x03aa2425; // 1e-36

    /// @dev classes; the greatest of the row, the sum of its exponentials, then e / sum
    function probabilities(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 classes = m.sides[0];
            uint256 start = m.element - (m.element % classes);
            if (step < 2 * classes) return _softmax(m, step, start);
            m.r[0] = Binary32.div(_exponential(m, m.element), m.r[2]);
        }
    }

    /// @dev classes; operands are logits and labels
    function crossEntropies(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 start = m.element * m.sides[0];
            if (step < 2 * m.sides[0]) return _softmax(m, step, start);
            uint256 shifted = Binary32.sub(m.read(0, start + m.read(1, m.element)), m.r[1]);
            m.r[0] = Binary32.sub(Machines.log(m.r[2]), shifted);
        }
    }

    /// @dev classes, rows; operands are probabilities and labels
    function crossEntropyGradient(Machine memory m, uint256) internal pure {
        unchecked {
            uint256 classes = m.sides[0];
            bool isHot = m.read(1, m.element / classes) == m.element % classes;
            uint256 found = Binary32.sub(m.read(0, m.element), isHot ? Binary32.ONE : 0);
            m.r[0] = Machines.over(found, m.sides[1]);
        }
    }

    /// @dev columns
    function squaredErrors(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 place = m.element * m.sides[0] + step;
            uint256 d = Binary32.sub(m.read(0, place), m.read(1, place));
            m.accumulate(Binary32.mul(d, d));
        }
    }

    /// @dev size
    function squaredErrorGradient(Machine memory m, uint256) internal pure {
        uint256 d = Binary32.sub(m.read(0, m.element), m.read(1, m.element));
        m.r[0] = Machines.over(Binary32.mul(d, 0x40000000), m.sides[0]);
    }

    /// @dev terms, divisor
    function meanOf(Machine memory m, uint256 step) internal pure {
        if (step < m.sides[0]) m.accumulate(m.read(0, step));
        else m.r[0] = Machines.over(m.r[0], m.sides[1]);
    }

    /// @dev updates; each is an operand
    function aggregate(Machine memory m, uint256 step) internal pure {
        if (step < m.sides[0]) m.accumulate(m.read(step, m.element));
        else m.r[0] = Machines.over(m.r[0], m.sides[0]);
    }

    /// @dev pieces of the flat vectors, see `_pieceOf`; operands are p, m, v, rates, then one for each piece
    function firstMoment(Machine memory m, uint256) internal pure {
        (uint256 piece, uint256 place, uint256 operand) = _pieceOf(m, m.element);
        m.r[0] = _first(m, piece, m.element, place, operand);
    }

    /// @dev as `firstMoment`
    function secondMoment(Machine memory m, uint256) internal pure {
        (uint256 piece, uint256 place, uint256 operand) = _pieceOf(m, m.element);
        m.r[0] = _second(m, piece, m.element, place, operand);
    }

    /// @dev as `firstMoment`
    function parameters(Machine memory m, uint256) internal pure {
        unchecked {
            (uint256 piece, uint256 place, uint256 operand) = _pieceOf(m, m.element);
            uint256 rule = uint8(piece >> 64);
            uint256 p = m.read(0, m.element);
            uint256 move;
            if (rule == 0) {
                m.r[0] = p;
                return;
            }
            if (rule == 5) {
                move = Binary32.mul(m.read(operand, place), uint32(piece >> 104));
                m.r[0] = Binary32.add(Binary32.mul(p, uint32(piece >> 72)), move);
                return;
            }
            uint256 rate = m.read(3, 4);
            if (rule == 3) {
                move = Binary32.mul(m.read(operand, place), rate);
            } else {
                move = Binary32.mul(_first(m, piece, m.element, place, operand), rate);
                if (rule != 4) {
                    uint256 square = Binary32.mul(_second(m, piece, m.element, place, operand), m.read(3, 5));
                    move = Binary32.div(move, Binary32.add(Binary32.sqrt(square), m.read(3, 6)));
                }
                if (rule == 2) p = Binary32.mul(p, m.read(3, 7));
            }
            m.r[0] = Binary32.sub(p, move);
        }
    }

    /// @dev pieces; word l of run r of the folded gradients, one row of 32 words a step
    function fold(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 index = (m.element / 32) * 2048 + step * 32 + (m.element % 32);
            uint256 word;
            if (index < uint64(m.sides[m.sides.length - 1])) {
                (uint256 piece, uint256 place, uint256 operand) = _pieceOf(m, index);
                uint256 rule = uint8(piece >> 64);
                if (rule != 0 && rule != 5) word = m.read(operand, place);
            }
            m.r[0] = uint32(m.r[0] * 0x9e3779b1 + word);
        }
    }

    /// @dev A piece: where it ends in the flat vectors 64 | rule 8 (0 untouched, 1 AdamW, 2 AdamW with decay, 3 SGD, 4 SGD
    /// with momentum, 5 a running figure) | keep 32 | 1 - keep 32, both of a running figure.
    function _pieceOf(
        Machine memory m,
        uint256 index
    ) private pure returns (uint256 piece, uint256 place, uint256 operand) {
        unchecked {
            uint256 start;
            uint256 i;
            while (uint64(m.sides[i]) <= index) start = uint64(m.sides[i++]);
            return (m.sides[i], index - start, i + 4);
        }
    }

    function _first(
        Machine memory m,
        uint256 piece,
        uint256 index,
        uint256 place,
        uint256 operand
    ) private pure returns (uint256) {
        uint256 rule = uint8(piece >> 64);
        uint256 moment = m.read(1, index);
        if (rule == 0 || rule == 5) return moment;
        moment = Binary32.mul(moment, m.read(3, 0));
        uint256 gradient = m.read(operand, place);
        if (rule != 4) gradient = Binary32.mul(gradient, m.read(3, 1));
        return _settle(Binary32.add(moment, gradient), TINY_FIRST);
    }

    function _second(
        Machine memory m,
        uint256 piece,
        uint256 index,
        uint256 place,
        uint256 operand
    ) private pure returns (uint256) {
        uint256 rule = uint8(piece >> 64);
        uint256 moment = m.read(2, index);
        if (rule == 0 || rule == 5) return moment;
        uint256 gradient = m.read(operand, place);
        gradient = Binary32.mul(Binary32.mul(gradient, gradient), m.read(3, 3));
        return _settle(Binary32.add(Binary32.mul(moment, m.read(3, 2)), gradient), TINY_SECOND);
    }

    function _settle(uint256 x, uint256 tiny) private pure returns (uint256) {
        return Binary32.lt(Binary32.magnitude(x), tiny) ? 0 : x;
    }

    /// @dev Steps of both passes over a row: register 1 is the greatest, register 2 the sum.
    function _softmax(Machine memory m, uint256 step, uint256 start) private pure {
        unchecked {
            uint256 classes = m.sides[0];
            if (step >= classes) {
                m.r[2] = Binary32.add(m.r[2], _exponential(m, start + step - classes));
                return;
            }
            uint256 x = m.read(0, start + step);
            m.r[1] = step == 0 ? x : Binary32.max(m.r[1], x);
        }
    }

    function _exponential(Machine memory m, uint256 place) private pure returns (uint256) {
        return Machines.exp(Binary32.sub(m.read(0, place), m.r[1]));
    }
}
