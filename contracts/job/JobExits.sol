// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccountSlot} from "../libraries/AccountSlot.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {Shares} from "../libraries/Shares.sol";
import {JobVerdicts} from "./JobVerdicts.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobVolunteers} from "./JobVolunteers.sol";

/// @title The exits from every state.
abstract contract JobExits is JobVerdicts, JobVolunteers {
    using TermsWords for Terms;

    /// @dev See IJobManager.
    function cancel(Terms calldata terms) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Posted);
        if (msg.sender != terms.client()) revert NotClient(msg.sender);
        uint64 refund = _refundPosted(jobId, terms, job, Status.Cancelled);
        emit JobCancelled(jobId, Gwei.toWei(refund));
    }

    /// @dev See IJobManager.
    function expire(Terms calldata terms) external {
        bytes32 jobId = _jobId(terms);
        JobSlot.Job memory job = _loadAny(jobId);
        Status status = Status(job.status);
        if (status == Status.Posted) {
            _checkOver(job.deadline + (terms.matchMode() == MATCH_VOLUNTEER ? terms.runSeconds() : 0));
            uint64 refund = _refundPosted(jobId, terms, job, Status.Expired);
            emit JobExpired(jobId, status, Gwei.toWei(refund));
        } else if (status == Status.Running) {
            _checkOver(job.deadline);
            _expireRunning(jobId, terms, job);
        } else if (status == Status.Submitted) {
            _checkOver(job.deadline);
            _payUnresolved(jobId, terms, job);
        } else if (status == Status.Attesting) {
            _expireAttesting(jobId, terms, job);
        } else {
            revert WrongStatus(status);
        }
    }

    function _refundPosted(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        Status status
    ) private returns (uint64 refund) {
        refund = _unpaid(jobId, terms, job);
        _end(jobId, job, status);
        _releaseVolunteers(jobId, terms, job.volunteers);
        _splitSlashed(jobId, terms, 0, refund, true);
    }

    /// @dev Silent workers lose a part of their lock. What others submitted is evaluated; with nothing submitted the
    /// client is refunded.
    function _expireRunning(bytes32 jobId, Terms calldata terms, JobSlot.Job memory job) private {
        uint256 missing = job.activeMask & ~job.submittedMask;
        uint256[] memory silent = _pick(_workerIds(jobId, job, WORKERS_MAX), missing);
        uint64 refund;
        bool isOver = job.submittedMask == 0;
        if (isOver) {
            refund = _unpaid(jobId, terms, job);
            _end(jobId, job, Status.Expired);
            emit JobExpired(jobId, Status.Running, Gwei.toWei(refund));
        } else {
            job.activeMask = job.submittedMask;
            _openEvaluation(jobId, terms, job);
            _save(jobId, job);
        }
        uint64 stake = terms.workerStakeGwei();
        (address[] memory owners, uint256[] memory amounts, uint64 total) = _punish(
            silent,
            Shares.ofBps(stake, terms.timeoutBps()),
            stake,
            AccountSlot.TIMED_OUT
        );
        emit WorkersTimedOut(jobId, uint32(job.attempt), owners, amounts);
        _splitSlashed(jobId, terms, total, refund, isOver);
    }

    /// @dev Attesting past its deadline, without a quorum.
    function _expireAttesting(bytes32 jobId, Terms calldata terms, JobSlot.Job memory job) private {
        (, uint256 until) = _revealWindow(terms, job);
        if (block.timestamp <= until) {
            bool isSilent = block.timestamp > job.deadline && !_hasAnyCommitted(job);
            if (!isSilent) revert TooEarly(until + 1);
        }
        bytes16 verdictHash = _verdictWithQuorum(jobId, terms, job);
        if (verdictHash != 0) revert QuorumReached(verdictHash);
        if (job.panel == 0) return _redraw(jobId, terms, job);
        _payUnresolved(jobId, terms, job);
    }

    /// @dev No verdict can be had: pays who submitted in equal parts, and who revealed. Never refunds the client for
    /// work that evaluators slept over.
    function _payUnresolved(bytes32 jobId, Terms calldata terms, JobSlot.Job memory job) private {
        uint256 silent = JobSlot.range(job.panelStart, job.drawn) & ~job.revealedMask;
        if (job.status != uint256(Status.Attesting)) silent = 0; // they were dealt with at the redraw
        Payment memory payment = _payment(jobId, job, job.revealedMask);
        payment.fact = 0;
        payment.workers = _workerIds(jobId, job, terms.workerCount());
        payment.workerMask = job.submittedMask;
        for (uint256 i; i < 8; ++i)
            payment.segments |= uint128((job.submittedMask >> i) & 1) << uint128(16 * i);
        Status from = Status(job.status);
        _end(jobId, job, Status.Expired);
        _slashEvaluators(jobId, terms, job.attempt, _evaluatorIds(jobId, job, silent), false);
        uint64 refund = _payOut(terms, job, payment);
        emit JobExpired(jobId, from, Gwei.toWei(refund));
    }

    function _checkOver(uint256 deadline) private view {
        if (block.timestamp <= deadline) revert TooEarly(deadline + 1);
    }

    function _hasAnyCommitted(JobSlot.Job memory job) private pure returns (bool) {
        return job.committedMask & JobSlot.range(job.panelStart, job.drawn) != 0;
    }
}
