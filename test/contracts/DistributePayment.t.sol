// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract DistributePaymentTest is World {
    function setUp() public {
        setUpMarket(3, 3);
    }

    function test_paysBySegmentsAndBurnsTheRest() public {
        PlainTerms memory terms = openAndSubmit();
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        attest(terms, verdict);
        expectStatus(terms, IJobTypes.Status.Completed);
        address[] memory drawn = stateOf(terms).evaluators;
        uint256 clientBefore = earningsOf(client);
        vm.prank(stranger);
        jobs.distributePayment(terms.pack(), verdict);
        expectStatus(terms, IJobTypes.Status.Settled);
        uint256 pot = 900 ether / 1e9;
        eq(earningsOf(workers[0]), ((pot * 12) / 33) * 1e9, "12 of 33 segments");
        eq(earningsOf(workers[1]), ((pot * 11) / 33) * 1e9, "11 of 33 segments");
        uint256 rest = 900 ether - earningsOf(workers[0]) - earningsOf(workers[1]);
        eq(earningsOf(workers[2]), rest, "the last takes the remainder");
        eq(earningsOf(drawn[0]), 25 ether, "first evaluator");
        eq(earningsOf(drawn[1]), 25 ether, "second evaluator");
        eq(earningsOf(client) - clientBefore, 100 ether, "audit deposit refunded");
        (, uint256 burnedWei) = staking.held();
        eq(burnedWei, 50 ether, "burned");
        expectClean();
    }

    function test_refusesAnotherVerdictAndASecondPayment() public {
        PlainTerms memory terms = openAndSubmit();
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        bytes memory call = abi.encodeCall(jobs.distributePayment, (terms.pack(), verdict));
        expectFail(stranger, call, wrongStatus(IJobTypes.Status.Submitted));
        attest(terms, verdict);
        IJobTypes.Verdict memory other = cleanVerdict(terms);
        other.segments = 12;
        bytes memory forged = abi.encodeCall(jobs.distributePayment, (terms.pack(), other));
        expectFail(stranger, forged, abi.encodeWithSelector(IJobTypes.BadVerdict.selector));
        jobs.distributePayment(terms.pack(), verdict);
        expectFail(stranger, call, wrongStatus(IJobTypes.Status.Settled));
    }

    function test_eventNamesEveryAmount() public {
        PlainTerms memory terms = openAndSubmit();
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        verdict.segments = 12 | (uint128(12) << 16) | (uint128(12) << 32);
        attest(terms, verdict);
        address[] memory drawn = stateOf(terms).evaluators;
        uint256[] memory postings = new uint256[](5);
        uint256 completed = uint256(1) << 224;
        for (uint256 i; i < 3; ++i) {
            postings[i] = uint160(workers[i]) | (uint256(300e9) << 160) | completed | (uint256(1) << 232);
        }
        for (uint256 i; i < 2; ++i) {
            postings[3 + i] = uint160(drawn[i]) | (uint256(25e9) << 160) | completed | (uint256(2) << 232);
        }
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.PaymentDistributed(jobs.jobIdOf(terms.pack()), postings, 100 ether, 50 ether);
        jobs.distributePayment(terms.pack(), verdict);
    }

    function test_aWorkerWithoutCreditIsFreedUnpaid() public {
        PlainTerms memory terms = openAndSubmit();
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        verdict.segments = 12;
        attest(terms, verdict);
        jobs.distributePayment(terms.pack(), verdict);
        eq(earningsOf(workers[0]), 900 ether, "all to the only one");
        eq(earningsOf(workers[1]), 0, "none");
        expectClean();
    }

    function testFuzz_partsAndBurnAreTheEscrow(
        uint64 reward,
        uint64 deposit,
        uint16 w,
        uint16 e,
        uint128 s
    ) public {
        PlainTerms memory terms = newTerms(2);
        terms.rewardWei = uint128(bound(reward, 1, 5e12)) * 1e9;
        terms.auditDepositWei = uint128(bound(deposit, 0, 4e12)) * 1e9;
        terms.workerBps = uint16(bound(w, 0, 9500));
        terms.evaluatorBps = uint16(bound(e, 0, 9500 - terms.workerBps));
        terms.segmentCount = 65_535;
        uint256 before = staking.accountOf(client).earningsGwei;
        open(terms);
        submitAll(terms);
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        verdict.segments = (s & 0xffffffffffff) | 1;
        attest(terms, verdict);
        jobs.distributePayment(terms.pack(), verdict);
        uint256 paid;
        for (uint256 i; i < 3; ++i) paid += earningsOf(workers[i]);
        for (uint256 i; i < 3; ++i) paid += earningsOf(evaluators[i]);
        uint256 spent = before * 1e9 - earningsOf(client);
        (, uint256 burnedWei) = staking.held();
        eq(paid + burnedWei, spent, "nothing lost, nothing made");
        uint256 reward_ = terms.rewardWei;
        eq(spent, reward_, "the deposit comes back");
        expectClean();
    }
}
