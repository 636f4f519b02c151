// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract PostJobTest is World {
    function setUp() public {
        setUpMarket(3, 3);
    }

    function test_escrowsRewardAndDeposit() public {
        PlainTerms memory terms = newTerms(0);
        uint256 before = earningsOf(client);
        bytes32 jobId = post(terms);
        eq(jobId, jobs.jobIdOf(terms.pack()), "job id");
        eq(before - earningsOf(client), 1100 ether, "taken from the balance");
        (uint256 escrowWei, ) = staking.held();
        eq(escrowWei, 1100 ether, "escrow");
        eq(jobs.openJobs(), 1, "open jobs");
        IJobTypes.JobState memory state = jobs.jobState(jobId);
        eq(uint256(state.status), uint256(IJobTypes.Status.Posted), "posted");
        eq(state.deadline, block.timestamp + 10, "window");
        eq(state.seedHeight, block.number + 12, "seed after the window");
    }

    function test_idIsBoundToChainContractClientNonceAndTerms() public {
        PlainTerms memory terms = newTerms(0);
        bytes32 expected = keccak256(
            abi.encode(
                block.chainid,
                address(jobs),
                terms.client,
                terms.nonce,
                keccak256(abi.encode(terms.pack()))
            )
        );
        eq(jobs.jobIdOf(terms.pack()), expected, "formula");
    }

    function test_pullsWhatTheBalanceLacks() public {
        address other = address(0xB0B);
        fund(other, 600 ether);
        give(other, 500 ether);
        PlainTerms memory terms = newTerms(0);
        terms.client = other;
        post(terms);
        eq(earningsOf(other), 0, "balance first");
        eq(token.balanceOf(other), 0, "then the allowance");
    }

    function test_emitsTheTerms() public {
        PlainTerms memory terms = newTerms(2);
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.JobPosted(jobs.jobIdOf(terms.pack()), client, terms.pack());
        post(terms);
    }

    function test_refusesAnybodyButTheClient() public {
        PlainTerms memory terms = newTerms(0);
        expectFail(
            stranger,
            abi.encodeCall(jobs.postJob, (terms.pack())),
            abi.encodeWithSelector(IJobTypes.NotClient.selector, stranger)
        );
    }

    function test_refusesTheSameJobTwice() public {
        PlainTerms memory terms = newTerms(0);
        bytes32 jobId = post(terms);
        expectFail(
            client,
            abi.encodeCall(jobs.postJob, (terms.pack())),
            abi.encodeWithSelector(IJobTypes.JobExists.selector, jobId)
        );
        vm.prank(client);
        jobs.cancel(terms.pack());
        expectFail(
            client,
            abi.encodeCall(jobs.postJob, (terms.pack())),
            abi.encodeWithSelector(IJobTypes.JobExists.selector, jobId)
        );
    }

    function test_refusesAnOldSlate() public {
        PlainTerms memory terms = newTerms(0);
        addActor(2, STAKE);
        expectFail(
            client,
            abi.encodeCall(jobs.postJob, (terms.pack())),
            abi.encodeWithSelector(IJobTypes.SlateChanged.selector, pool.slateVersion())
        );
    }

    function test_refusesMoreEvaluatorsThanSeated() public {
        PlainTerms memory terms = newTerms(0);
        terms.evaluatorCount = 4;
        expectFail(
            client,
            abi.encodeCall(jobs.postJob, (terms.pack())),
            abi.encodeWithSelector(IJobTypes.TooFewEvaluators.selector, uint256(3))
        );
    }

    function test_refusesWithoutMoney() public {
        PlainTerms memory terms = newTerms(0);
        terms.client = stranger;
        vm.prank(stranger);
        vm.expectRevert();
        jobs.postJob(terms.pack());
        eq(jobs.openJobs(), 0, "nothing opened");
    }

    function test_refusesTermsOutOfBounds() public {
        PlainTerms memory t = newTerms(0);
        t.rewardWei = 0;
        refused(t, 3);
        t = newTerms(0);
        t.rewardWei = 1e27 + 1e9;
        refused(t, 3);
        t = newTerms(0);
        t.auditDepositWei = 1e27 + 1e9;
        refused(t, 4);
        t = newTerms(0);
        t.workerStakeWei = 1 ether - 1e9;
        refused(t, 5);
        t = newTerms(0);
        t.workerStakeWei = 1e27 + 1e9;
        refused(t, 5);
        t = newTerms(0);
        t.evaluatorStakeWei = 1 ether - 1e9;
        refused(t, 6);
        t = newTerms(0);
        t.evaluatorStakeWei = 1e27 + 1e9;
        refused(t, 6);
        t = newTerms(0);
        t.flops = 0;
        refused(t, 7);
        t = newTerms(0);
        t.workerCount = 9;
        refused(t, 11);
        t = newTerms(0);
        t.workerCount = 0;
        refused(t, 11);
        t = newTerms(0);
        t.workerCountMin = 4;
        refused(t, 12);
        t = newTerms(0);
        t.workerCountMin = 0;
        refused(t, 12);
        t = newTerms(0);
        t.evaluatorCount = 9;
        refused(t, 13);
        t = newTerms(0);
        t.evaluatorCount = 0;
        refused(t, 13);
        t = newTerms(0);
        t.matchMode = 3;
        refused(t, 14);
        t = newTerms(0);
        t.mode = 2;
        refused(t, 15);
        t = newTerms(0);
        t.kind = 32;
        refused(t, 16);
    }

    function test_refusesSharesAndWindowsOutOfBounds() public {
        PlainTerms memory t = newTerms(0);
        t.workerBps = 9001;
        refused(t, 17);
        t = newTerms(0);
        t.reporterBps = 4001;
        refused(t, 19);
        t = newTerms(0);
        t.clientBps = 6001;
        refused(t, 20);
        t = newTerms(0);
        t.timeoutBps = 10_001;
        refused(t, 21);
        t = newTerms(0);
        t.volunteerSeconds = 0;
        refused(t, 22);
        t = newTerms(0);
        t.runSeconds = 30 days + 1;
        refused(t, 23);
        t = newTerms(0);
        t.drawSeconds = 0;
        refused(t, 24);
        t = newTerms(0);
        t.commitSeconds = 0;
        refused(t, 25);
        t = newTerms(0);
        t.revealSeconds = 0;
        refused(t, 26);
        t = newTerms(0);
        t.roundSeconds = 0;
        refused(t, 27);
        t = newTerms(0);
        t.segmentCount = 0;
        refused(t, 28);
        t = newTerms(0);
        t.segmentCount = 65_536;
        refused(t, 28);
        IJobTypes.Terms memory words = newTerms(0).pack();
        words.windows |= 1 << 224;
        expectFail(client, abi.encodeCall(jobs.postJob, (words)), badTerms(29));
    }

    function test_boundsThemselvesAreAllowed() public {
        PlainTerms memory t = newTerms(0);
        t.rewardWei = 1e9;
        t.workerCount = 8;
        t.workerCountMin = 8;
        t.workerStakeWei = 1 ether;
        t.evaluatorStakeWei = 1 ether;
        t.kind = 31;
        t.reporterBps = 4000;
        t.clientBps = 5000;
        t.timeoutBps = 10_000;
        t.runSeconds = 30 days;
        t.segmentCount = 65_535;
        post(t);
    }

    function refused(PlainTerms memory terms, uint8 field) internal {
        expectFail(client, abi.encodeCall(jobs.postJob, (terms.pack())), badTerms(field));
    }
}
