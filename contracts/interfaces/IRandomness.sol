// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The only door of the job contracts to a chain's randomness.
/// @notice A caller fixes a future height when it asks and never asks again, so nobody can shop for a block.
interface IRandomness {
    /// @notice The height is not reached yet, or its seed is no longer kept.
    error SeedUnknown(uint256 height);

    /// @notice The seed of a height.
    /// @param height block number, below the current one
    /// @return 32 bytes that nobody could know before that height
    function seed(uint256 height) external view returns (bytes32);
}
