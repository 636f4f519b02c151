// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEvaluatorPool} from "../../contracts/interfaces/IEvaluatorPool.sol";
import {IParameters} from "../../contracts/interfaces/IParameters.sol";
import {IStaking} from "../../contracts/interfaces/IStaking.sol";
import {ITrainToken} from "../../contracts/interfaces/ITrainToken.sol";
import {IWorkerRegistry} from "../../contracts/interfaces/IWorkerRegistry.sol";
import {World} from "./World.sol";

/// @notice What stake, seats and registrations tell those who follow them by their events alone.
contract MoneyEventsTest is World {
    address private owner;

    function setUp() public {
        setUpMarket(1, 1);
        owner = workers[0];
    }

    function test_tokenTellsDeposits() public {
        vm.deal(stranger, 2 ether);
        told();
        emit ITrainToken.Deposited(stranger, 2 ether);
        vm.prank(stranger);
        token.deposit{value: 2 ether}();
    }

    function test_stakingTellsEveryMove() public {
        give(owner, 9 ether);
        told();
        emit IStaking.Deposited(owner, 9 ether);
        vm.startPrank(owner);
        staking.depositCredit(owner, 9 ether);
        told();
        emit IStaking.Staked(owner, 4 ether);
        staking.stakeEarnings(4 ether);
        told();
        emit IStaking.EarningsWithdrawn(owner, stranger, 2 ether);
        staking.withdrawTo(stranger, 2 ether);
        told();
        emit IStaking.ThawStarted(owner, 5 ether, block.timestamp + 7 days);
        staking.unstake(5 ether);
        pass(7 days);
        told();
        emit IStaking.ThawWithdrawn(owner, 5 ether);
        eq(staking.withdrawThawed(), 5 ether, "answer");
        vm.stopPrank();
    }

    function test_stakingTellsWhatASlashTook() public {
        uint64 all = uint64(STAKE / 1e9);
        told();
        emit IStaking.Slashed(owner, STAKE);
        vm.prank(address(jobs));
        eq(staking.slash(owner, all + 1, 0, 3), all, "no more than there is");
    }

    function test_stakingTellsWhatIsDestroyed() public {
        uint256[] memory none = new uint256[](0);
        uint64 version = pool.slateVersion();
        vm.startPrank(address(jobs));
        staking.escrow(client, 7, version, 1);
        staking.settle(none, 0, 7, true);
        vm.stopPrank();
        told();
        emit IStaking.Burned(7e9);
        staking.flushBurned();
    }

    function test_poolTellsSeatsAndWeights() public {
        address evaluator = evaluators[0];
        give(evaluator, 5 ether);
        told();
        emit IEvaluatorPool.WeightChanged(evaluator, 0, 1005);
        vm.startPrank(evaluator);
        staking.stake(5 ether);
        told();
        emit IEvaluatorPool.Unseated(evaluator, 0);
        staking.unstake(1005 ether);
        vm.stopPrank();
        give(evaluator, 3 ether);
        told();
        emit IEvaluatorPool.Seated(evaluator, 0, 2);
        vm.prank(evaluator);
        staking.stake(3 ether);
        give(evaluator, 3 ether);
        vm.prank(evaluator);
        staking.unstake(3 ether);
        told();
        emit IEvaluatorPool.WeightChanged(evaluator, 0, 3);
        vm.prank(evaluator);
        staking.stake(3 ether);
    }

    function test_registryTellsWhoWorksForWhom() public {
        IWorkerRegistry.Entry memory entry = entryOf(owner, 3);
        entry.capabilitiesDigest = keccak256("capabilities");
        bytes memory binding = bindingOf(owner, operatorKey[owner]);
        for (uint256 i; i < 3; ++i) {
            told();
            if (i == 0) emit IWorkerRegistry.Registered(owner, entry.operator, 1, 3, entry.x25519Key);
            if (i == 1) emit IWorkerRegistry.ConsentChanged(owner, entry.consent);
            if (i == 2) emit IWorkerRegistry.ProfileChanged(owner, "peer", entry.capabilitiesDigest);
            vm.prank(owner);
            registry.register(entry, binding);
            binding = bindingOf(owner, operatorKey[owner]);
        }
        IWorkerRegistry.Consent memory consent = IWorkerRegistry.Consent(1, 2, 3, 4, 5);
        told();
        emit IWorkerRegistry.ConsentChanged(owner, consent);
        vm.startPrank(owner);
        registry.setConsent(consent);
        told();
        emit IWorkerRegistry.ProfileChanged(owner, "another", keccak256("more"));
        registry.setProfile("another", keccak256("more"));
        vm.stopPrank();
    }

    function test_courtTellsNewParameters() public {
        IParameters.Parameters memory parameters = jobs.parameters();
        parameters.burnBpsMin = 100;
        told();
        emit IParameters.ParametersChanged(parameters);
        vm.prank(address(timelock));
        jobs.setParameters(parameters);
    }

    function told() private {
        vm.expectEmit(true, true, true, true);
    }
}
