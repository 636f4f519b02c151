// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What happens to an account when a job ends or moves on, in two words.
/// @notice First word, low to high bits: account 160 | fact 8. Second word: lock to release 64 | earnings to add 64, in
/// gwei. Lists are flat: two words for each posting.
library Posting {
    /// @notice Writes posting number `place` into a list.
    /// @param kind the fact: 0 none, 1 completed, 2 timed out, 3 invalid
    function write(
        uint256[] memory list,
        uint256 place,
        address who,
        uint256 kind,
        uint64 unlock,
        uint64 credit
    ) internal pure {
        list[2 * place] = uint256(uint160(who)) | (kind << 160);
        list[2 * place + 1] = uint256(unlock) | (uint256(credit) << 64);
    }

    function account(uint256 first) internal pure returns (address) {
        return address(uint160(first));
    }

    function fact(uint256 first) internal pure returns (uint8) {
        return uint8(first >> 160);
    }

    function unlockGwei(uint256 second) internal pure returns (uint64) {
        return uint64(second);
    }

    function creditGwei(uint256 second) internal pure returns (uint64) {
        return uint64(second >> 64);
    }
}
