// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {Lottery} from "../../contracts/libraries/Lottery.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

/// @notice More workers, volunteers and evaluators than have a place in a job's own slot.
contract ManyWorkersTest is World {
    function setUp() public {
        setUpMarket(12, 9);
    }

    function test_theDirectWayWithEightOfEach() public {
        PlainTerms memory terms = ofEight(2);
        post(terms);
        IJobTypes.Consent[] memory consents = consentsOf(terms, 8);
        vm.prank(client);
        jobs.assignWorkers(terms.pack(), consents);
        IJobTypes.JobState memory state = stateOf(terms);
        eq(state.workers.length, 8, "eight");
        for (uint256 i; i < 8; ++i) eq(state.workers[i], workers[i], "in their order");
        submitAll(terms);
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        address[] memory drawn = draw(terms);
        eq(drawn.length, 8, "eight");
        state = stateOf(terms);
        for (uint256 i; i < 8; ++i) eq(state.evaluators[i], drawn[i], "in the order of their drawing");
        for (uint256 i; i < 8; ++i) commit(terms, drawn[i], verdict);
        for (uint256 i; i < 8; ++i) reveal(terms, drawn[i], verdict);
        expectStatus(terms, IJobTypes.Status.Completed);
        jobs.distributePayment(terms.pack(), verdict);
        uint256 paid;
        for (uint256 i; i < 8; ++i) paid += earningsOf(workers[i]);
        eq(paid, 900 ether, "the workers' share");
        for (uint256 i; i < 8; ++i) eq(earningsOf(drawn[i]), 6.25 ether, "an eighth of the evaluators'");
        expectClean();
    }

    function test_theGuiltyOfEightIsTheNamedOne() public {
        for (uint256 i; i < 8; ++i) {
            PlainTerms memory terms = ofEight(2);
            terms.evaluatorCount = 2;
            open(terms);
            submitAll(terms);
            uint256 before = activeOf(workers[i]);
            attest(terms, guiltyVerdict(terms, uint8(1 << i)));
            eq(before - activeOf(workers[i]), 100 ether, "its lock");
            for (uint256 j; j < 8; ++j) ok(j == i || activeOf(workers[j]) >= before - 100 ether, "alone");
            pass(601);
            jobs.expire(terms.pack());
        }
        expectClean();
    }

    function test_twelveVolunteersAreListedAndDrawnOnce() public {
        PlainTerms memory terms = ofEight(0);
        bytes32 jobId = post(terms);
        for (uint256 i; i < 12; ++i) volunteerFor(terms, i);
        address[] memory listed = jobs.volunteersOf(jobId);
        eq(listed.length, 12, "twelve");
        for (uint256 i; i < 12; ++i) eq(listed[i], workers[i], "in their order");
        bytes memory again = abi.encodeWithSelector(IJobTypes.AlreadyDone.selector, workers[11]);
        expectFail(operatorOf(workers[11]), abi.encodeCall(jobs.volunteer, (terms.pack())), again);
        pass(12);
        uint256 height = stateOf(terms).seedHeight;
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.WorkersAssigned(jobId, lotOf(jobId, height, 12, 8), uint64(height));
        jobs.assignWorkers(terms.pack(), new IJobTypes.Consent[](0));
        address[] memory drawn = stateOf(terms).workers;
        eq(drawn.length, 8, "eight");
        uint256 locked;
        for (uint256 i; i < 12; ++i) locked += lockedOf(workers[i]);
        eq(locked, 800 ether, "the locks of the drawn");
        for (uint256 i; i < 8; ++i) {
            eq(lockedOf(drawn[i]), 100 ether, "each");
            for (uint256 j; j < i; ++j) ok(drawn[i] != drawn[j], "once");
        }
    }

    /// @dev The lot by equal weights: who has more than the most counts as much as the most.
    function test_nobodyIsDrawnByMoreThanTheMostWeight() public {
        address[] memory rich = new address[](2);
        rich[0] = addActor(1, 1_000_000 ether);
        rich[1] = addActor(1, 9_000_000 ether);
        workers = rich;
        for (uint256 salt; salt < 16; ++salt) {
            randomness.setSalt(salt);
            PlainTerms memory terms = newTerms(0);
            (terms.workerCount, terms.workerCountMin) = (1, 1);
            (terms.rewardWei, terms.auditDepositWei) = (10 ether, 1 ether);
            bytes32 jobId = post(terms);
            volunteerFor(terms, 0);
            volunteerFor(terms, 1);
            pass(12);
            address[] memory expected = lotOf(jobId, stateOf(terms).seedHeight, 2, 1);
            jobs.assignWorkers(terms.pack(), new IJobTypes.Consent[](0));
            eq(stateOf(terms).workers[0], expected[0], "by equal weights");
        }
    }

    function test_whoHasNothingLeftIsNotDrawn() public {
        PlainTerms memory terms = newTerms(0);
        post(terms);
        volunteerFor(terms, 0);
        volunteerFor(terms, 1);
        volunteerFor(terms, 2);
        for (uint256 i; i < 2; ++i) {
            vm.prank(address(jobs));
            staking.slash(workers[i], uint64(STAKE / 1e9), 0, 3);
        }
        pass(12);
        bytes memory call = abi.encodeCall(jobs.assignWorkers, (terms.pack(), new IJobTypes.Consent[](0)));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.TooFewWorkers.selector, 1));
    }

    function test_noMoreVolunteersThanAreKept() public {
        PlainTerms memory terms = newTerms(0);
        bytes32 jobId = post(terms);
        for (uint256 i; i < 12; ++i) volunteerFor(terms, i);
        for (uint256 i = 12; i < 65; ++i) workers.push(addActor(1, STAKE));
        for (uint256 i = 12; i < 64; ++i) volunteerFor(terms, i);
        address[] memory listed = jobs.volunteersOf(jobId);
        for (uint256 i; i < 64; ++i) eq(listed[i], workers[i], "in their order");
        bytes memory full = abi.encodeWithSelector(IJobTypes.TooManyVolunteers.selector);
        expectFail(operatorOf(workers[64]), abi.encodeCall(jobs.volunteer, (terms.pack())), full);
        vm.prank(client);
        jobs.cancel(terms.pack());
        expectClean();
    }

    /// @dev What an earlier attempt's panel left in the job's storage gives nobody a voice.
    function test_aFormerEvaluatorHasNoVoiceInTheNextAttempt() public {
        PlainTerms memory terms = newTerms(2);
        terms.evaluatorCount = 3;
        open(terms);
        submitAll(terms);
        address[] memory drawn = draw(terms);
        IJobTypes.Verdict memory guilty = guiltyVerdict(terms, 1);
        for (uint256 i; i < 3; ++i) commit(terms, drawn[i], guilty);
        for (uint256 i; i < 3; ++i) reveal(terms, drawn[i], guilty);
        submitAll(terms);
        for (uint256 i; i < evaluators.length; ++i) {
            if (evaluators[i] == drawn[0] || evaluators[i] == drawn[1]) continue;
            vm.prank(evaluators[i]);
            staking.unstake(STAKE);
        }
        eq(draw(terms).length, 2, "two are left");
        address former = operatorOf(drawn[2]);
        bytes memory call = abi.encodeCall(jobs.commitVerdict, (terms.pack(), bytes32("mine")));
        expectFail(former, call, abi.encodeWithSelector(IJobTypes.NotParty.selector, former));
    }

    function ofEight(uint8 matchMode) private returns (PlainTerms memory terms) {
        terms = newTerms(matchMode);
        terms.workerCount = 8;
        terms.evaluatorCount = 8;
        terms.segmentCount = 16;
    }

    function volunteerFor(PlainTerms memory terms, uint256 worker) private {
        vm.prank(operatorOf(workers[worker]));
        jobs.volunteer(terms.pack());
    }

    /// @dev Whom the lot takes among the first workers, each with the weight of the first.
    function lotOf(
        bytes32 jobId,
        uint256 height,
        uint256 count,
        uint256 wanted
    ) private view returns (address[] memory owners) {
        uint64[] memory weights = new uint64[](count);
        for (uint256 i; i < count; ++i) weights[i] = uint64(activeOf(workers[0]) / 1e9);
        bytes32 seed = keccak256(abi.encode(randomness.seed(height), jobId));
        uint256[] memory lot = Lottery.draw(weights, seed, wanted);
        owners = new address[](lot.length);
        for (uint256 i; i < lot.length; ++i) owners[i] = workers[lot[i]];
    }
}
