// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../interfaces/IJobTypes.sol";
import {IParameters} from "../interfaces/IParameters.sol";

/// @title Pure rules of what governance may set, and of what a client may post.
library TermsRules {
    uint256 private constant BPS = 10_000;
    uint256 private constant UNIT = 1e9;
    /// @dev Reward and deposit together; far above any supply, far below 64 bits.
    uint256 private constant AMOUNT_WEI_MAX = 1e27;

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

    /// @notice Reverts with BadTerms(index of the field) unless a client may post the terms.
    function checkTerms(IJobTypes.Terms calldata t, IParameters.Parameters memory p) internal pure {
        _checkAmounts(t, p);
        if (t.flops == 0) revert IJobTypes.BadTerms(7);
        if (t.workerCount == 0 || t.workerCount > 8) revert IJobTypes.BadTerms(11);
        if (t.workerCountMin == 0 || t.workerCountMin > t.workerCount) revert IJobTypes.BadTerms(12);
        if (t.evaluatorCount == 0 || t.evaluatorCount > 8) revert IJobTypes.BadTerms(13);
        if (t.matchMode > 2) revert IJobTypes.BadTerms(14);
        if (t.mode != 0) revert IJobTypes.BadTerms(15);
        if (t.kind > 31) revert IJobTypes.BadTerms(16);
        if (t.evaluatorBps < p.evaluatorBpsMin) revert IJobTypes.BadTerms(18);
        if (uint256(t.workerBps) + t.evaluatorBps + p.burnBpsMin > BPS) revert IJobTypes.BadTerms(17);
        if (t.reporterBps > p.reporterBpsMax) revert IJobTypes.BadTerms(19);
        if (uint256(t.reporterBps) + t.clientBps + p.slashBurnBpsMin > BPS) revert IJobTypes.BadTerms(20);
        if (t.timeoutBps > BPS) revert IJobTypes.BadTerms(21);
        _checkWindow(t.volunteerSeconds, 22, p);
        _checkWindow(t.runSeconds, 23, p);
        _checkWindow(t.drawSeconds, 24, p);
        _checkWindow(t.commitSeconds, 25, p);
        _checkWindow(t.revealSeconds, 26, p);
        _checkWindow(t.roundSeconds, 27, p);
        if (t.segmentCount == 0 || t.segmentCount > type(uint16).max) revert IJobTypes.BadTerms(28);
    }

    function _checkAmounts(IJobTypes.Terms calldata t, IParameters.Parameters memory p) private pure {
        if (t.rewardWei == 0) revert IJobTypes.BadTerms(3);
        _checkAmount(t.rewardWei, 3);
        _checkAmount(t.auditDepositWei, 4);
        _checkAmount(t.workerStakeWei, 5);
        _checkAmount(t.evaluatorStakeWei, 6);
        if (t.workerStakeWei / UNIT < p.stakeMinGwei) revert IJobTypes.BadTerms(5);
        if (t.evaluatorStakeWei / UNIT < p.stakeMinGwei) revert IJobTypes.BadTerms(6);
    }

    function _checkAmount(uint128 amountWei, uint8 field) private pure {
        if (amountWei % UNIT != 0 || amountWei > AMOUNT_WEI_MAX) revert IJobTypes.BadTerms(field);
    }

    function _checkWindow(uint32 window, uint8 field, IParameters.Parameters memory p) private pure {
        if (window < p.windowSecondsMin || window > p.windowSecondsMax) revert IJobTypes.BadTerms(field);
    }
}
