// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {AccountSlot} from "../libraries/AccountSlot.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobSettlement} from "./JobSettlement.sol";

/// @title What follows from a claim that was lost in a dispute.
abstract contract JobProofs is JobSettlement {
    using JobSlot for JobSlot.Job;
    using TermsWords for Terms;

    IDisputeGame public immutable disputes;

    constructor(IDisputeGame disputes_) {
        disputes = disputes_;
    }

    /// @dev See IJobManager.
    function slashClaim(Terms calldata terms, IDisputeGame.Claim calldata claim) external {
        bytes32 jobId = _jobId(terms);
        JobSlot.Job memory job = _loadAny(jobId);
        Proven memory proven;
        (proven.claimId, proven.worker, proven.reporter) = disputes.lossOf(claim);
        if (proven.reporter == address(0) || claim.jobId != jobId) revert NotLost(proven.claimId);
        uint256 place = _placeOf(_workerIds(jobId, job, WORKERS_MAX), proven.worker, claim.asserter);
        if (job.isProven(place) || (job.activeMask >> place) & 1 == 0) {
            revert AlreadyDone(_owners[proven.worker]);
        }
        job.setProven(place);
        uint256 attempt = job.attempt;
        bool isJudged = job.status == uint256(Status.Submitted) || job.status == uint256(Status.Attesting);
        if (isJudged) {
            job.activeMask ^= 1 << place;
            _goOn(jobId, terms, job, proven);
        } else {
            _save(jobId, job);
        }
        uint64 slashed = _slashProven(jobId, terms, attempt, proven, isJudged);
        _splitProven(jobId, terms, proven, slashed);
    }

    function _slashProven(
        bytes32 jobId,
        Terms calldata terms,
        uint256 attempt,
        Proven memory proven,
        bool isRemoved
    ) private returns (uint64 slashed) {
        uint256[] memory ids = new uint256[](1);
        ids[0] = proven.worker;
        uint64 stake = terms.workerStakeGwei();
        address[] memory owners;
        uint256[] memory amounts;
        (owners, amounts, slashed) = _punish(ids, stake, isRemoved ? stake : 0, AccountSlot.INVALID);
        emit ClaimLost(jobId, proven.claimId, owners[0], proven.reporter);
        emit WorkersSlashed(jobId, uint32(attempt), owners, amounts, 0);
    }

    function _placeOf(
        uint256[] memory ids,
        uint256 worker,
        address asserter
    ) private pure returns (uint256 place) {
        for (; place < ids.length; ++place) if (ids[place] == worker) return place;
        revert NotParty(asserter);
    }

    /// @dev Evaluators of the attempt whose stake is still locked: those of the present panel, and those of an earlier one
    /// that revealed; its silent ones were slashed when this one was drawn.
    function _released(bytes32 jobId, JobSlot.Job memory job) private view returns (address[] memory) {
        uint256 locked = job.revealedMask;
        if (job.status == uint256(Status.Attesting)) locked |= JobSlot.range(job.panelStart, job.drawn);
        return _ownersOf(_evaluatorIds(jobId, job, locked));
    }

    /// @dev The next attempt without the worker; the end of the job where nobody is left.
    function _goOn(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        Proven memory proven
    ) private {
        proven.released = _released(jobId, job);
        if (job.activeMask == 0) {
            proven.endsJob = true;
            proven.refundGwei = _unpaid(jobId, terms, job);
        }
        _restart(jobId, terms, job, proven.refundGwei);
    }
}
