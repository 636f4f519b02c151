// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobBase} from "./JobBase.sol";

/// @title What anyone can read of a job.
abstract contract JobViews is JobBase {
    using JobSlot for JobSlot.Job;

    /// @dev See IJobManager.
    function jobState(bytes32 jobId) external view returns (JobState memory state) {
        JobSlot.Job memory job = _loadAny(jobId);
        state.status = Status(job.status);
        state.attempt = uint8(job.attempt);
        state.panel = uint8(job.panel);
        state.activeMask = uint8(job.activeMask);
        if (state.status > Status.Attesting) state.activeMask &= ~uint8(job.provenMask());
        state.submittedMask = uint8(job.submittedMask);
        state.volunteerCount = uint8(job.volunteers);
        state.committedMask = uint16(job.committedMask);
        state.revealedMask = uint16(job.revealedMask);
        state.deadline = uint64(job.deadline);
        if (state.status != Status.Running) state.seedHeight = uint64(job.seedHeight);
        state.auditSpentWei = Gwei.toWei(_auditSpent(jobId, job));
        state.workers = _ownersOf(_workerIds(jobId, job, WORKERS_MAX));
        state.evaluators = _ownersOf(_evaluatorIds(jobId, job, JobSlot.range(0, job.drawn)));
    }

    /// @dev See IJobManager.
    function volunteersOf(bytes32 jobId) external view returns (address[] memory owners) {
        return _ownersOf(_volunteerIds(jobId, _loadAny(jobId).volunteers));
    }

    /// @dev See IJobManager.
    function roundOf(
        bytes32 jobId,
        uint32 attempt,
        uint32 round
    ) external view returns (uint8 mask, uint64 deadline, bool isClosed) {
        uint256 slot = _rounds[keccak256(abi.encode(jobId, uint256(attempt), round))];
        return (uint8(slot >> 32), uint32(slot), (slot >> 40) & 1 == 1);
    }
}
