// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IStaking} from "../../contracts/interfaces/IStaking.sol";
import {IWorkerRegistry} from "../../contracts/interfaces/IWorkerRegistry.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract VolunteerTest is World {
    function setUp() public {
        setUpMarket(5, 3);
    }

    function test_locksStakeUntilTheAssignment() public {
        PlainTerms memory terms = newTerms(0);
        post(terms);
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.Volunteered(jobs.jobIdOf(terms.pack()), workers[0]);
        volunteerFor(terms, 0);
        eq(lockedOf(workers[0]), 100 ether, "locked");
        eq(jobs.volunteersOf(jobs.jobIdOf(terms.pack()))[0], workers[0], "listed");
        eq(stateOf(terms).volunteerCount, 1, "counted");
    }

    function test_refusesTwice() public {
        PlainTerms memory terms = newTerms(0);
        post(terms);
        volunteerFor(terms, 0);
        volunteerFor(terms, 1);
        refused(terms, workers[0], abi.encodeWithSelector(IJobTypes.AlreadyDone.selector, workers[0]));
    }

    function test_refusesAfterTheWindow() public {
        PlainTerms memory terms = newTerms(0);
        post(terms);
        uint256 until = block.timestamp + 10;
        pass(10);
        volunteerFor(terms, 0);
        pass(1);
        refused(terms, workers[1], abi.encodeWithSelector(IJobTypes.TooLate.selector, until));
    }

    function test_refusesOnceTheSeedIsNear() public {
        PlainTerms memory terms = newTerms(0);
        post(terms);
        uint256 until = block.timestamp + 10;
        vm.roll(block.number + 12); // heights that run ahead of time must not show the seed first
        refused(terms, workers[1], abi.encodeWithSelector(IJobTypes.TooLate.selector, until));
    }

    function test_refusesOtherModes() public {
        PlainTerms memory terms = newTerms(1);
        post(terms);
        refused(terms, workers[0], badTerms(14));
    }

    function test_refusesEvaluatorsAndStrangers() public {
        PlainTerms memory terms = newTerms(0);
        post(terms);
        address operator = operatorOf(evaluators[0]);
        refused(
            terms,
            evaluators[0],
            abi.encodeWithSelector(IWorkerRegistry.NotRegistered.selector, operator)
        );
        expectFail(
            stranger,
            abi.encodeCall(jobs.volunteer, (terms.pack())),
            abi.encodeWithSelector(IWorkerRegistry.NotRegistered.selector, stranger)
        );
    }

    function test_refusesWithoutFreeStake() public {
        PlainTerms memory terms = newTerms(0);
        terms.workerStakeWei = 600 ether;
        post(terms);
        volunteerFor(terms, 0);
        PlainTerms memory second = newTerms(0);
        second.workerStakeWei = 600 ether;
        post(second);
        refused(second, workers[0], abi.encodeWithSelector(IStaking.StakeTooLow.selector, workers[0]));
        eq(lockedOf(workers[0]), 600 ether, "only the first lock");
    }

    function test_honoursEachFieldOfTheConsent() public {
        PlainTerms memory terms = newTerms(0);
        terms.flops = 5e12;
        post(terms);
        uint32 hour = uint32((block.timestamp / 1 hours) % 24);
        refusedBy(terms, IWorkerRegistry.Consent(2, 0xffffff, 100, 1e12, 0));
        refusedBy(terms, IWorkerRegistry.Consent(1, uint32(0xffffff ^ (1 << hour)), 100, 1e12, 0));
        refusedBy(terms, IWorkerRegistry.Consent(1, 0xffffff, 11, 1e12, 0));
        refusedBy(terms, IWorkerRegistry.Consent(1, 0xffffff, 12, 5e6 - 1, 0));
        refusedBy(terms, IWorkerRegistry.Consent(1, 0xffffff, 12, 5e6, 300e9 + 1));
        vm.prank(workers[0]);
        registry.setConsent(IWorkerRegistry.Consent(1, uint32(1 << hour), 12, 5e6, 300e9));
        volunteerFor(terms, 0);
    }

    function test_workBeyondAllCountingNeedsAConsentToAnyWork() public {
        PlainTerms memory terms = newTerms(0);
        terms.flops = type(uint128).max;
        post(terms);
        refusedBy(terms, IWorkerRegistry.Consent(1, 0xffffff, 100, type(uint64).max - 1, 0));
        vm.prank(workers[0]);
        registry.setConsent(IWorkerRegistry.Consent(1, 0xffffff, 100, type(uint64).max, 0));
        volunteerFor(terms, 0);
    }

    function refusedBy(PlainTerms memory terms, IWorkerRegistry.Consent memory consent) internal {
        vm.prank(workers[0]);
        registry.setConsent(consent);
        bytes memory reason = abi.encodeWithSelector(IWorkerRegistry.ConsentRefused.selector, workers[0]);
        refused(terms, workers[0], reason);
    }

    function refused(PlainTerms memory terms, address owner, bytes memory reason) internal {
        expectFail(operatorOf(owner), abi.encodeCall(jobs.volunteer, (terms.pack())), reason);
    }

    function volunteerFor(PlainTerms memory terms, uint256 worker) internal {
        vm.prank(operatorOf(workers[worker]));
        jobs.volunteer(terms.pack());
    }
}
