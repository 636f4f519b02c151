// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract CancelTest is World {
    function setUp() public {
        setUpMarket(3, 3);
    }

    function test_refundsAndFreesVolunteers() public {
        uint256 before = earningsOf(client);
        PlainTerms memory terms = newTerms(0);
        bytes32 jobId = post(terms);
        for (uint256 i; i < 3; ++i) {
            vm.prank(operatorOf(workers[i]));
            jobs.volunteer(terms.pack());
        }
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.JobCancelled(jobId, 1100 ether);
        vm.prank(client);
        jobs.cancel(terms.pack());
        eq(earningsOf(client), before, "all of it");
        expectStatus(terms, IJobTypes.Status.Cancelled);
        expectClean();
    }

    function test_onlyTheClientBeforeTheAssignment() public {
        PlainTerms memory terms = newTerms(2);
        post(terms);
        bytes memory call = abi.encodeCall(jobs.cancel, (terms.pack()));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.NotClient.selector, stranger));
        IJobTypes.Consent[] memory consents = consentsOf(terms, 3);
        vm.prank(client);
        jobs.assignWorkers(terms.pack(), consents);
        expectFail(client, call, wrongStatus(IJobTypes.Status.Running));
    }
}
