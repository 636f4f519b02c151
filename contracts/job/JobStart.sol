// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IStaking} from "../interfaces/IStaking.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {Member} from "../libraries/Member.sol";
import {Shares} from "../libraries/Shares.sol";
import {JobBase} from "./JobBase.sol";

/// @title What both ways to get workers share.
abstract contract JobStart is JobBase {
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
        job.status = uint256(Status.Running);
        job.activeMask = JobSlot.range(0, members.length);
        job.deadline = block.timestamp + terms.runSeconds;
        job.seedHeight = 0;
        _setWorkers(jobId, job, members);
        _save(jobId, job);
        emit WorkersAssigned(jobId, members.owners(), uint64(beaconHeight));
    }

    function _lockWorkers(uint256[] memory members, Terms calldata terms) internal {
        uint256 locked = staking.lock(members, Gwei.fromWei(terms.workerStakeWei));
        for (uint256 i; i < members.length; ++i) {
            if ((locked >> i) & 1 == 0) revert IStaking.StakeTooLow(members[i].owner());
        }
    }

    function _demand(Terms calldata terms) internal pure returns (IWorkerRegistry.Demand memory) {
        uint256 megaflops = terms.flops / 1e6;
        return
            IWorkerRegistry.Demand({
                kind: terms.kind,
                segments: terms.segmentCount,
                megaflops: megaflops > type(uint64).max ? type(uint64).max : uint64(megaflops),
                rewardGwei: Shares.ofBps(Gwei.fromWei(terms.rewardWei), terms.workerBps) / terms.workerCount
            });
    }
}
