// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Whose stake is held.
interface IHolds {
    /// @notice Whether a claim of an owner's operators is disputed, or was lost less than a day ago: its stake stays.
    function isHeld(address owner) external view returns (bool);
}
