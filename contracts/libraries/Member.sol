// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title An account in one word, as the contracts hand it to each other.
/// @notice Low to high bits: owner 160 | id 24 | roles 2.
library Member {
    uint256 internal constant ID_BITS = 24;
    uint256 internal constant ID_MAX = (1 << ID_BITS) - 1;
    uint256 internal constant ROLE_WORKER = 1;
    uint256 internal constant ROLE_EVALUATOR = 2;

    function pack(address owner, uint256 id, uint256 roles) internal pure returns (uint256) {
        return uint256(uint160(owner)) | (id << 160) | (roles << 184);
    }

    function owner(uint256 member) internal pure returns (address) {
        return address(uint160(member));
    }

    function id(uint256 member) internal pure returns (uint256) {
        return (member >> 160) & ID_MAX;
    }

    function roles(uint256 member) internal pure returns (uint256) {
        return (member >> 184) & 3;
    }

    /// @notice The owners of members, in the same memory.
    function owners(uint256[] memory members) internal pure returns (address[] memory list) {
        for (uint256 i; i < members.length; ++i) members[i] = uint160(members[i]);
        assembly ("memory-safe") {
            list := members
        }
    }
}
