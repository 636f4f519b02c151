// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IRandomness} from "../../contracts/interfaces/IRandomness.sol";
import {IWorkerRegistry} from "../../contracts/interfaces/IWorkerRegistry.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract DrawEvaluatorsTest is World {
    function setUp() public {
        setUpMarket(3, 4);
    }

    function test_drawsTheWantedNumberAndLocks() public {
        PlainTerms memory terms = openAndSubmit();
        address[] memory expected;
        pass(2);
        expected = jobs.previewEvaluators(terms.pack());
        vm.prank(stranger);
        address[] memory drawn = jobs.drawEvaluators(terms.pack());
        eq(drawn.length, 2, "two");
        ok(drawn[0] != drawn[1], "without repetition");
        for (uint256 i; i < 2; ++i) {
            eq(drawn[i], expected[i], "as previewed");
            eq(drawn[i], stateOf(terms).evaluators[i], "as stored");
            eq(lockedOf(drawn[i]), 50 ether, "locked");
        }
        eq(stateOf(terms).deadline, block.timestamp + 120, "commit window");
        expectStatus(terms, IJobTypes.Status.Attesting);
    }

    function test_waitsForTheSeed() public {
        PlainTerms memory terms = openAndSubmit();
        uint256 height = stateOf(terms).seedHeight;
        pass(1);
        expectFail(
            client,
            abi.encodeCall(jobs.drawEvaluators, (terms.pack())),
            abi.encodeWithSelector(IRandomness.SeedUnknown.selector, height)
        );
    }

    function test_refusesAfterTheWindow() public {
        PlainTerms memory terms = openAndSubmit();
        pass(61);
        expectFail(
            client,
            abi.encodeCall(jobs.drawEvaluators, (terms.pack())),
            abi.encodeWithSelector(IJobTypes.TooLate.selector, block.timestamp - 1)
        );
    }

    function test_neverDrawsPartiesOfTheJob() public {
        register(workers[0], 3); // worker and evaluator
        register(workers[1], 3);
        fund(evaluators[0], 2000 ether);
        for (uint256 salt; salt < 12; ++salt) {
            randomness.setSalt(salt);
            PlainTerms memory terms = newTerms(2);
            terms.client = evaluators[0]; // the client evaluates elsewhere
            terms.rewardWei = 10 ether;
            terms.auditDepositWei = 0;
            terms.workerStakeWei = 10 ether;
            terms.evaluatorStakeWei = 1 ether;
            terms.evaluatorCount = 5;
            open(terms);
            submitAll(terms);
            address[] memory drawn = draw(terms);
            eq(drawn.length, 3, "three are no party");
            for (uint256 i; i < 3; ++i) {
                ok(drawn[i] != workers[0] && drawn[i] != workers[1], "no worker");
                ok(drawn[i] != evaluators[0], "not the client");
            }
        }
    }

    function test_neverDrawsWhoJoinedAfterThePosting() public {
        PlainTerms memory terms = newTerms(2);
        terms.evaluatorCount = 4;
        open(terms);
        address late = addActor(2, STAKE * 100);
        IWorkerRegistry.Entry memory entry = entryOf(evaluators[0], 2);
        entry.x25519Key = keccak256("another key"); // what is sealed to the old key cannot be read with it
        bytes memory binding = bindingOf(evaluators[0], operatorKey[evaluators[0]]);
        vm.prank(evaluators[0]);
        registry.register(entry, binding);
        submitAll(terms);
        address[] memory drawn = draw(terms);
        eq(drawn.length, 3, "three had their key sealed");
        for (uint256 i; i < 3; ++i) ok(drawn[i] != late && drawn[i] != evaluators[0], "none is new");
    }

    function test_passesOverEvaluatorsWithoutFreeStake() public {
        PlainTerms memory first = openAndSubmit();
        first.nonce = nextNonce; // the next one
        PlainTerms memory terms = newTerms(2);
        terms.evaluatorStakeWei = 980 ether;
        terms.evaluatorCount = 4;
        open(terms);
        submitAll(terms);
        first.nonce -= 1;
        pass(2);
        address[] memory busy = jobs.drawEvaluators(first.pack());
        address[] memory drawn = jobs.drawEvaluators(terms.pack());
        eq(drawn.length, 2, "two have stake free");
        for (uint256 i; i < 2; ++i) ok(drawn[i] != busy[0] && drawn[i] != busy[1], "not the busy ones");
        eq(lockedOf(busy[0]), 50 ether, "no lock was taken from the busy");
    }

    function test_whoHasNoStakeFreeIsReplaced() public {
        PlainTerms memory terms = openAndSubmit();
        pass(2);
        address[] memory first = jobs.previewEvaluators(terms.pack());
        uint256[] memory busy = new uint256[](1);
        busy[0] = uint160(first[0]);
        vm.prank(address(jobs));
        staking.lock(busy, uint64(STAKE / 1e9) - 49e9);
        address[] memory drawn = jobs.drawEvaluators(terms.pack());
        eq(drawn.length, 2, "two all the same");
        eq(drawn[0], first[1], "who was free");
        ok(drawn[1] != first[0] && drawn[1] != first[1], "and another one");
        eq(lockedOf(drawn[1]), 50 ether, "locked");
        eq(lockedOf(first[0]), STAKE - 49 ether, "nothing more of the busy one");
        eq(stateOf(terms).evaluators[1], drawn[1], "kept");
    }

    function test_reportsWhenNobodyCanBeDrawn() public {
        PlainTerms memory terms = openAndSubmit();
        for (uint256 i; i < 4; ++i) {
            vm.prank(evaluators[i]);
            staking.unstake(STAKE);
        }
        pass(2);
        expectFail(
            client,
            abi.encodeCall(jobs.drawEvaluators, (terms.pack())),
            abi.encodeWithSelector(IJobTypes.NoCandidates.selector)
        );
    }
}
