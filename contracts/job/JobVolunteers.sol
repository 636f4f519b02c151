// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IStaking} from "../interfaces/IStaking.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {Lottery} from "../libraries/Lottery.sol";
import {JobStart} from "./JobStart.sol";

/// @title Workers that volunteer, and the lot among them.
abstract contract JobVolunteers is JobStart {
    uint256 private constant VOLUNTEERS_MAX = 64;
    /// @dev Most weight of a volunteer, a million TRAIN.
    uint64 private constant WEIGHT_MAX_GWEI = 1e15;

    /// @dev See IJobManager.
    function volunteer(Terms calldata terms) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Posted);
        if (terms.matchMode != MATCH_VOLUNTEER) revert BadTerms(14);
        if (block.timestamp > job.deadline || block.number >= job.seedHeight) revert TooLate(job.deadline);
        if (job.volunteers == VOLUNTEERS_MAX) revert TooManyVolunteers();
        address[] memory operators = new address[](1);
        operators[0] = msg.sender;
        (address[] memory owners, uint32[] memory ids) = registry.admit(operators, _demand(terms));
        uint32[] memory present = _volunteerIds(jobId, job.volunteers);
        for (uint256 i; i < present.length; ++i) if (present[i] == ids[0]) revert AlreadyDone(owners[0]);
        _addVolunteer(jobId, job, ids[0]);
        _save(jobId, job);
        emit Volunteered(jobId, owners[0]);
        _lockWorkers(owners, terms);
    }

    /// @dev See IJobManager; only volunteer mode comes here.
    function assignWorkers(Terms calldata terms, Consent[] calldata) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Posted);
        _assignDrawn(jobId, terms, job);
    }

    /// @dev Releases the locks of all volunteers of a job that ends unassigned.
    function _releaseVolunteers(bytes32 jobId, Terms calldata terms, uint256 count) internal {
        if (count == 0) return;
        uint32[] memory ids = _volunteerIds(jobId, count);
        _release(registry.ownersOf(ids), terms, 0);
    }

    function _assignDrawn(bytes32 jobId, Terms calldata terms, JobSlot.Job memory job) private {
        if (block.timestamp > job.deadline + terms.runSeconds)
            revert TooLate(job.deadline + terms.runSeconds);
        if (job.volunteers < terms.workerCountMin) revert TooFewWorkers(job.volunteers);
        bytes32 seed = keccak256(abi.encode(randomness.seed(job.seedHeight), jobId));
        uint32[] memory all = _volunteerIds(jobId, job.volunteers);
        address[] memory volunteers = registry.ownersOf(all);
        uint64[] memory weights = staking.activeOf(volunteers);
        for (uint256 i; i < weights.length; ++i) {
            if (weights[i] > WEIGHT_MAX_GWEI) weights[i] = WEIGHT_MAX_GWEI;
        }
        uint256[] memory drawn = Lottery.draw(weights, seed, terms.workerCount);
        if (drawn.length < terms.workerCountMin) revert TooFewWorkers(drawn.length);
        address[] memory owners = new address[](drawn.length);
        uint32[] memory ids = new uint32[](drawn.length);
        uint256 drawnMask;
        for (uint256 i; i < drawn.length; ++i) {
            owners[i] = volunteers[drawn[i]];
            ids[i] = all[drawn[i]];
            drawnMask |= 1 << drawn[i];
        }
        _run(jobId, terms, job, owners, ids, job.seedHeight);
        if (drawn.length < volunteers.length) _release(volunteers, terms, drawnMask);
    }

    /// @dev Unlocks the workers' stake of the owners that are not in the mask.
    function _release(address[] memory owners, Terms calldata terms, uint256 keptMask) private {
        IStaking.Posting[] memory postings = new IStaking.Posting[](owners.length - JobSlot.count(keptMask));
        uint64 unlock = Gwei.fromWei(terms.workerStakeWei);
        uint256 count;
        for (uint256 i; i < owners.length; ++i) {
            if ((keptMask >> i) & 1 == 0) postings[count++] = IStaking.Posting(owners[i], unlock, 0, 0);
        }
        staking.settle(postings, 0, false);
    }
}
