// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Pure rules of who gets how much. All amounts in gwei; the last receiver takes the remainder.
library Shares {
    uint256 internal constant BPS = 10_000;

    /// @notice `amount` times `bps` / 10,000, rounded down.
    function ofBps(uint64 amount, uint256 bps) internal pure returns (uint64) {
        unchecked {
            return uint64((uint256(amount) * bps) / BPS); // below 2^64 for bps <= 10,000
        }
    }

    /// @notice Credited segments of a worker: 16 bits for each index.
    function segmentsOf(uint128 segments, uint256 index) internal pure returns (uint256) {
        return (segments >> (index * 16)) & 0xffff;
    }

    /// @notice Credited segments of all workers.
    function totalOf(uint256 segments) internal pure returns (uint256 total) {
        unchecked {
            for (; segments != 0; segments >>= 16) total += segments & 0xffff;
        }
    }

    /// @notice Splits `pot` over workers 0 to 7 by credited segments; the last credited one takes the remainder.
    /// With no segment credited, all parts are zero.
    function bySegments(uint64 pot, uint128 segments) internal pure returns (uint64[8] memory parts) {
        unchecked {
            uint256 total; // at most 8 * 65,535
            uint256 last;
            uint256 rest = segments;
            for (uint256 i; rest != 0; ++i) {
                if (rest & 0xffff != 0) {
                    total += rest & 0xffff;
                    last = i;
                }
                rest >>= 16;
            }
            if (total == 0) return parts;
            uint64 left = pot;
            rest = segments;
            for (uint256 i; i < last; ++i) {
                uint64 part = uint64((uint256(pot) * (rest & 0xffff)) / total); // below the pot
                parts[i] = part;
                left -= part;
                rest >>= 16;
            }
            parts[last] = left;
        }
    }

    /// @notice Part `index` of `pot` in `count` equal parts; the last takes the remainder.
    function evenly(uint64 pot, uint256 count, uint256 index) internal pure returns (uint64) {
        uint256 each = pot / count;
        unchecked {
            return uint64(index + 1 == count ? pot - each * (count - 1) : each);
        }
    }

    /// @notice What the evaluators that agreed get together: the share of the reward where it is not paid yet,
    /// and from the audit deposit one usual fee for each evaluator beyond those the share is for.
    /// @param share evaluators' share of the reward
    /// @param expected evaluators it is for
    /// @param isSharePaid whether an earlier attestation got it
    /// @param agreed how many agreed
    /// @param depositLeft what is left of the audit deposit
    /// @return pot what they get
    /// @return fromDeposit the part of it that the deposit pays
    function evaluatorPot(
        uint64 share,
        uint256 expected,
        bool isSharePaid,
        uint256 agreed,
        uint64 depositLeft
    ) internal pure returns (uint64 pot, uint64 fromDeposit) {
        uint256 covered = isSharePaid ? 0 : expected;
        if (agreed > covered) {
            uint256 wanted = (uint256(share) * (agreed - covered)) / expected;
            fromDeposit = wanted < depositLeft ? uint64(wanted) : depositLeft;
        }
        pot = (isSharePaid ? 0 : share) + fromDeposit;
    }
}
