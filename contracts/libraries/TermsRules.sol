// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../interfaces/IJobTypes.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {TermsWords} from "./TermsWords.sol";

/// @title Pure rules of what governance may set, and of what a client may post.
library TermsRules {
    using TermsWords for IJobTypes.Terms;

    uint256 private constant BPS = 10_000;
    /// @dev 1, and the top bit, in each of six lanes of 32 bits.
    uint256 private constant ONES = 0x000000010000000100000001000000010000000100000001;
    uint256 private constant TOPS = ONES << 31;
    /// @dev Far above any supply; a few together stay below 64 bits.
    uint256 private constant AMOUNT_GWEI_MAX = 1e18;

    /// @notice Reverts with BadParameter unless every parameter is within the bounds of the code.
    function checkParameters(IParameters.Parameters calldata p) internal view {
        if (p.burnBpsMin > 1000) revert IParameters.BadParameter(0);
        if (p.evaluatorBpsMin > 1000) revert IParameters.BadParameter(1);
        if (p.reporterBpsMax >= 5000) revert IParameters.BadParameter(2);
        if (p.slashBurnBpsMin == 0 || p.slashBurnBpsMin > 5000) revert IParameters.BadParameter(3);
        if (p.windowSecondsMin == 0 || p.windowSecondsMin > 1 hours) revert IParameters.BadParameter(4);
        if (p.windowSecondsMax < 1 hours || p.windowSecondsMax > 30 days) revert IParameters.BadParameter(5);
        if (p.stakeMinGwei > 1e15) revert IParameters.BadParameter(6);
        if (p.pausedUntil > block.timestamp + 14 days) revert IParameters.BadParameter(7);
    }

    /// @notice Reverts with BadTerms(number of the field) unless a client may post the terms.
    /// @param bounds IParameters.Parameters in one word, as they are stored
    function checkTerms(IJobTypes.Terms calldata t, uint256 bounds) internal pure {
        unchecked {
            _checkAmounts(t, (bounds >> 128) & type(uint64).max);
            if (t.flops() == 0) revert IJobTypes.BadTerms(7);
            if (t.workerCount() - 1 > 7) revert IJobTypes.BadTerms(11);
            if (t.workerCountMin() - 1 >= t.workerCount()) revert IJobTypes.BadTerms(12);
            if (t.evaluatorCount() - 1 > 7) revert IJobTypes.BadTerms(13);
            if (t.matchMode() > 2) revert IJobTypes.BadTerms(14);
            if (t.mode() > 1) revert IJobTypes.BadTerms(15);
            if (t.kind() > 31) revert IJobTypes.BadTerms(16);
            if (t.evaluatorBps() < (bounds >> 16) & 0xffff) revert IJobTypes.BadTerms(18);
            if (t.workerBps() + t.evaluatorBps() + (bounds & 0xffff) > BPS) revert IJobTypes.BadTerms(17);
            if (t.reporterBps() > (bounds >> 32) & 0xffff) revert IJobTypes.BadTerms(19);
            if (t.reporterBps() + t.clientBps() + ((bounds >> 48) & 0xffff) > BPS)
                revert IJobTypes.BadTerms(20);
            if (t.timeoutBps() > BPS) revert IJobTypes.BadTerms(21);
            _checkWindows(t.windows, (bounds >> 64) & 0xffffffff, (bounds >> 96) & 0xffffffff);
            if (t.windows >> 224 != 0) revert IJobTypes.BadTerms(29);
            if (t.segmentCount() - 1 >= type(uint16).max) revert IJobTypes.BadTerms(28);
        }
    }

    /// @dev All six windows at once, each in its lane of 32 bits. Bounds are below 2^31; with the top bit of a lane set,
    /// nothing is borrowed from the next, and the bit stays where the difference is not negative.
    function _checkWindows(uint256 windows, uint256 least, uint256 most) private pure {
        unchecked {
            uint256 lanes = windows & ((1 << 192) - 1);
            uint256 notBelow = (lanes | TOPS) - least * ONES;
            uint256 notAbove = (most * ONES + TOPS) - lanes;
            if (lanes & TOPS == 0 && notBelow & notAbove & TOPS == TOPS) return;
            for (uint8 field = 22; field < 28; ++field) {
                uint256 window = windows & 0xffffffff;
                if (window < least || window > most) revert IJobTypes.BadTerms(field);
                windows >>= 32;
            }
        }
    }

    function _checkAmounts(IJobTypes.Terms calldata t, uint256 stakeMin) private pure {
        uint256 reward = t.rewardGwei();
        if (reward == 0 || reward > AMOUNT_GWEI_MAX) revert IJobTypes.BadTerms(3);
        if (t.auditDepositGwei() > AMOUNT_GWEI_MAX) revert IJobTypes.BadTerms(4);
        uint256 stake = t.workerStakeGwei();
        if (stake < stakeMin || stake > AMOUNT_GWEI_MAX) revert IJobTypes.BadTerms(5);
        stake = t.evaluatorStakeGwei();
        if (stake < stakeMin || stake > AMOUNT_GWEI_MAX) revert IJobTypes.BadTerms(6);
    }
}
