// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Amounts in units of 1e9 wei, three of which fit into a slot with room to spare.
library Gwei {
    uint256 internal constant UNIT = 1e9;

    /// @notice The amount is not a whole multiple of 1e9 wei, or too large.
    error NotWholeGwei(uint256 amountWei);

    /// @notice Wei to gwei, exactly.
    function fromWei(uint256 amountWei) internal pure returns (uint64) {
        if (amountWei % UNIT != 0 || amountWei / UNIT > type(uint64).max) revert NotWholeGwei(amountWei);
        return uint64(amountWei / UNIT);
    }

    /// @notice Gwei to wei.
    function toWei(uint64 amountGwei) internal pure returns (uint256) {
        unchecked {
            return uint256(amountGwei) * UNIT;
        }
    }
}
