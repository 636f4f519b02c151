// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Binary32} from "../libraries/Binary32.sol";
import {Machine, Machines} from "./Machine.sol";

/// @title Steps of products, activations and sums over rows. Sides stand above each function.
library Dense {
    using Machines for Machine;

    /// @dev columns, depth, row stride of a, column stride of a, row stride of b, column stride of b, has bias; all steps
    /// at once, since most of a training step is products
    function gemm(Machine memory m, uint256 from, uint256 to) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            (uint256 i, uint256 j) = (m.element / s[0], m.element % s[0]);
            uint256 sum = m.r[0];
            if (to > s[1]) {
                --to;
                if (from < to) sum = _products(m, sum, [i, j, from, to]);
                sum = Binary32.add(sum, m.read(2, j));
            } else {
                sum = _products(m, sum, [i, j, from, to]);
            }
            m.r[0] = sum;
        }
    }

    function _products(
        Machine memory m,
        uint256 sum,
        uint256[4] memory place
    ) private pure returns (uint256) {
        unchecked {
            uint256[] memory s = m.sides;
            (uint256 aStride, uint256 bStride) = (s[3], s[4]);
            uint256 a = place[0] * s[2] + place[2] * aStride + m.bases[0];
            uint256 b = place[2] * bStride + place[1] * s[5] + m.bases[1];
            for (uint256 count = place[3] - place[2]; count != 0; --count) {
                sum = Binary32.add(sum, Binary32.mul(m.readAt(0, a), m.readAt(1, b)));
                a += aStride;
                b += bStride;
            }
            return sum;
        }
    }

    /// @dev size of b, which is repeated
    function add(Machine memory m, uint256) internal pure {
        m.r[0] = Binary32.add(m.read(0, m.element), m.read(1, m.element % m.sides[0]));
    }

    function mul(Machine memory m, uint256) internal pure {
        m.r[0] = Binary32.mul(m.read(0, m.element), m.read(1, m.element));
    }

    function relu(Machine memory m, uint256) internal pure {
        m.r[0] = Binary32.max(0, m.read(0, m.element));
    }

    function reluGradient(Machine memory m, uint256) internal pure {
        m.r[0] = Binary32.lt(0, m.read(0, m.element)) ? m.read(1, m.element) : 0;
    }

    function gelu(Machine memory m, uint256) internal pure {
        uint256 x = m.read(0, m.element);
        m.r[0] = Binary32.mul(x, Machines.sigmoid(_bend(x, 0x3d372713, x)));
    }

    function geluGradient(Machine memory m, uint256) internal pure {
        uint256 x = m.read(0, m.element);
        uint256 s = Machines.sigmoid(_bend(x, 0x3d372713, x));
        uint256 slope = Binary32.mul(_bump(x, s), _bend(x, 0x3e095d4f, Binary32.ONE));
        m.r[0] = Binary32.mul(m.read(1, m.element), Binary32.add(s, slope));
    }

    function silu(Machine memory m, uint256) internal pure {
        uint256 x = m.read(0, m.element);
        m.r[0] = Binary32.mul(x, Machines.sigmoid(x));
    }

    function siluGradient(Machine memory m, uint256) internal pure {
        uint256 x = m.read(0, m.element);
        uint256 s = Machines.sigmoid(x);
        m.r[0] = Binary32.mul(m.read(1, m.element), Binary32.add(s, _bump(x, s)));
    }

    function geluErf(Machine memory m, uint256) internal pure {
        uint256 x = m.read(0, m.element);
        (uint256 share, ) = _shareBelow(x);
        m.r[0] = Binary32.mul(x, share);
    }

    function geluErfGradient(Machine memory m, uint256) internal pure {
        uint256 x = m.read(0, m.element);
        (uint256 share, uint256 bell) = _shareBelow(x);
        uint256 slope = Binary32.add(share, Binary32.mul(Binary32.mul(x, bell), 0x3ecc422a));
        m.r[0] = Binary32.mul(m.read(1, m.element), slope);
    }

    /// @dev rows, columns
    function sumRows(Machine memory m, uint256 step) internal pure {
        unchecked {
            m.accumulate(m.read(0, step * m.sides[1] + m.element));
        }
    }

    /// @dev columns; the sum of absolute values of a row
    function ternarySums(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 columns = m.sides[0];
            if (step == columns) m.r[0] = m.foldLanes();
            else m.addToLane(step, Binary32.magnitude(m.read(0, m.element * columns + step)));
        }
    }

    /// @dev rows, columns; operands are w and the sums of its rows
    function ternary(Machine memory m, uint256 step) internal pure {
        unchecked {
            (uint256 rows, uint256 columns) = (m.sides[0], m.sides[1]);
            if (step < rows) return m.accumulate(m.read(1, step));
            uint256 scale = Machines.over(m.r[0], rows * columns);
            uint256 w = m.read(0, m.element);
            bool isOut = Binary32.lt(Binary32.mul(scale, 0x3f000000), Binary32.magnitude(w));
            m.r[0] = isOut ? scale | (w & Binary32.SIGN) : 0;
        }
    }

    /// @dev (by * (x * x * factor + 1)) * 1.5957691 with `by` in its place of the SPEC's products
    function _bend(uint256 x, uint256 factor, uint256 by) private pure returns (uint256) {
        uint256 inner = Binary32.add(Binary32.mul(Binary32.mul(x, x), factor), Binary32.ONE);
        return Binary32.mul(Binary32.mul(by, inner), 0x3fcc4229);
    }

    /// @dev The share of a normal distribution below x, and exp(-x * x / 2), both as the SPEC has them.
    function _shareBelow(uint256 x) private pure returns (uint256 share, uint256 bell) {
        uint256 u = Binary32.mul(Binary32.magnitude(x), 0x3f3504f3);
        bell = Machines.exp(Binary32.negate(Binary32.mul(u, u)));
        uint256 t = Binary32.div(Binary32.ONE, Machines.mulAdd(u, 0x3ea7ba05, Binary32.ONE));
        uint256 p = Machines.mulAdd(0x3f87dc22, t, 0xbfba00e3);
        p = Machines.mulAdd(p, t, 0x3fb5f0e3);
        p = Machines.mulAdd(p, t, 0xbe91a98e);
        p = Machines.mulAdd(p, t, 0x3e827906);
        uint256 tail = Binary32.mul(Binary32.mul(Binary32.mul(p, t), bell), 0x3f000000);
        share = Binary32.lt(x, 0) ? tail : Binary32.sub(Binary32.ONE, tail);
    }

    /// @dev (x * s) * (1 - s)
    function _bump(uint256 x, uint256 s) private pure returns (uint256) {
        return Binary32.mul(Binary32.mul(x, s), Binary32.sub(Binary32.ONE, s));
    }
}
