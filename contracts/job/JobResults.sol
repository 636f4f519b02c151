// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobManager} from "../interfaces/IJobManager.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {JobBase} from "./JobBase.sol";

/// @title What workers hand in: their results.
abstract contract JobResults is JobBase, IJobManager {
    /// @inheritdoc IJobManager
    function submitResult(Terms calldata terms, Result calldata result) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Running);
        if (block.timestamp > job.deadline) revert TooLate(job.deadline);
        uint256[] memory ids = _workerIds(jobId, job, terms.workerCount);
        _submit(jobId, job, ids, msg.sender, result);
        if (job.submittedMask == job.activeMask) _openEvaluation(jobId, terms, job);
        _save(jobId, job);
    }

    /// @inheritdoc IJobManager
    function submitResults(Terms calldata terms, SignedResult[] calldata results) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Running);
        if (block.timestamp > job.deadline) revert TooLate(job.deadline);
        uint256[] memory ids = _workerIds(jobId, job, terms.workerCount);
        for (uint256 i; i < results.length; ++i) {
            SignedResult calldata signed = results[i];
            _submit(jobId, job, ids, signed.operator, signed.result);
            bytes32 structHash = JobTypes.result(jobId, job.attempt, signed.result);
            _checkSigned(signed.operator, structHash, signed.signature);
        }
        if (job.submittedMask != job.activeMask) revert TooFewWorkers(results.length);
        _openEvaluation(jobId, terms, job);
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
