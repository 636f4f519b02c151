// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobManager} from "../interfaces/IJobManager.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {Member} from "../libraries/Member.sol";
import {TermsRules} from "../libraries/TermsRules.sol";
import {JobStart} from "./JobStart.sol";

/// @title From the posting of a job to its workers.
abstract contract JobMatching is JobStart, IJobManager {
    using Member for uint256;

    uint8 internal constant MATCH_DIRECT = 2;

    /// @inheritdoc IJobManager
    function postJob(Terms calldata terms) public returns (bytes32 jobId) {
        JobSlot.Job memory job;
        jobId = _post(terms, job);
        _save(jobId, job);
        JobTypes.emitPosted(jobId, terms);
        _escrow(terms);
    }

    /// @inheritdoc IJobManager
    function openJob(Terms calldata terms, Consent[] calldata consents) external returns (bytes32 jobId) {
        JobSlot.Job memory job;
        jobId = _post(terms, job);
        JobTypes.emitPosted(jobId, terms);
        _assignSigned(jobId, terms, job, consents);
        _escrow(terms);
    }

    /// @inheritdoc IJobManager
    function assignWorkers(Terms calldata terms, Consent[] calldata consents) external {
        if (terms.matchMode == MATCH_VOLUNTEER) return _inCourt(msg.data);
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Posted);
        if (msg.sender != terms.client) revert NotClient(msg.sender);
        if (block.timestamp > job.deadline) revert TooLate(job.deadline);
        _assignSigned(jobId, terms, job, consents);
    }

    /// @dev Checks and fills a new job; the caller saves it.
    function _post(Terms calldata terms, JobSlot.Job memory job) private view returns (bytes32 jobId) {
        if (msg.sender != terms.client) revert NotClient(msg.sender);
        if (terms.token != token) revert TokenNotAllowed(terms.token);
        Parameters memory bounds = parameters();
        if (block.timestamp < bounds.pausedUntil) revert Paused(bounds.pausedUntil);
        TermsRules.checkTerms(terms, bounds);
        jobId = _jobId(terms);
        if (_isKnown(jobId)) revert JobExists(jobId);
        job.status = uint256(Status.Posted);
        if (terms.matchMode == MATCH_VOLUNTEER) {
            job.deadline = block.timestamp + terms.volunteerSeconds;
            // Seconds of block time rise by at least one a block, so this height comes after the window.
            job.seedHeight = block.number + terms.volunteerSeconds + SEED_BLOCKS;
        } else {
            job.deadline = block.timestamp + terms.runSeconds;
        }
    }

    function _assignSigned(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        Consent[] calldata consents
    ) private {
        if (terms.matchMode == MATCH_VOLUNTEER) revert BadTerms(14);
        uint256 count = consents.length;
        if (count < terms.workerCountMin || count > terms.workerCount) revert TooFewWorkers(count);
        address[] memory operators = new address[](count);
        for (uint256 i; i < count; ++i) operators[i] = consents[i].operator;
        uint256[] memory members = registry.admit(operators, _demand(terms));
        for (uint256 i; i < count; ++i) {
            Consent calldata consent = consents[i];
            address owner = members[i].owner();
            if (block.timestamp > consent.validUntil) revert SignatureExpired(consent.validUntil);
            for (uint256 j; j < i; ++j) if (members[j].owner() == owner) revert AlreadyDone(owner);
            bytes32 structHash = JobTypes.offer(
                terms.matchMode == MATCH_DIRECT,
                jobId,
                owner,
                consent.validUntil
            );
            _checkSigned(consent.operator, structHash, consent.signature);
        }
        _lockWorkers(members, terms);
        _run(jobId, terms, job, members, block.number + SEED_BLOCKS);
    }

    function _escrow(Terms calldata terms) private {
        uint64 amountGwei = Gwei.fromWei(uint256(terms.rewardWei) + terms.auditDepositWei);
        staking.escrow(terms.client, amountGwei, terms.slateVersion, terms.evaluatorCount);
    }
}
