// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobManager} from "../interfaces/IJobManager.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {Member} from "../libraries/Member.sol";
import {TermsRules} from "../libraries/TermsRules.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobStart} from "./JobStart.sol";

/// @title From the posting of a job to its workers.
abstract contract JobMatching is JobStart, IJobManager {
    using TermsWords for Terms;
    using Member for uint256;

    uint256 internal constant MATCH_DIRECT = 2;

    /// @inheritdoc IJobManager
    function postJob(Terms calldata terms) public returns (bytes32 jobId) {
        JobSlot.Job memory job;
        jobId = _post(terms, job);
        _save(jobId, job);
        JobTypes.emitPosted(jobId, terms);
        _escrow(terms);
    }

    /// @inheritdoc IJobManager
    function assignWorkers(Terms calldata terms, Consent[] calldata consents) external {
        if (terms.matchMode() == MATCH_VOLUNTEER) return _inCourt(msg.data);
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Posted);
        if (msg.sender != terms.client()) revert NotClient(msg.sender);
        if (block.timestamp > job.deadline) revert TooLate(job.deadline);
        _assignSigned(jobId, terms, job, consents);
    }

    /// @dev Whether the sender may post the terms now.
    function _checkPosted(Terms calldata terms) internal view returns (bytes32 jobId) {
        if (msg.sender != terms.client()) revert NotClient(msg.sender);
        uint256 bounds = _bounds();
        if (block.timestamp < bounds >> 192) revert Paused(bounds >> 192);
        TermsRules.checkTerms(terms, bounds);
        jobId = _jobId(terms);
        if (_isKnown(jobId)) revert JobExists(jobId);
    }

    /// @dev Checks and fills a new job; the caller saves it.
    function _post(Terms calldata terms, JobSlot.Job memory job) private view returns (bytes32 jobId) {
        jobId = _checkPosted(terms);
        job.status = uint256(Status.Posted);
        if (terms.matchMode() == MATCH_VOLUNTEER) {
            job.deadline = block.timestamp + terms.volunteerSeconds();
            // Seconds of block time rise by at least one a block, so this height comes after the window.
            job.seedHeight = block.number + terms.volunteerSeconds() + SEED_BLOCKS;
        } else {
            job.deadline = block.timestamp + terms.runSeconds();
        }
    }

    function _assignSigned(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        Consent[] calldata consents
    ) private {
        if (terms.matchMode() == MATCH_VOLUNTEER) revert BadTerms(14);
        uint256 count = consents.length;
        if (count < terms.workerCountMin() || count > terms.workerCount()) revert TooFewWorkers(count);
        uint256[] memory members = new uint256[](count);
        uint256 reward = _rewardOf(terms);
        for (uint256 i; i < count; ++i) {
            Consent calldata consent = consents[i];
            members[i] = _admitted(consent.operator, terms, reward);
            _checkNew(members, i);
            bytes32 structHash = _consentHash(jobId, terms, members[i], consent.validUntil);
            _checkSigned(consent.operator, structHash, consent.signature);
        }
        _lockWorkers(members, terms);
        _run(jobId, terms, job, members, block.number + SEED_BLOCKS);
    }

    /// @dev Nobody works twice in a job.
    function _checkNew(uint256[] memory members, uint256 i) internal pure {
        uint256 id = members[i].id();
        for (uint256 j; j < i; ++j) if (members[j].id() == id) revert AlreadyDone(members[j].owner());
    }

    function _consentHash(
        bytes32 jobId,
        Terms calldata terms,
        uint256 member,
        uint256 validUntil
    ) internal view returns (bytes32) {
        if (block.timestamp > validUntil) revert SignatureExpired(validUntil);
        return JobTypes.offer(terms.matchMode() == MATCH_DIRECT, jobId, member.owner(), validUntil);
    }

    function _escrow(Terms calldata terms) private {
        uint64 amountGwei = terms.rewardGwei() + terms.auditDepositGwei();
        staking.escrow(terms.client(), amountGwei, terms.slateVersion(), terms.evaluatorCount());
    }
}
