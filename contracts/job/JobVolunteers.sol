// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {JobSlot} from "../libraries/JobSlot.sol";
import {Lottery} from "../libraries/Lottery.sol";
import {Member} from "../libraries/Member.sol";
import {Posting} from "../libraries/Posting.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobStart} from "./JobStart.sol";

/// @title Workers that volunteer, and the lot among them.
abstract contract JobVolunteers is JobStart {
    using TermsWords for Terms;
    using Member for uint256;

    uint256 private constant VOLUNTEERS_MAX = 64;
    /// @dev Most weight of a volunteer, a million TRAIN.
    uint64 private constant WEIGHT_MAX_GWEI = 1e15;

    /// @dev See IJobManager.
    function volunteer(Terms calldata terms) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Posted);
        if (terms.matchMode() != MATCH_VOLUNTEER) revert BadTerms(14);
        if (block.timestamp > job.deadline || block.number >= job.seedHeight) revert TooLate(job.deadline);
        if (job.volunteers == VOLUNTEERS_MAX) revert TooManyVolunteers();
        uint256[] memory members = new uint256[](1);
        members[0] = _admitted(msg.sender, terms, _rewardOf(terms));
        (uint256 id, address owner) = (members[0].id(), members[0].owner());
        uint256[] memory present = _volunteerIds(jobId, job.volunteers);
        for (uint256 i; i < present.length; ++i) if (present[i] == id) revert AlreadyDone(owner);
        _addVolunteer(jobId, job, id);
        _save(jobId, job);
        emit Volunteered(jobId, owner);
        _lockWorkers(members, terms);
    }

    /// @dev See IJobManager; only volunteer mode comes here.
    function assignWorkers(Terms calldata terms, Consent[] calldata) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Posted);
        uint256 until = job.deadline + terms.runSeconds();
        if (block.timestamp > until) revert TooLate(until);
        if (job.volunteers < terms.workerCountMin()) revert TooFewWorkers(job.volunteers);
        bytes32 seed = keccak256(abi.encode(randomness.seed(job.seedHeight), jobId));
        uint256[] memory ids = _volunteerIds(jobId, job.volunteers);
        address[] memory owners = _ownersOf(ids);
        uint256[] memory drawn = Lottery.draw(_weightsOf(owners), seed, terms.workerCount());
        if (drawn.length < terms.workerCountMin()) revert TooFewWorkers(drawn.length);
        uint256 drawnMask;
        uint256[] memory members = new uint256[](drawn.length);
        for (uint256 i; i < drawn.length; ++i) {
            members[i] = Member.pack(owners[drawn[i]], ids[drawn[i]], Member.ROLE_WORKER);
            drawnMask |= 1 << drawn[i];
        }
        _run(jobId, terms, job, members, job.seedHeight);
        if (drawn.length < owners.length) _release(owners, terms, drawnMask);
    }

    /// @dev Releases the locks of all volunteers of a job that ends unassigned.
    function _releaseVolunteers(bytes32 jobId, Terms calldata terms, uint256 count) internal {
        if (count == 0) return;
        _release(_ownersOf(_volunteerIds(jobId, count)), terms, 0);
    }

    function _weightsOf(address[] memory owners) private view returns (uint64[] memory weights) {
        weights = staking.activeOf(owners);
        for (uint256 i; i < weights.length; ++i) {
            if (weights[i] > WEIGHT_MAX_GWEI) weights[i] = WEIGHT_MAX_GWEI;
        }
    }

    /// @dev Unlocks the workers' stake of the owners that are not in the mask.
    function _release(address[] memory owners, Terms calldata terms, uint256 keptMask) private {
        uint256[] memory postings = new uint256[](owners.length - JobSlot.count(keptMask));
        uint256 count;
        for (uint256 i; i < owners.length; ++i) {
            if ((keptMask >> i) & 1 == 0) postings[count++] = Posting.pack(owners[i], 0, 0, 1);
        }
        staking.settle(postings, terms.workerStakeGwei(), 0, false);
    }
}
