// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {World} from "./World.sol";

contract DistributePaymentTest is World {
    function setUp() public {
        setUpMarket(3, 3);
    }

    function test_paysBySegmentsAndBurnsTheRest() public {
        IJobTypes.Terms memory terms = openAndSubmit();
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        attest(terms, verdict);
        expectStatus(terms, IJobTypes.Status.Completed);
        address[] memory drawn = stateOf(terms).evaluators;
        uint256 clientBefore = earningsOf(client);
        vm.prank(stranger);
        jobs.distributePayment(terms, verdict);
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
}
