// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Binary32} from "../libraries/Binary32.sol";

/// @title Runs one operation of Binary32 over many pairs, for tests that compare them with other arithmetic.
contract Binary32Batch {
    /// @notice Results of 4 bytes each for pairs of 4 and 4 bytes, big-endian.
    /// @param operation its place in the list of `_operationOf`
    function run(uint256 operation, bytes calldata pairs) external pure returns (bytes memory results) {
        unchecked {
            function(uint256, uint256) internal pure returns (uint256) perform = _operationOf(operation);
            uint256 count = pairs.length >> 3;
            results = new bytes(count << 2);
            for (uint256 i; i < count; ++i) {
                uint256 pair = uint64(bytes8(pairs[i << 3:]));
                uint256 result = perform(pair >> 32, pair & 0xffffffff);
                assembly ("memory-safe") {
                    let at := add(add(results, 32), shl(2, i))
                    mstore(at, or(shl(224, result), shr(32, shl(32, mload(at)))))
                }
            }
        }
    }

    function _operationOf(
        uint256 operation
    ) private pure returns (function(uint256, uint256) internal pure returns (uint256)) {
        if (operation == 0) return Binary32.add;
        if (operation == 1) return Binary32.sub;
        if (operation == 2) return Binary32.mul;
        if (operation == 3) return Binary32.div;
        if (operation == 4) return _sqrt;
        if (operation == 5) return _lt;
        if (operation == 6) return _le;
        if (operation == 7) return _eq;
        if (operation == 8) return Binary32.min;
        if (operation == 9) return Binary32.max;
        if (operation == 10) return _fromInt;
        if (operation == 11) return _toInt;
        return _nothing;
    }

    function _sqrt(uint256 a, uint256) private pure returns (uint256) {
        return Binary32.sqrt(a);
    }

    function _lt(uint256 a, uint256 b) private pure returns (uint256) {
        return Binary32.lt(a, b) ? 1 : 0;
    }

    function _le(uint256 a, uint256 b) private pure returns (uint256) {
        return Binary32.le(a, b) ? 1 : 0;
    }

    function _eq(uint256 a, uint256 b) private pure returns (uint256) {
        return Binary32.eq(a, b) ? 1 : 0;
    }

    function _fromInt(uint256 a, uint256) private pure returns (uint256) {
        return Binary32.fromInt(int32(uint32(a)));
    }

    function _toInt(uint256 a, uint256) private pure returns (uint256) {
        return uint32(int32(Binary32.toInt(a)));
    }

    function _nothing(uint256 a, uint256) private pure returns (uint256) {
        return a;
    }
}
