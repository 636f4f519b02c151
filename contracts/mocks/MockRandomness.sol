// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRandomness} from "../interfaces/IRandomness.sol";

/// @title Randomness for tests: a hash of salt and height, known once the height is reached.
contract MockRandomness is IRandomness {
    uint256 private _salt;

    /// @notice Changes every seed.
    function setSalt(uint256 salt) external {
        _salt = salt;
    }

    /// @inheritdoc IRandomness
    function seed(uint256 height) external view returns (bytes32) {
        if (height > block.number) revert SeedUnknown(height);
        return keccak256(abi.encode(_salt, height));
    }
}
