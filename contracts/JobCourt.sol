// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IEvaluatorPool} from "./interfaces/IEvaluatorPool.sol";
import {IParameters} from "./interfaces/IParameters.sol";
import {IRandomness} from "./interfaces/IRandomness.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {IWorkerRegistry} from "./interfaces/IWorkerRegistry.sol";
import {JobBase} from "./job/JobBase.sol";
import {JobExits} from "./job/JobExits.sol";
import {JobProofs} from "./job/JobProofs.sol";
import {JobRounds} from "./job/JobRounds.sol";
import {JobViews} from "./job/JobViews.sol";
import {TermsRules} from "./libraries/TermsRules.sol";

/// @title The second half of the job manager's code: volunteers, guilty verdicts, proofs, redraws, rounds without a certificate,
/// and the exits from every state.
/// @notice The manager runs it by delegatecall on its own storage, since one contract would be above the size that
/// chains accept. Fixed at creation, as the manager is. It holds nothing itself.
contract JobCourt is JobExits, JobProofs, JobRounds, JobViews {
    constructor(
        address token_,
        IWorkerRegistry registry_,
        IStaking staking_,
        IEvaluatorPool pool_,
        IRandomness randomness_,
        address timelock_,
        IDisputeGame disputes_
    ) JobBase(token_, registry_, staking_, pool_, randomness_, timelock_) JobProofs(disputes_) {}

    /// @inheritdoc IParameters
    function setParameters(Parameters calldata parameters_) external {
        if (msg.sender != timelock) revert NotGovernance(msg.sender);
        TermsRules.checkParameters(parameters_);
        _parameters = parameters_;
        emit ParametersChanged(parameters_);
    }

    /// @dev It is the court already.
    function _inCourt(bytes memory) internal pure override {
        assert(false);
    }
}
