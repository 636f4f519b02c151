// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {World} from "./World.sol";

contract SettleJobTest is World {
    IJobTypes.Terms private terms;
    IJobTypes.Verdict private verdict;
    address[] private drawn;

    function setUp() public {
        setUpMarket(3, 4);
        terms = openAndSubmit();
        verdict = cleanVerdict(terms);
        pass(2);
        drawn = jobs.previewEvaluators(terms);
    }

    function test_endsTheJobInOneCall() public {
        IJobTypes.Opening[] memory openings = openingsOf(verdict);
        uint256 clientBefore = earningsOf(client);
        vm.recordLogs();
        vm.prank(stranger);
        jobs.settleJob(terms, verdict, keccak256("key"), openings);
        expectLog(
            IJobTypes.JobCompleted.selector,
            abi.encode(keccak256("model"), keccak256("cid"), int64(970_000))
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
        IJobTypes.Opening[] memory openings = openingsOf(verdict);
        jobs.settleJob(terms, verdict, 0, openings);
        uint256[] memory paid = new uint256[](3);
        for (uint256 i; i < 3; ++i) paid[i] = earningsOf(workers[i]);
        IJobTypes.Terms memory second = openAndSubmit();
        IJobTypes.Verdict memory same = cleanVerdict(second);
        attest(second, same);
        jobs.distributePayment(second, same);
        for (uint256 i; i < 3; ++i) eq(earningsOf(workers[i]), 2 * paid[i], "the same again");
    }

    function test_refusesMissingForeignAndForgedOpenings() public {
        IJobTypes.Opening[] memory openings = new IJobTypes.Opening[](1);
        openings[0] = openingOf(terms, drawn[0], verdict);
        refused(openings, abi.encodeWithSelector(IJobTypes.NoQuorum.selector));
        openings = openingsOf(verdict);
        (openings[0], openings[1]) = (openings[1], openings[0]);
        address second = operatorOf(drawn[1]);
        refused(openings, abi.encodeWithSelector(IJobTypes.NotParty.selector, second));
        openings = openingsOf(verdict);
        openings[1].signature = openings[0].signature;
        refused(openings, abi.encodeWithSelector(IJobTypes.BadSignature.selector, second));
        openings = openingsOf(verdict);
        openings[1].salt = 0;
        refused(openings, abi.encodeWithSelector(IJobTypes.BadSignature.selector, second));
    }

    function test_refusesSignaturesForAnotherVerdict() public {
        IJobTypes.Opening[] memory openings = openingsOf(verdict);
        verdict.segments = 12; // all the pay to the first worker
        refused(openings, abi.encodeWithSelector(IJobTypes.BadSignature.selector, operatorOf(drawn[0])));
    }

    function test_refusesGuiltyVerdictsAndLateCalls() public {
        IJobTypes.Verdict memory guilty = guiltyVerdict(terms, 1);
        IJobTypes.Opening[] memory openings = openingsOf(guilty);
        bytes memory call = abi.encodeCall(jobs.settleJob, (terms, guilty, bytes32(0), openings));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.BadVerdict.selector));
        openings = openingsOf(verdict);
        pass(61);
        refused(openings, abi.encodeWithSelector(IJobTypes.TooLate.selector, block.timestamp - 3));
    }

    function test_refusesOnceEvaluatorsWereDrawnOnChain() public {
        IJobTypes.Opening[] memory openings = openingsOf(verdict);
        jobs.drawEvaluators(terms);
        refused(openings, wrongStatus(IJobTypes.Status.Attesting));
    }

    function openingsOf(
        IJobTypes.Verdict memory v
    ) internal view returns (IJobTypes.Opening[] memory openings) {
        openings = new IJobTypes.Opening[](2);
        for (uint256 i; i < 2; ++i) openings[i] = openingOf(terms, drawn[i], v);
    }

    function refused(IJobTypes.Opening[] memory openings, bytes memory reason) internal {
        expectFail(stranger, abi.encodeCall(jobs.settleJob, (terms, verdict, bytes32(0), openings)), reason);
    }
}
