// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Weighted drawing without repetition over a short list.
library Lottery {
    /// @notice Draws up to `count` indices by weight. Entries of weight 0 are never drawn. Changes `weights`.
    /// @return drawn indices in the order of drawing
    function draw(
        uint64[] memory weights,
        bytes32 seed,
        uint256 count
    ) internal pure returns (uint256[] memory drawn) {
        uint256 sum;
        for (uint256 i; i < weights.length; ++i) sum += weights[i];
        drawn = new uint256[](count);
        uint256 found;
        for (; found < count && sum > 0; ++found) {
            uint256 place = uint256(keccak256(abi.encode(seed, found))) % sum;
            uint256 index;
            // Ends before the list does, since place < sum.
            while (place >= weights[index]) {
                place -= weights[index];
                ++index;
            }
            sum -= weights[index];
            weights[index] = 0;
            drawn[found] = index;
        }
        assembly ("memory-safe") {
            mstore(drawn, found)
        }
    }
}
