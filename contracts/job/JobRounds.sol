// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobBase} from "./JobBase.sol";

/// @title Rounds that got no certificate in time.
abstract contract JobRounds is JobBase {
    using TermsWords for Terms;

    /// @dev See IJobManager.
    function closeRound(Terms calldata terms, uint32 round, RoundUpdate[] calldata updates) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Running);
        bytes32 key = keccak256(abi.encode(jobId, job.attempt, round));
        uint256 slot = _rounds[key];
        uint256 deadline = uint32(slot);
        uint256 mask = (slot >> 32) & 0xff;
        if ((slot >> 40) & 1 == 1) revert RoundIsClosed();
        uint256[] memory ids = _workerIds(jobId, job, terms.workerCount());
        if (deadline == 0) {
            _workerIndex(ids, job.activeMask, msg.sender); // only they know whether a certificate is missing
            if (updates.length == 0) revert NoUpdates();
            deadline = block.timestamp + terms.roundSeconds();
            emit RoundOpened(jobId, uint32(job.attempt), round, uint64(deadline));
        }
        if (block.timestamp <= deadline) {
            for (uint256 i; i < updates.length; ++i) {
                mask |= _present(jobId, job, ids, round, updates[i], mask);
            }
        } else if (updates.length != 0) {
            revert TooLate(deadline);
        }
        bool isClosed = mask == job.activeMask || block.timestamp > deadline;
        _rounds[key] = deadline | (mask << 32) | (isClosed ? 1 << 40 : 0);
        if (isClosed) emit RoundClosed(jobId, uint32(job.attempt), round, uint8(mask));
    }

    function _present(
        bytes32 jobId,
        JobSlot.Job memory job,
        uint256[] memory ids,
        uint32 round,
        RoundUpdate calldata update,
        uint256 mask
    ) private returns (uint256 bit) {
        (uint256 index, address owner) = _workerIndex(ids, job.activeMask, update.operator);
        bit = 1 << index;
        if (mask & bit != 0) revert AlreadyDone(owner);
        _checkSigned(
            update.operator,
            JobTypes.roundUpdate(jobId, job.attempt, round, update),
            update.signature
        );
        emit RoundUpdatePresented(
            jobId,
            uint32(job.attempt),
            round,
            owner,
            update.updateRoot,
            update.cidDigest
        );
    }
}
