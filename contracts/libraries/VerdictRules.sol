// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../interfaces/IJobTypes.sol";

/// @title Pure rules of what a verdict may say, and of when enough evaluators agree.
library VerdictRules {
    /// @notice Reverts with BadVerdict unless the verdict fits the attempt: only submitting workers are named or
    /// credited, nobody twice; no named worker is credited; a clean verdict has a model and credits somebody.
    function check(
        IJobTypes.Verdict calldata verdict,
        uint256 submittedMask,
        uint256 segmentsMax
    ) internal pure {
        verdict.metricMicros; // read, so that every word is known to be clean
        uint256 named = removedBy(verdict);
        if (named & ~submittedMask != 0) revert IJobTypes.BadVerdict();
        if (verdict.guiltyMask & verdict.withheldMask != 0) revert IJobTypes.BadVerdict();
        uint256 payable_ = submittedMask & ~named;
        unchecked {
            for (uint256 rest = verdict.segments; rest != 0; rest >>= 16) {
                if (rest & 0xffff > (payable_ & 1) * segmentsMax) revert IJobTypes.BadVerdict();
                payable_ >>= 1;
            }
        }
        if (named == 0 && (verdict.segments == 0 || verdict.modelHash == 0)) revert IJobTypes.BadVerdict();
    }

    /// @notice Reverts with BadVerdict where somebody who was not drawn, or the evaluator itself, is called lazy.
    function checkLazy(IJobTypes.Verdict calldata verdict, uint256 drawn, uint256 evaluator) internal pure {
        uint256 mask = verdict.lazyMask;
        if (mask >> drawn != 0 || (mask >> evaluator) & 1 != 0) revert IJobTypes.BadVerdict();
    }

    /// @notice Workers that the verdict removes.
    function removedBy(IJobTypes.Verdict calldata verdict) internal pure returns (uint256) {
        return uint256(verdict.guiltyMask) | verdict.withheldMask;
    }

    /// @notice Two must agree (one, where the terms want one evaluator), and more than half of all that revealed.
    function isQuorum(uint256 agreed, uint256 revealed, uint256 evaluatorCount) internal pure returns (bool) {
        return agreed >= (evaluatorCount == 1 ? 1 : 2) && agreed * 2 > revealed;
    }
}
