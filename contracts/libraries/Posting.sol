// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What happens to an account when a job ends or moves on, in one word.
/// @notice Low to high bits: account 160 | earnings to add 64, in gwei | fact 8 | lock to release 2: 0 none, 1 the first of
/// two amounts given beside the list, 2 the second.
library Posting {
    /// @param kind the fact: 0 none, 1 completed, 2 timed out, 3 invalid
    function pack(address who, uint64 credit, uint256 kind, uint256 lock) internal pure returns (uint256) {
        return uint256(uint160(who)) | (uint256(credit) << 160) | (kind << 224) | (lock << 232);
    }

    function account(uint256 posting) internal pure returns (address) {
        return address(uint160(posting));
    }

    function creditGwei(uint256 posting) internal pure returns (uint256) {
        return (posting >> 160) & type(uint64).max;
    }

    function fact(uint256 posting) internal pure returns (uint256) {
        return (posting >> 224) & 0xff;
    }

    /// @param unlocks the first amount 64 | the second 64, in gwei
    function unlockGwei(uint256 posting, uint256 unlocks) internal pure returns (uint256) {
        uint256 lock = posting >> 232;
        if (lock == 0) return 0;
        return (lock == 1 ? unlocks : unlocks >> 64) & type(uint64).max;
    }
}
