// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The job manager's own copy of who stands behind an operator key, so that a call of an operator costs one read.
interface IMembers {
    error NotRegistry();

    /// @notice Notes the member behind an operator key, and forgets the key it used before. Only the registry.
    /// @param operatorBefore zero when there was none
    /// @param member see `libraries/Member.sol` and `libraries/ConsentWord.sol`
    function setMember(address operatorBefore, address operator, uint256 member) external;
}
