// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IEvaluatorPool} from "./interfaces/IEvaluatorPool.sol";
import {IJobManager} from "./interfaces/IJobManager.sol";
import {IMembers} from "./interfaces/IMembers.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IRandomness} from "./interfaces/IRandomness.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {IWorkerRegistry} from "./interfaces/IWorkerRegistry.sol";
import {Member} from "./libraries/Member.sol";
import {JobBase} from "./job/JobBase.sol";
import {JobCooperation} from "./job/JobCooperation.sol";
import {JobResults} from "./job/JobResults.sol";

/// @title Implements IJobManager: the usual way of a job here and in `job/`, the unusual ones in `JobCourt`.
contract JobManager is JobCooperation, JobResults, IMembers {
    using Member for uint256;

    address public immutable court;

    constructor(
        address token_,
        IWorkerRegistry registry_,
        IStaking staking_,
        IEvaluatorPool pool_,
        IRandomness randomness_,
        address timelock_,
        address court_
    ) JobBase(token_, registry_, staking_, pool_, randomness_, timelock_) {
        court = court_;
    }

    /// @inheritdoc IMembers
    function setMember(address operatorBefore, address operator, uint256 member) external {
        if (msg.sender != address(registry)) revert NotRegistry();
        if (operatorBefore != operator) delete _members[operatorBefore];
        _members[operator] = member;
        _owners[member.id()] = member.owner();
    }

    /// @inheritdoc IParameters
    function setParameters(Parameters calldata) external {
        _inCourt(msg.data);
    }

    /// @inheritdoc IJobManager
    function volunteer(Terms calldata) external {
        _inCourt(msg.data);
    }

    /// @inheritdoc IJobManager
    function closeRound(Terms calldata, uint32, RoundUpdate[] calldata) external {
        _inCourt(msg.data);
    }

    /// @inheritdoc IJobManager
    function completeJob(Terms calldata, Verdict calldata) external {
        _inCourt(msg.data);
    }

    /// @inheritdoc IJobManager
    function slash(Terms calldata, Verdict calldata) external {
        _inCourt(msg.data);
    }

    /// @inheritdoc IJobManager
    function slashClaim(Terms calldata, IDisputeGame.Claim calldata) external {
        _inCourt(msg.data);
    }

    /// @inheritdoc IJobManager
    function cancel(Terms calldata) external {
        _inCourt(msg.data);
    }

    /// @inheritdoc IJobManager
    function expire(Terms calldata) external {
        _inCourt(msg.data);
    }

    /// @inheritdoc IJobManager
    function jobIdOf(Terms calldata terms) external view returns (bytes32 jobId) {
        return _jobId(terms);
    }

    /// @inheritdoc IJobManager
    function openJobs() external view returns (uint256) {
        return staking.openJobs();
    }

    /// @inheritdoc IJobManager
    function jobState(bytes32) external view returns (JobState memory) {
        _readInCourt();
    }

    /// @inheritdoc IJobManager
    function volunteersOf(bytes32) external view returns (address[] memory) {
        _readInCourt();
    }

    /// @inheritdoc IJobManager
    function roundOf(bytes32, uint32, uint32) external view returns (uint8, uint64, bool) {
        _readInCourt();
    }

    /// @dev Runs a call with the court's code on this contract's storage; reverts as the court does.
    function _inCourt(bytes memory call) internal override {
        Address.functionDelegateCall(court, call);
    }

    /// @dev Answers a view with the court's code. The compiler cannot know that a delegatecall only reads; the
    /// court's functions of these names are views.
    function _readInCourt() private view {
        function() internal forward = _forward;
        function() internal view read;
        assembly ("memory-safe") {
            read := forward
        }
        read();
    }

    function _forward() private {
        bytes memory answer = Address.functionDelegateCall(court, msg.data);
        assembly ("memory-safe") {
            return(add(answer, 32), mload(answer))
        }
    }
}
