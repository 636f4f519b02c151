// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Binary32} from "../libraries/Binary32.sol";
import {Machine, Machines} from "./Machine.sol";

/// @title Steps of convolutions and poolings. Sides stand above each function; h and w are of the input.
library Images {
    using Machines for Machine;

    /// @dev c, h, w, o, kh, kw, padding above, oh, ow, has bias, padding on the left, strides down and across,
    /// distances of a window's places down and across, channels of a group; operands x, weights, bias
    function conv(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            uint256 window = s[4] * s[5];
            uint256 plane = m.element / (s[7] * s[8]);
            uint256 o = plane % s[3];
            if (step == s[15] * window) return m.accumulate(m.read(2, o));
            (uint256 iy, uint256 ix) = _tapOf(s, m.element, step);
            if (iy >= s[1] || ix >= s[2]) return;
            uint256 c = (o / _groupOuts(s)) * s[15] + step / window;
            uint256 x = m.read(0, (((plane / s[3]) * s[0] + c) * s[1] + iy) * s[2] + ix);
            m.accumulate(Binary32.mul(m.read(1, o * s[15] * window + step), x));
        }
    }

    /// @dev as `conv`; operands dy, weights
    function convInputGradient(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            uint256 plane = m.element / (s[1] * s[2]);
            uint256 ky = s[4] - 1 - ((step / s[5]) % s[4]);
            uint256 kx = s[5] - 1 - (step % s[5]);
            uint256 oy = ((m.element / s[2]) % s[1]) + s[6] - ky * s[13];
            uint256 ox = (m.element % s[2]) + s[10] - kx * s[14];
            if (oy >= s[7] * s[11] || ox >= s[8] * s[12] || oy % s[11] != 0 || ox % s[12] != 0) return;
            (oy, ox) = (oy / s[11], ox / s[12]);
            uint256 c = plane % s[0];
            uint256 o = (c / s[15]) * _groupOuts(s) + step / (s[4] * s[5]);
            uint256 dy = m.read(0, (((plane / s[0]) * s[3] + o) * s[7] + oy) * s[8] + ox);
            uint256 weight = m.read(1, ((o * s[15] + (c % s[15])) * s[4] + ky) * s[5] + kx);
            m.accumulate(Binary32.mul(weight, dy));
        }
    }

    /// @dev as `conv`, and n in the place of the bias; operands x, dy
    function convWeightGradient(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            uint256 area = s[7] * s[8];
            (uint256 iy, uint256 ix) = _tapOf(s, step, m.element);
            if (iy >= s[1] || ix >= s[2]) return;
            uint256 plane = m.element / (s[4] * s[5]);
            uint256 o = plane / s[15];
            uint256 c = (o / _groupOuts(s)) * s[15] + (plane % s[15]);
            uint256 dy = m.read(1, ((step / area) * s[3] + o) * area + (step % area));
            uint256 x = m.read(0, (((step / area) * s[0] + c) * s[1] + iy) * s[2] + ix);
            m.accumulate(Binary32.mul(dy, x));
        }
    }

    /// @dev h, w, oh, ow, kh, kw, stride down, padding above, stride across, padding on the left, is plain (2 x 2 by
    /// strides of 2, without padding); register 1 tells that a value was seen
    function maxPool(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            (uint256 iy, uint256 ix) = _placeOf(m, step);
            if (iy >= s[0] || ix >= s[1]) return;
            uint256 x = m.read(0, ((m.element / (s[2] * s[3])) * s[0] + iy) * s[1] + ix);
            m.r[0] = m.r[1] == 0 ? x : Binary32.max(m.r[0], x);
            m.r[1] = 1;
        }
    }

    /// @dev as `maxPool`; operands x, y, dy; one window a step
    function maxPoolGradient(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            (bool isThere, uint256 oy, uint256 ox) = _windowOf(m, step);
            if (!isThere) return;
            uint256 plane = m.element / (s[0] * s[1]);
            uint256 window = (plane * s[2] + oy) * s[3] + ox;
            uint256 here = m.element % (s[0] * s[1]);
            if (_firstEqual(m, plane * s[0] * s[1], oy, ox, m.read(1, window)) != here) return;
            uint256 dy = m.read(2, window);
            // The plain pooling copies dy, with the sign of a zero.
            if (s[10] == 1) m.r[0] = dy;
            else m.accumulate(dy);
        }
    }

    /// @dev as `maxPool`
    function averagePool(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            if (step == s[4] * s[5]) {
                uint256 count = _countOf(s, (m.element / s[3]) % s[2], m.element % s[3]);
                m.r[0] = Machines.over(m.r[0], count);
                return;
            }
            (uint256 iy, uint256 ix) = _placeOf(m, step);
            if (iy >= s[0] || ix >= s[1]) return;
            m.accumulate(m.read(0, ((m.element / (s[2] * s[3])) * s[0] + iy) * s[1] + ix));
        }
    }

    /// @dev as `maxPool`; one window a step
    function averagePoolGradient(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            (bool isThere, uint256 oy, uint256 ox) = _windowOf(m, step);
            if (!isThere) return;
            uint256 plane = m.element / (s[0] * s[1]);
            uint256 dy = m.read(0, (plane * s[2] + oy) * s[3] + ox);
            m.accumulate(Machines.over(dy, _countOf(s, oy, ox)));
        }
    }

    /// @dev area
    function globalAveragePool(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 area = m.sides[0];
            if (step == area) m.r[0] = Machines.over(m.foldLanes(), area);
            else m.addToLane(step, m.read(0, m.element * area + step));
        }
    }

    /// @dev area
    function globalAveragePoolGradient(Machine memory m, uint256) internal pure {
        m.r[0] = Machines.over(m.read(0, m.element / m.sides[0]), m.sides[0]);
    }

    /// @dev Where a place of a window lies in the image; not below the sides where it is outside. `output` is an index
    /// of a plane of outputs, `place` one of a window, whole planes and windows before them.
    function _tapOf(
        uint256[] memory s,
        uint256 output,
        uint256 place
    ) private pure returns (uint256 iy, uint256 ix) {
        unchecked {
            iy = ((output / s[8]) % s[7]) * s[11] + ((place / s[5]) % s[4]) * s[13] - s[6];
            ix = (output % s[8]) * s[12] + (place % s[5]) * s[14] - s[10];
        }
    }

    /// @dev Outputs of one group of a convolution.
    function _groupOuts(uint256[] memory s) private pure returns (uint256) {
        unchecked {
            return (s[3] * s[15]) / s[0];
        }
    }

    /// @dev Where place `step` of the element's window lies; not below the sides where it is outside.
    function _placeOf(Machine memory m, uint256 step) private pure returns (uint256 iy, uint256 ix) {
        unchecked {
            uint256[] memory s = m.sides;
            iy = ((m.element / s[3]) % s[2]) * s[6] + step / s[5] - s[7];
            ix = (m.element % s[3]) * s[8] + (step % s[5]) - s[9];
        }
    }

    /// @dev The window in which the element stands at place kh * kw - 1 - step, so that windows ascend.
    function _windowOf(
        Machine memory m,
        uint256 step
    ) private pure returns (bool isThere, uint256 oy, uint256 ox) {
        unchecked {
            uint256[] memory s = m.sides;
            oy = ((m.element / s[1]) % s[0]) + s[7] + 1 + step / s[5] - s[4];
            ox = (m.element % s[1]) + s[9] + 1 + (step % s[5]) - s[5];
            if (oy >= s[2] * s[6] || ox >= s[3] * s[8]) return (false, 0, 0);
            isThere = oy % s[6] == 0 && ox % s[8] == 0;
            (oy, ox) = (oy / s[6], ox / s[8]);
        }
    }

    /// @dev Place in its plane of the first value of a window that equals `value`.
    function _firstEqual(
        Machine memory m,
        uint256 plane,
        uint256 oy,
        uint256 ox,
        uint256 value
    ) private pure returns (uint256 place) {
        unchecked {
            uint256[] memory s = m.sides;
            for (uint256 k; k < s[4] * s[5]; ++k) {
                uint256 iy = oy * s[6] + k / s[5] - s[7];
                uint256 ix = ox * s[8] + (k % s[5]) - s[9];
                if (iy >= s[0] || ix >= s[1]) continue;
                place = iy * s[1] + ix;
                if (Binary32.eq(m.read(0, plane + place), value)) return place;
            }
            return type(uint256).max;
        }
    }

    /// @dev Places of a window that lie in the image.
    function _countOf(uint256[] memory s, uint256 oy, uint256 ox) private pure returns (uint256) {
        return _overlap(oy * s[6], s[4], s[7], s[0]) * _overlap(ox * s[8], s[5], s[9], s[1]);
    }

    function _overlap(uint256 start, uint256 size, uint256 pad, uint256 side) private pure returns (uint256) {
        uint256 low = start < pad ? pad : start;
        uint256 high = start + size < side + pad ? start + size : side + pad;
        return high - low;
    }
}
