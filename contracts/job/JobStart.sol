// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IStaking} from "../interfaces/IStaking.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {Shares} from "../libraries/Shares.sol";
import {JobBase} from "./JobBase.sol";

/// @title What both ways to get workers share.
abstract contract JobStart is JobBase {
    /// @dev Starts attempt 0.
    function _run(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        address[] memory owners,
        uint32[] memory ids,
        uint256 beaconHeight
    ) internal {
        job.status = uint256(Status.Running);
        job.activeMask = JobSlot.range(0, ids.length);
        job.deadline = block.timestamp + terms.runSeconds;
        job.seedHeight = 0;
        _setWorkers(jobId, job, ids);
        _save(jobId, job);
        emit WorkersAssigned(jobId, owners, uint64(beaconHeight));
        emit AttemptStarted(jobId, 0, uint8(job.activeMask), uint64(job.deadline));
    }

    function _lockWorkers(address[] memory owners, Terms calldata terms) internal {
        uint256 locked = staking.lock(owners, Gwei.fromWei(terms.workerStakeWei));
        for (uint256 i; i < owners.length; ++i) {
            if ((locked >> i) & 1 == 0) revert IStaking.StakeTooLow(owners[i]);
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
