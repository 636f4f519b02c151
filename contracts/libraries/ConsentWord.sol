// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";

/// @title Consent records in the 70 bits that an operator's slot has left, so that most are checked without a
/// further read.
/// @notice From bit 186 on: whole 1 | kinds 15 | hours 24 | least reward 30, in units of 0.001 TRAIN. A record that does
/// not fit exactly, or that has caps, stands elsewhere alone and leaves `whole` clear.
library ConsentWord {
    uint256 private constant WHOLE = 1 << 186;
    uint256 private constant REWARD_UNIT_GWEI = 1e6;

    /// @notice The bits to add to an operator's slot.
    function pack(IWorkerRegistry.Consent calldata consent) internal pure returns (uint256) {
        uint256 units = consent.rewardMinGwei / REWARD_UNIT_GWEI;
        bool isWhole =
            consent.segmentsMax == type(uint32).max &&
                consent.megaflopsMax == type(uint64).max &&
                consent.kinds >> 15 == 0 &&
                consent.hours24 >> 24 == 0 &&
                units * REWARD_UNIT_GWEI == consent.rewardMinGwei &&
                units >> 30 == 0;
        if (!isWhole) return 0;
        return WHOLE | (uint256(consent.kinds) << 187) | (uint256(consent.hours24) << 202) | (units << 226);
    }

    /// @notice Whether the slot holds the whole record.
    function isWhole(uint256 slot) internal pure returns (bool) {
        return slot & WHOLE != 0;
    }

    /// @notice Whether the record in the slot allows a job in an hour of the day.
    function allows(
        uint256 slot,
        uint256 kind,
        uint256 rewardGwei,
        uint256 hour
    ) internal pure returns (bool) {
        unchecked {
            return
                kind < 15 &&
                (slot >> (187 + kind)) & (slot >> (202 + hour)) & 1 == 1 &&
                rewardGwei >= (slot >> 226) * REWARD_UNIT_GWEI;
        }
    }

    /// @notice Whether a record allows a job in an hour of the day.
    function allows(
        IWorkerRegistry.Consent memory consent,
        IWorkerRegistry.Demand calldata demand,
        uint256 hour
    ) internal pure returns (bool) {
        return
            demand.kind < 32 &&
            (consent.kinds >> demand.kind) & 1 == 1 &&
            (consent.hours24 >> hour) & 1 == 1 &&
            demand.segments <= consent.segmentsMax &&
            demand.megaflops <= consent.megaflopsMax &&
            demand.rewardGwei >= consent.rewardMinGwei;
    }
}
