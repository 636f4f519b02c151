// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Binary32} from "../libraries/Binary32.sol";
import {Machine, Machines} from "./Machine.sol";

/// @title Steps of normalizations of rows and of channels. Sides stand above each function.
library Norms {
    using Machines for Machine;

    /// @dev columns
    function rowMean(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 columns = m.sides[0];
            if (step == columns) m.r[0] = Machines.over(m.foldLanes(), columns);
            else m.addToLane(step, m.read(0, m.element * columns + step));
        }
    }

    /// @dev columns, is centred, epsilon; operands x, mean
    function rowScale(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 columns = m.sides[0];
            if (step == columns) {
                m.r[0] = _scaleOf(Machines.over(m.foldLanes(), columns), m.sides[2]);
                return;
            }
            uint256 x = m.read(0, m.element * columns + step);
            if (m.sides[1] == 1) x = Binary32.sub(x, m.read(1, m.element));
            m.addToLane(step, Binary32.mul(x, x));
        }
    }

    /// @dev columns, is centred, has bias; operands x, gain, scale, mean, bias
    function rowNormal(Machine memory m, uint256) internal pure {
        unchecked {
            uint256 column = m.element % m.sides[0];
            uint256 u = _unit(m, m.element, 0, 2);
            u = Binary32.mul(u, m.read(1, column));
            m.r[0] = m.sides[2] == 1 ? Binary32.add(u, m.read(4, column)) : u;
        }
    }

    /// @dev columns, is centred; operands x, gain, scale, mean, dy; registers 1 and 2 are the SPEC's a and b
    function rowNormalGradient(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 columns = m.sides[0];
            bool isSecond = step > columns;
            uint256 column = isSecond ? step - columns - 1 : step;
            if (column < columns) {
                uint256 place = m.element - (m.element % columns) + column;
                uint256 w = _weighted(m, place);
                return m.addToLane(column, isSecond ? Binary32.mul(w, _unit(m, place, 0, 2)) : w);
            }
            uint256 mean = Machines.over(m.foldLanes(), columns);
            if (!isSecond) {
                if (m.sides[1] == 1) m.r[1] = mean;
                return;
            }
            uint256 product = Binary32.mul(_unit(m, m.element, 0, 2), mean);
            uint256 d = Binary32.sub(Binary32.sub(_weighted(m, m.element), m.r[1]), product);
            m.r[0] = Binary32.mul(d, m.read(2, m.element / columns));
        }
    }

    /// @dev columns, is centred, rows; operands x, none, scale, mean, dy
    function rowGainGradient(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256 place = step * m.sides[0] + m.element;
            m.accumulate(Binary32.mul(m.read(4, place), _unit(m, place, 0, 2)));
        }
    }

    /// @dev images, channels, area, what: 0 sum, 1 mean, 2 variance, 3 gradient of the gain; operands x, mean, scale, dy
    function channelSum(Machine memory m, uint256 step) internal pure {
        unchecked {
            uint256[] memory s = m.sides;
            (uint256 area, uint256 what) = (s[2], s[3]);
            if (step == s[0] * area) {
                m.r[0] = m.foldLanes();
                if (what == 1 || what == 2) m.r[0] = Binary32.div(m.r[0], _countOf(s[0], area));
                return;
            }
            uint256 place = ((step / area) * s[1] + m.element) * area + (step % area);
            uint256 x = m.read(0, place);
            if (what > 1) x = Binary32.sub(x, m.read(1, m.element));
            if (what == 2) x = Binary32.mul(x, x);
            if (what == 3) x = Binary32.mul(m.read(3, place), Binary32.mul(x, m.read(2, m.element)));
            m.addToLane(step % area, x);
        }
    }

    /// @dev epsilon; operand variance
    function channelScale(Machine memory m, uint256) internal pure {
        m.r[0] = _scaleOf(m.read(0, m.element), m.sides[0]);
    }

    /// @dev channels, area; operands x, mean, scale, gain, bias
    function channelNormal(Machine memory m, uint256) internal pure {
        unchecked {
            uint256 c = (m.element / m.sides[1]) % m.sides[0];
            uint256 u = Binary32.mul(_unitOfChannel(m, c), m.read(3, c));
            m.r[0] = Binary32.add(u, m.read(4, c));
        }
    }

    /// @dev channels, area, images; operands x, mean, scale, gain, dGain, dBias, dy
    function channelNormalGradient(Machine memory m, uint256) internal pure {
        unchecked {
            uint256 c = (m.element / m.sides[1]) % m.sides[0];
            uint256 count = _countOf(m.sides[2], m.sides[1]);
            uint256 d = Binary32.sub(m.read(6, m.element), Binary32.div(m.read(5, c), count));
            uint256 product = Binary32.mul(_unitOfChannel(m, c), Binary32.div(m.read(4, c), count));
            m.r[0] = Binary32.mul(Binary32.sub(d, product), Binary32.mul(m.read(3, c), m.read(2, c)));
        }
    }

    /// @dev 1 / sqrt(variance + epsilon)
    function _scaleOf(uint256 variance, uint256 epsilon) private pure returns (uint256) {
        return Binary32.div(Binary32.ONE, Binary32.sqrt(Binary32.add(variance, epsilon)));
    }

    /// @dev (x - mean) * scale of a row's value; the mean stands behind the scale
    function _unit(Machine memory m, uint256 place, uint256 x, uint256 scale) private pure returns (uint256) {
        unchecked {
            uint256 row = place / m.sides[0];
            uint256 value = m.read(x, place);
            if (m.sides[1] == 1) value = Binary32.sub(value, m.read(scale + 1, row));
            return Binary32.mul(value, m.read(scale, row));
        }
    }

    function _weighted(Machine memory m, uint256 place) private pure returns (uint256) {
        return Binary32.mul(m.read(4, place), m.read(1, place % m.sides[0]));
    }

    function _unitOfChannel(Machine memory m, uint256 c) private pure returns (uint256) {
        return Binary32.mul(Binary32.sub(m.read(0, m.element), m.read(1, c)), m.read(2, c));
    }

    function _countOf(uint256 images, uint256 area) private pure returns (uint256) {
        return Binary32.mul(Binary32.fromInt(int256(images)), Binary32.fromInt(int256(area)));
    }
}
