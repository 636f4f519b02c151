// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IStaking} from "../interfaces/IStaking.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {ConsentWord} from "../libraries/ConsentWord.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {Member} from "../libraries/Member.sol";
import {Shares} from "../libraries/Shares.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobBase} from "./JobBase.sol";

/// @title What both ways to get workers share.
abstract contract JobStart is JobBase {
    using TermsWords for Terms;
    using ConsentWord for uint256;
    using Member for uint256;
    using Member for uint256[];

    /// @dev Starts attempt 0. The list of members is used up.
    function _run(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        uint256[] memory members,
        uint256 beaconHeight
    ) internal {
        _start(jobId, terms, job, members);
        emit WorkersAssigned(jobId, members.owners(), uint64(beaconHeight));
    }

    function _start(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        uint256[] memory members
    ) internal {
        unchecked {
            job.status = uint256(Status.Running);
            job.activeMask = JobSlot.range(0, members.length);
            job.deadline = block.timestamp + terms.runSeconds();
            job.seedHeight = terms.drawSeconds();
            _setWorkers(jobId, job, members);
            _save(jobId, job);
        }
    }

    function _lockWorkers(uint256[] memory members, Terms calldata terms) internal {
        uint256 locked = staking.lock(members, terms.workerStakeGwei());
        for (uint256 i; i < members.length; ++i) {
            if ((locked >> i) & 1 == 0) revert IStaking.StakeTooLow(members[i].owner());
        }
    }

    /// @dev The member behind an operator; reverts unless it is a worker whose consent allows the job now.
    function _admitted(
        address operator,
        Terms calldata terms,
        uint256 rewardGwei
    ) internal view returns (uint256 member) {
        unchecked {
            member = _members[operator];
            if (member.roles() & Member.ROLE_WORKER == 0) revert IWorkerRegistry.NotRegistered(operator);
            uint256 hour = (block.timestamp / 1 hours) % 24;
            bool isAllowed =
                member.isWhole()
                    ? member.allows(terms.kind(), rewardGwei, hour)
                    : registry.allows(member.owner(), _demand(terms, rewardGwei));
            if (!isAllowed) revert IWorkerRegistry.ConsentRefused(member.owner());
        }
    }

    /// @dev What a worker may expect of the reward.
    function _rewardOf(Terms calldata terms) internal pure returns (uint256) {
        return Shares.ofBps(terms.rewardGwei(), terms.workerBps()) / terms.workerCount();
    }

    function _demand(
        Terms calldata terms,
        uint256 rewardGwei
    ) private pure returns (IWorkerRegistry.Demand memory) {
        uint256 megaflops = terms.flops() / 1e6;
        return
            IWorkerRegistry.Demand({
                kind: uint8(terms.kind()),
                segments: uint32(terms.segmentCount()),
                megaflops: megaflops > type(uint64).max ? type(uint64).max : uint64(megaflops),
                rewardGwei: uint64(rewardGwei)
            });
    }
}
