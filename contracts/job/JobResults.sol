// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobManager} from "../interfaces/IJobManager.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobBase} from "./JobBase.sol";

/// @title What workers hand in: their results.
abstract contract JobResults is JobBase, IJobManager {
    using TermsWords for Terms;

    /// @inheritdoc IJobManager
    function submitResult(Terms calldata terms, Result calldata result) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Running);
        if (block.timestamp > job.deadline) revert TooLate(job.deadline);
        uint256[] memory ids = _workerIds(jobId, job, terms.workerCount());
        _submit(jobId, job, ids, msg.sender, result);
        if (job.submittedMask == job.activeMask) _openEvaluation(jobId, terms, job);
        _save(jobId, job);
    }

    function _submit(
        bytes32 jobId,
        JobSlot.Job memory job,
        uint256[] memory ids,
        address operator,
        Result calldata result
    ) private {
        (uint256 index, address owner) = _workerIndex(ids, job.activeMask, operator);
        if ((job.submittedMask >> index) & 1 == 1) revert AlreadyDone(owner);
        job.submittedMask |= 1 << index;
        JobTypes.emitSubmitted(jobId, job.attempt, owner, result);
    }
}
