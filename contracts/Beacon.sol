// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRandomness} from "./interfaces/IRandomness.sol";

/// @title Randomness of the own chain: the consensus beacon of the last 8,192 heights.
/// @notice The chain calls `record` at the start of each block, before any transaction.
contract Beacon is IRandomness {
    uint256 public constant RING = 8192;
    address public constant SYSTEM = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;

    mapping(uint256 place => bytes32) private _seeds;

    error NotSystem(address sender);

    /// @notice Keeps the randomness of this block. Only the chain itself.
    function record() external {
        if (msg.sender != SYSTEM) revert NotSystem(msg.sender);
        _seeds[block.number % RING] = bytes32(block.prevrandao);
    }

    /// @inheritdoc IRandomness
    function seed(uint256 height) external view returns (bytes32 value) {
        if (height > block.number || height + RING <= block.number) revert SeedUnknown(height);
        value = _seeds[height % RING];
        if (value == 0) revert SeedUnknown(height);
    }
}
