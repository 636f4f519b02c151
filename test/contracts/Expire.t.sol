// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract ExpireTest is World {
    function setUp() public {
        setUpMarket(3, 4);
    }

    function test_postedVolunteersAreRefunded() public {
        PlainTerms memory terms = newTerms(0);
        post(terms);
        vm.prank(operatorOf(workers[0]));
        jobs.volunteer(terms.pack());
        early(terms, block.timestamp + 611);
        pass(611);
        expire(terms);
        expectStatus(terms, IJobTypes.Status.Expired);
        eq(earningsOf(client), CREDIT, "all of it");
        expectClean();
    }

    function test_postedOffersAreRefunded() public {
        PlainTerms memory terms = newTerms(1);
        post(terms);
        early(terms, block.timestamp + 601);
        pass(601);
        expire(terms);
        eq(earningsOf(client), CREDIT, "all of it");
        expectClean();
    }

    function test_runningWithNothingRefundsAndSlashes() public {
        PlainTerms memory terms = newTerms(2);
        bytes32 jobId = open(terms);
        early(terms, block.timestamp + 601);
        pass(601);
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.JobExpired(jobId, IJobTypes.Status.Running, 1100 ether);
        expire(terms);
        eq(earningsOf(client), CREDIT + 6 ether, "all of it, and a fifth of three tenths of the locks");
        for (uint256 i; i < 3; ++i) eq(activeOf(workers[i]), STAKE - 10 ether, "a tenth of the lock");
        expectClean();
    }

    function test_runningEvaluatesWhatWasSubmitted() public {
        PlainTerms memory terms = newTerms(2);
        open(terms);
        submit(terms, workers[0]);
        submit(terms, workers[2]);
        pass(601);
        expire(terms);
        IJobTypes.JobState memory state = stateOf(terms);
        eq(uint256(state.status), uint256(IJobTypes.Status.Submitted), "submitted");
        eq(state.activeMask, 5, "without the silent");
        eq(activeOf(workers[1]), STAKE - 10 ether, "which loses a tenth of its lock");
        eq(lockedOf(workers[1]), 0, "and is free");
        eq(staking.reputationOf(workers[1]).timeouts, 1, "noted");
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        attest(terms, verdict);
        jobs.distributePayment(terms.pack(), verdict);
        eq(earningsOf(workers[0]) + earningsOf(workers[2]), 900 ether, "the others share all");
        eq(earningsOf(workers[1]), 0, "nothing for silence");
        expectClean();
    }

    function test_submittedButNeverDrawnIsPaid() public {
        PlainTerms memory terms = openAndSubmit();
        uint256 before = earningsOf(client);
        early(terms, block.timestamp + 61);
        pass(61);
        expire(terms);
        for (uint256 i; i < 3; ++i) eq(earningsOf(workers[i]), 300 ether, "equal parts");
        eq(earningsOf(client) - before, 150 ether, "deposit and the share of no evaluator");
        expectStatus(terms, IJobTypes.Status.Expired);
        expectClean();
    }

    function test_silentEvaluatorsAreReplacedThenTheWorkIsPaid() public {
        PlainTerms memory terms = openAndSubmit();
        address[] memory drawn = draw(terms);
        early(terms, block.timestamp + 181);
        pass(120);
        bytes memory call = abi.encodeCall(jobs.expire, (terms.pack()));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.TooEarly.selector, block.timestamp + 61));
        pass(1); // nobody committed, so nobody can reveal: no need to wait
        expire(terms);
        for (uint256 i; i < 2; ++i) eq(activeOf(drawn[i]), STAKE - 5 ether, "a tenth of the lock");
        address[] memory more = draw(terms);
        eq(more.length, 2, "the other two");
        pass(121);
        expire(terms);
        expectStatus(terms, IJobTypes.Status.Expired);
        for (uint256 i; i < 2; ++i) eq(activeOf(more[i]), STAKE - 5 ether, "they too");
        for (uint256 i; i < 3; ++i) eq(earningsOf(workers[i]), 300 ether, "work is paid");
        expectClean();
    }

    function test_unresolvedDisagreementPaysWorkersAndWhoRevealed() public {
        PlainTerms memory terms = openAndSubmit();
        address[] memory drawn = draw(terms);
        IJobTypes.Verdict memory a = cleanVerdict(terms);
        IJobTypes.Verdict memory b = guiltyVerdict(terms, 1);
        commit(terms, drawn[0], a);
        commit(terms, drawn[1], b);
        reveal(terms, drawn[0], a);
        reveal(terms, drawn[1], b);
        address[] memory more = draw(terms);
        commit(terms, more[0], a);
        commit(terms, more[1], b);
        reveal(terms, more[0], a);
        reveal(terms, more[1], b);
        expectStatus(terms, IJobTypes.Status.Attesting);
        pass(61);
        expire(terms);
        expectStatus(terms, IJobTypes.Status.Expired);
        for (uint256 i; i < 3; ++i)
            eq(earningsOf(workers[i]), 300 ether, "nobody is slashed by half the word");
        for (uint256 i; i < 3; ++i) eq(activeOf(workers[i]), STAKE, "stake is whole");
        for (uint256 i; i < 4; ++i)
            eq(earningsOf(evaluators[i]), 25 ether, "two by the share, two by the deposit");
        expectClean();
    }

    function test_aLaterAttemptsRefundLacksTheShareThatWasPaid() public {
        PlainTerms memory terms = openAndSubmit();
        attest(terms, guiltyVerdict(terms, 2));
        uint256 before = earningsOf(client);
        pass(601);
        expire(terms);
        expectStatus(terms, IJobTypes.Status.Expired);
        // Reward without the evaluators' share, the deposit, and a fifth of two tenths of the locks.
        eq(earningsOf(client) - before, 950 ether + 100 ether + 4 ether, "the rest");
        expectClean();
    }

    function test_aLaterAttemptThatNobodyJudgesIsPaidWithoutTheShare() public {
        PlainTerms memory terms = openAndSubmit();
        attest(terms, guiltyVerdict(terms, 2));
        submitAll(terms);
        uint256 before = earningsOf(client);
        uint256 paidBefore = earningsOf(workers[0]) + earningsOf(workers[2]);
        pass(61);
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.JobExpired(jobs.jobIdOf(terms.pack()), IJobTypes.Status.Submitted, 100 ether);
        expire(terms);
        eq(earningsOf(client) - before, 100 ether, "the deposit alone");
        eq(earningsOf(workers[0]) + earningsOf(workers[2]) - paidBefore, 900 ether, "work is paid");
        expectClean();
    }

    function test_nothingToExpire() public {
        PlainTerms memory terms = openAndSubmit();
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        attest(terms, verdict);
        bytes memory call = abi.encodeCall(jobs.expire, (terms.pack()));
        expectFail(stranger, call, wrongStatus(IJobTypes.Status.Completed));
        jobs.distributePayment(terms.pack(), verdict);
        expectFail(stranger, call, wrongStatus(IJobTypes.Status.Settled));
        terms.nonce = 99;
        call = abi.encodeCall(jobs.expire, (terms.pack()));
        expectFail(stranger, call, wrongStatus(IJobTypes.Status.None));
    }

    function expire(PlainTerms memory terms) internal {
        vm.prank(stranger);
        jobs.expire(terms.pack());
    }

    function early(PlainTerms memory terms, uint256 from) internal {
        bytes memory reason = abi.encodeWithSelector(IJobTypes.TooEarly.selector, from);
        expectFail(stranger, abi.encodeCall(jobs.expire, (terms.pack())), reason);
    }
}
