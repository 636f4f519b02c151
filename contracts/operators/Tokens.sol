// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Binary32} from "../libraries/Binary32.sol";
import {Machine, Machines} from "./Machine.sol";

/// @title Steps of embeddings, attention, rotary positions and dropout. Sides stand above each function.
library Tokens {
    using Machines for Machine;

    /// @dev width; operands table, indices
    function gather(Machine memory m, uint256) internal pure {
        unchecked {
            uint256 width = m.sides[0];
            m.r[0] = m.read(0, m.read(1, m.element / width) * width + (m.element % width));
        }
    }

    /// @dev width, indices; operands dy, indices
    function gatherGradient(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 width = m.sides[0];
            if (m.read(1, step) != m.element / width) return;
            m.accumulate(m.read(0, step * width + (m.element % width)));
        }
    }

    /// @dev width, positions, rows of the table; operands table, tokens; register 1 counts tokens
    function embeddingBag(Machine memory m, uint256 step) internal pure {
        unchecked {
            (uint256 width, uint256 positions) = (m.sides[0], m.sides[1]);
            if (step == positions) {
                if (m.r[1] != 0) m.r[0] = Machines.over(m.r[0], m.r[1]);
                return;
            }
            uint256 token = m.read(1, (m.element / width) * positions + step);
            if (token >= m.sides[2]) return;
            ++m.r[1];
            m.accumulate(m.read(0, token * width + (m.element % width)));
        }
    }

    /// @dev width, positions, rows of the table, bags; operands dy, tokens; a bag's tokens are counted, then added
    function embeddingBagGradient(Machine memory m, uint256 step) internal pure {
        unchecked {
            (uint256 width, uint256 positions) = (m.sides[0], m.sides[1]);
            uint256 bag = step / (2 * positions);
            uint256 place = step % (2 * positions);
            if (place == 0) m.r[1] = 0;
            uint256 token = m.read(1, bag * positions + (place % positions));
            if (place < positions) {
                if (token < m.sides[2]) ++m.r[1];
            } else if (token == m.element / width) {
                m.accumulate(Machines.over(m.read(0, bag * width + (m.element % width)), m.r[1]));
            }
        }
    }

    /// @dev heads, context, size, scale; operands q, k; register 1 is the greatest, 2 a product's sum, 3 the element's own
    /// exponential. For each key: size terms, then its comparison; then the same with its exponential.
    function probabilities(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            uint256 pass = (_rowOf(m) + 1) * (s[2] + 1);
            if (_columnOf(m) > _rowOf(m)) return;
            if (step == 2 * pass) {
                m.r[0] = Binary32.mul(m.r[3], Binary32.div(Binary32.ONE, m.foldLanes()));
                return;
            }
            (bool isWhole, uint256 key) = _product(m, step % pass);
            if (!isWhole) return;
            uint256 x = Binary32.mul(m.r[2], s[3]);
            m.r[2] = 0;
            if (step < pass) {
                m.r[1] = key == 0 ? x : Binary32.max(m.r[1], x);
                return;
            }
            x = Machines.exp(Binary32.sub(x, m.r[1]));
            m.addToLane(key, x);
            if (key == _columnOf(m)) m.r[3] = x;
        }
    }

    /// @dev as `probabilities`; operands dy, v, probabilities; register 3 is the element's own product
    function scoreGradient(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            uint256 pass = (_rowOf(m) + 1) * (s[2] + 1);
            if (_columnOf(m) > _rowOf(m)) return;
            if (step == pass) {
                uint256 d = Binary32.sub(m.r[3], m.foldLanes());
                m.r[0] = Binary32.mul(Binary32.mul(m.read(2, m.element), d), s[3]);
                return;
            }
            (bool isWhole, uint256 key) = _product(m, step);
            if (!isWhole) return;
            uint256 p = m.read(2, m.element - _columnOf(m) + key);
            m.addToLane(key, Binary32.mul(p, m.r[2]));
            if (key == _columnOf(m)) m.r[3] = m.r[2];
            m.r[2] = 0;
        }
    }

    /// @dev heads, context, size; operands weights [sequences, heads, context, context], x [rows, width]: the sum of
    /// weight(i, j) * x(j) over j <= i
    function attend(Machine memory m, uint256 step) internal pure {
        unchecked {
            (uint256 row, uint256 unit, uint256 column) = _unitOf(m);
            uint256 context = m.sides[1];
            uint256 weight = m.read(0, (unit * context + (row % context)) * context + step);
            uint256 x = m.read(1, (row - (row % context) + step) * m.sides[0] * m.sides[2] + column);
            m.accumulate(Binary32.mul(weight, x));
        }
    }

    /// @dev as `attend`: the sum of weight(i, j) * x(i) over i >= j
    function attendBack(Machine memory m, uint256 step) internal pure {
        unchecked {
            (uint256 row, uint256 unit, uint256 column) = _unitOf(m);
            uint256 context = m.sides[1];
            uint256 i = (row % context) + step;
            uint256 weight = m.read(0, (unit * context + i) * context + (row % context));
            uint256 x = m.read(1, (row + step) * m.sides[0] * m.sides[2] + column);
            m.accumulate(Binary32.mul(weight, x));
        }
    }

    /// @dev width, context, size, is inverse; operands x, table
    function rotary(Machine memory m, uint256) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            uint256 place = (m.element % s[0]) % s[2];
            uint256 start = ((m.element / s[0]) % s[1]) * 2 * s[2];
            uint256 turned = Binary32.mul(m.read(0, m.element), m.read(1, start + place));
            uint256 sine = m.read(1, start + s[2] + (place ^ s[3]));
            m.r[0] = Binary32.add(turned, Binary32.mul(m.read(0, m.element ^ 1), sine));
        }
    }

    /// @dev layer, limit, scale; operands x, keys of the streams
    function dropout(Machine memory m, uint256) internal pure {
        unchecked {
            uint256 word = _philox(m, m.element / 8, (m.element % 8) / 2);
            uint256 bits = m.element % 2 == 0 ? word & 0xffff : word >> 16;
            m.r[0] = bits < m.sides[1] ? 0 : Binary32.mul(m.read(0, m.element), m.sides[2]);
        }
    }

    /// @dev Philox4x32-10: a word of a block of the layer's stream.
    function _philox(Machine memory m, uint256 block_, uint256 place) private pure returns (uint256) {
        unchecked {
            uint256 start = m.sides[0] * 4;
            (uint256 k0, uint256 k1) = (m.read(1, start), m.read(1, start + 1));
            uint256[4] memory w = [block_, 0, m.read(1, start + 2), m.read(1, start + 3)];
            for (uint256 round; round < 10; ++round) {
                (uint256 first, uint256 third) = (w[0] * 0xd2511f53, w[2] * 0xcd9e8d57);
                w[0] = (third >> 32) ^ w[1] ^ k0;
                w[1] = uint32(third);
                w[2] = (first >> 32) ^ w[3] ^ k1;
                w[3] = uint32(first);
                k0 = uint32(k0 + 0x9e3779b9);
                k1 = uint32(k1 + 0xbb67ae85);
            }
            return w[place];
        }
    }

    function _rowOf(Machine memory m) private pure returns (uint256) {
        return (m.element / m.sides[1]) % m.sides[1];
    }

    function _columnOf(Machine memory m) private pure returns (uint256) {
        return m.element % m.sides[1];
    }

    /// @dev One term of operand 0 (row i) times operand 1 (row of a key) in register 2, or after the last one the key.
    function _product(Machine memory m, uint256 step) private pure returns (bool isWhole, uint256 key) {
        unchecked {
            uint256[] memory s = m.sides;
            key = step / (s[2] + 1);
            uint256 term = step % (s[2] + 1);
            if (term == s[2]) return (true, key);
            uint256 unit = m.element / (s[1] * s[1]);
            uint256 first = (unit / s[0]) * s[1];
            uint256 column = (unit % s[0]) * s[2] + term;
            uint256 width = s[0] * s[2];
            uint256 a = m.read(0, (first + _rowOf(m)) * width + column);
            m.r[2] = Binary32.add(m.r[2], Binary32.mul(a, m.read(1, (first + key) * width + column)));
        }
    }

    /// @dev Row and column of an element of [rows, heads * size], and its sequence * heads + head.
    function _unitOf(Machine memory m) private pure returns (uint256 row, uint256 unit, uint256 column) {
        unchecked {
            uint256[] memory s = m.sides;
            row = m.element / (s[0] * s[2]);
            column = m.element % (s[0] * s[2]);
            unit = (row / s[1]) * s[0] + column / s[2];
        }
    }
}
