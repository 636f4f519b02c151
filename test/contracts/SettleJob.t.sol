// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {Shares} from "../../contracts/libraries/Shares.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract SettleJobTest is World {
    PlainTerms private terms;
    IJobTypes.Verdict private verdict;
    address[] private drawn;

    function setUp() public {
        setUpMarket(3, 4);
        terms = openAndSubmit();
        verdict = cleanVerdict(terms);
        pass(2);
        drawn = jobs.previewEvaluators(terms.pack());
    }

    function test_endsTheJobInOneCall() public {
        IJobTypes.KeyOpening[] memory openings = openingsOf(verdict);
        uint256 clientBefore = earningsOf(client);
        vm.recordLogs();
        vm.prank(stranger);
        jobs.settleJob(terms.pack(), verdict, keccak256("key"), openings);
        uint256[] memory postings = new uint256[](6);
        uint256 done = (1 << 224);
        uint256[3] memory shares = [uint256(12), 11, 10];
        uint256 left = 900e9;
        for (uint256 i; i < 3; ++i) {
            uint256 part = i == 2 ? left : (900e9 * shares[i]) / 33;
            left -= part;
            postings[i] = uint160(workers[i]) | (part << 160) | done | (uint256(1) << 232);
        }
        for (uint256 i; i < 2; ++i) postings[3 + i] = uint160(drawn[i]) | (uint256(25e9) << 160) | done;
        postings[5] = uint160(client) | (uint256(100e9) << 160);
        expectLog(
            IJobTypes.JobAgreed.selector,
            abi.encode(verdict, keccak256("key"), uint256(50 ether), postings)
        );
        expectStatus(terms, IJobTypes.Status.Settled);
        eq(earningsOf(drawn[0]), 25 ether, "evaluator");
        uint256 workersPaid;
        for (uint256 i; i < 3; ++i) workersPaid += earningsOf(workers[i]);
        eq(workersPaid, 900 ether, "workers");
        eq(earningsOf(client) - clientBefore, 100 ether, "deposit");
        eq(staking.reputationOf(drawn[0]).completed, 1, "noted");
        expectClean();
    }

    function test_paysAsTheDirectWayDoes() public {
        IJobTypes.KeyOpening[] memory openings = openingsOf(verdict);
        jobs.settleJob(terms.pack(), verdict, 0, openings);
        uint256[] memory paid = new uint256[](3);
        for (uint256 i; i < 3; ++i) paid[i] = earningsOf(workers[i]);
        PlainTerms memory second = openAndSubmit();
        IJobTypes.Verdict memory same = cleanVerdict(second);
        attest(second, same);
        jobs.distributePayment(second.pack(), same);
        for (uint256 i; i < 3; ++i) eq(earningsOf(workers[i]), 2 * paid[i], "the same again");
    }

    function test_refundsNothingWhereNothingIsLeft() public {
        terms = newTerms(2);
        terms.auditDepositWei = 0;
        open(terms);
        submitAll(terms);
        verdict = cleanVerdict(terms);
        pass(2);
        drawn = jobs.previewEvaluators(terms.pack());
        IJobTypes.KeyOpening[] memory openings = openingsOf(verdict);
        uint256 clientBefore = earningsOf(client);
        jobs.settleJob(terms.pack(), verdict, 0, openings);
        eq(earningsOf(client), clientBefore, "no deposit, no refund");
        eq(staking.openJobs(), 1, "that of the set-up");
    }

    function test_theDepositPaysEachLaterAttemptOnce() public {
        attest(terms, guiltyVerdict(terms, 1));
        eq(stateOf(terms).auditSpentWei, 0, "the share paid the first");
        submitAll(terms);
        attest(terms, guiltyVerdict(terms, 2));
        eq(stateOf(terms).auditSpentWei, 50 ether, "the deposit the second");
        submitAll(terms);
        verdict = cleanVerdict(terms);
        pass(2);
        drawn = jobs.previewEvaluators(terms.pack());
        uint256 clientBefore = earningsOf(client);
        uint256 drawnBefore = earningsOf(drawn[0]) + earningsOf(drawn[1]);
        jobs.settleJob(terms.pack(), verdict, 0, openingsOf(verdict));
        eq(earningsOf(drawn[0]) + earningsOf(drawn[1]) - drawnBefore, 50 ether, "and the third");
        eq(earningsOf(client), clientBefore, "nothing of it is left");
        expectClean();
    }

    function test_endsALaterAttempt() public {
        attest(terms, guiltyVerdict(terms, 1));
        submitAll(terms);
        verdict = cleanVerdict(terms);
        pass(2);
        drawn = jobs.previewEvaluators(terms.pack());
        uint256 before = earningsOf(workers[1]) + earningsOf(workers[2]);
        uint256 clientBefore = earningsOf(client);
        uint256 drawnBefore = earningsOf(drawn[0]) + earningsOf(drawn[1]);
        jobs.settleJob(terms.pack(), verdict, 0, openingsOf(verdict));
        eq(earningsOf(workers[1]) + earningsOf(workers[2]) - before, 900 ether, "all to the others");
        eq(earningsOf(drawn[0]) + earningsOf(drawn[1]) - drawnBefore, 50 ether, "out of the deposit");
        eq(earningsOf(client) - clientBefore, 50 ether, "the rest of it");
        expectClean();
    }

    /// @dev Eight workers, so that not all stand in the job's slot; some without credit.
    function testFuzz_splitsAsSharesDo(uint128 raw) public {
        for (uint256 i; i < 5; ++i) workers.push(addActor(1, STAKE));
        terms = newTerms(2);
        terms.workerCount = 8;
        uint256[] memory lockedBefore = new uint256[](8);
        for (uint256 i; i < 8; ++i) lockedBefore[i] = lockedOf(workers[i]);
        open(terms);
        submitAll(terms);
        uint128 segments;
        for (uint256 i; i < 8; ++i) {
            segments |= ((raw >> uint128(16 * i)) % uint128(terms.segmentCount + 1)) << uint128(16 * i);
        }
        vm.assume(segments != 0);
        verdict = cleanVerdict(terms);
        verdict.segments = segments;
        pass(2);
        drawn = jobs.previewEvaluators(terms.pack());
        uint256[] memory before = new uint256[](8);
        for (uint256 i; i < 8; ++i) before[i] = earningsOf(workers[i]);
        IJobTypes.KeyOpening[] memory openings = openingsOf(verdict);
        jobs.settleJob(terms.pack(), verdict, 0, openings);
        uint64[8] memory parts = Shares.bySegments(900e9, segments);
        for (uint256 i; i < 8; ++i) {
            eq(earningsOf(workers[i]) - before[i], uint256(parts[i]) * 1e9, "its part");
            eq(lockedOf(workers[i]), lockedBefore[i], "released");
        }
    }

    function test_refusesMissingForeignAndForgedOpenings() public {
        IJobTypes.KeyOpening[] memory openings = new IJobTypes.KeyOpening[](1);
        openings[0] = openingOf(terms, drawn[0], verdict);
        refused(openings, abi.encodeWithSelector(IJobTypes.NoQuorum.selector));
        openings = openingsOf(verdict);
        (openings[0], openings[1]) = (openings[1], openings[0]);
        refused(openings, abi.encodeWithSelector(IJobTypes.BadSignature.selector, operatorOf(drawn[1])));
        openings = openingsOf(verdict);
        openings[1] = openings[0];
        refused(openings, abi.encodeWithSelector(IJobTypes.BadSignature.selector, operatorOf(drawn[0])));
        openings = openingsOf(verdict);
        openings[1].vs = bytes32(type(uint256).max); // s above half the order
        refused(openings, abi.encodeWithSelector(IJobTypes.BadSignature.selector, address(0)));
        for (uint256 i; i < evaluators.length; ++i) {
            if (evaluators[i] == drawn[0] || evaluators[i] == drawn[1]) continue;
            openings = openingsOf(verdict);
            openings[0] = openingOf(terms, evaluators[i], verdict);
            address other = operatorOf(evaluators[i]);
            refused(openings, abi.encodeWithSelector(IJobTypes.BadSignature.selector, other));
        }
    }

    function test_refusesSignaturesForAnotherVerdict() public {
        IJobTypes.KeyOpening[] memory openings = openingsOf(verdict);
        verdict.segments = 12; // all the pay to the first worker
        vm.prank(stranger);
        (bool isTaken, bytes memory answer) = address(jobs).call(
            abi.encodeCall(jobs.settleJob, (terms.pack(), verdict, bytes32(0), openings))
        );
        ok(!isTaken && bytes4(answer) == IJobTypes.BadSignature.selector, "signed another");
        expectStatus(terms, IJobTypes.Status.Submitted);
    }

    function test_refusesGuiltyVerdictsAndLateCalls() public {
        IJobTypes.Verdict memory guilty = guiltyVerdict(terms, 1);
        IJobTypes.KeyOpening[] memory openings = openingsOf(guilty);
        bytes memory call = abi.encodeCall(jobs.settleJob, (terms.pack(), guilty, bytes32(0), openings));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.BadVerdict.selector));
        openings = openingsOf(verdict);
        pass(61);
        refused(openings, abi.encodeWithSelector(IJobTypes.TooLate.selector, block.timestamp - 3));
    }

    function test_refusesOnceEvaluatorsWereDrawnOnChain() public {
        IJobTypes.KeyOpening[] memory openings = openingsOf(verdict);
        jobs.drawEvaluators(terms.pack());
        refused(openings, wrongStatus(IJobTypes.Status.Attesting));
    }

    function openingsOf(
        IJobTypes.Verdict memory v
    ) internal view returns (IJobTypes.KeyOpening[] memory openings) {
        openings = new IJobTypes.KeyOpening[](2);
        for (uint256 i; i < 2; ++i) openings[i] = openingOf(terms, drawn[i], v);
    }

    function refused(IJobTypes.KeyOpening[] memory openings, bytes memory reason) internal {
        expectFail(
            stranger,
            abi.encodeCall(jobs.settleJob, (terms.pack(), verdict, bytes32(0), openings)),
            reason
        );
    }
}
