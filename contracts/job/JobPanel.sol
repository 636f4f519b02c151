// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccountSlot} from "../libraries/AccountSlot.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {VerdictRules} from "../libraries/VerdictRules.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobSettlement} from "./JobSettlement.sol";

/// @title Where the evaluators of an attempt stand.
abstract contract JobPanel is JobSettlement {
    using TermsWords for Terms;

    /// @dev Evaluators of the attempt that revealed this verdict.
    function _agreeing(
        bytes32 jobId,
        JobSlot.Job memory job,
        bytes16 verdictHash
    ) internal view returns (uint256 mask) {
        for (uint256 i; i < job.drawn; ++i) {
            if ((job.revealedMask >> i) & 1 == 0) continue;
            if (_verdictOf(jobId, job.attempt, i) == verdictHash) mask |= 1 << i;
        }
    }

    function _hasQuorum(
        Terms calldata terms,
        JobSlot.Job memory job,
        uint256 agreed
    ) internal pure returns (bool) {
        return
            VerdictRules.isQuorum(
                JobSlot.count(agreed),
                JobSlot.count(job.revealedMask),
                terms.evaluatorCount()
            );
    }

    /// @dev Evaluators of the mask with their locks.
    function _payment(
        bytes32 jobId,
        JobSlot.Job memory job,
        uint256 evaluatorMask
    ) internal view returns (Payment memory payment) {
        payment.jobId = jobId;
        payment.evaluators = _ownersOf(_evaluatorIds(jobId, job, evaluatorMask));
        payment.hasLocks = true;
        payment.fact = AccountSlot.COMPLETED;
    }

    function _hasAllCommitted(JobSlot.Job memory job) internal pure returns (bool) {
        uint256 panel = JobSlot.range(job.panelStart, job.drawn);
        return job.committedMask & panel == panel;
    }

    /// @dev When commitments may be opened: after the last commitment, else after the commit window.
    function _revealWindow(
        Terms calldata terms,
        JobSlot.Job memory job
    ) internal pure returns (uint256 from, uint256 until) {
        if (_hasAllCommitted(job)) return (0, job.deadline);
        return (job.deadline + 1, job.deadline + terms.revealSeconds());
    }
}
