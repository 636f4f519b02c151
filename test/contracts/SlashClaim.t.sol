// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {ClaimWorld} from "./ClaimWorld.sol";
import {PlainTerms} from "./PlainTerms.sol";

contract SlashClaimTest is ClaimWorld {
    PlainTerms private terms;
    bytes32 private jobId;

    function setUp() public {
        setUpMarket(3, 5);
        terms = openAndSubmit();
        jobId = jobs.jobIdOf(terms.pack());
    }

    function slashFor(IDisputeGame.Claim memory claim) private {
        jobs.slashClaim(terms.pack(), claim);
    }

    function refused(IDisputeGame.Claim memory claim, bytes memory reason) private {
        expectFail(stranger, abi.encodeCall(jobs.slashClaim, (terms.pack(), claim)), reason);
    }

    function refusedTwice(address worker) private {
        IDisputeGame.Claim memory claim = lose(worker, jobId, 9);
        refused(claim, abi.encodeWithSelector(IJobTypes.AlreadyDone.selector, worker));
    }

    function settled() private {
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        attest(terms, verdict);
        jobs.distributePayment(terms.pack(), verdict);
    }

    function test_onASettledJobTheStakeIsTakenAndNothingCalledBack() public {
        settled();
        uint256 paid = earningsOf(workers[1]);
        uint256 clientBefore = earningsOf(client);
        (, uint256 burnedBefore) = staking.held();
        IDisputeGame.Claim memory claim = lose(workers[1], jobId, 0);
        vm.recordLogs();
        slashFor(claim);
        (bytes32 claimId, , ) = disputes.lossOf(claim);
        expectLog(IJobTypes.ClaimLost.selector, abi.encode(workers[1], reporter));
        ok(claimId != 0, "by this claim");
        eq(activeOf(workers[1]), STAKE - 100 ether, "the stake of the job");
        eq(earningsOf(workers[1]), paid, "its pay stays");
        eq(earningsOf(reporter), 30 ether, "30 % to who showed it");
        eq(earningsOf(client) - clientBefore, 20 ether, "20 % to the client");
        (, uint256 burnedWei) = staking.held();
        eq(burnedWei - burnedBefore, 50 ether, "50 % burned");
        eq(stateOf(terms).activeMask, 5, "its segments earn nothing");
        eq(staking.reputationOf(workers[1]).invalids, 1, "noted");
        expectStatus(terms, IJobTypes.Status.Settled);
        expectClean();
        refusedTwice(workers[1]);
        slashFor(lose(workers[0], jobId, 0));
        eq(stateOf(terms).activeMask, 4, "another may follow");
        expectClean();
    }

    function test_onACompletedJobLocksEndWithThePayment() public {
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        attest(terms, verdict);
        slashFor(lose(workers[0], jobId, 0));
        expectStatus(terms, IJobTypes.Status.Completed);
        eq(lockedOf(workers[0]), 100 ether, "locked until the job is paid");
        jobs.distributePayment(terms.pack(), verdict);
        eq(activeOf(workers[0]), STAKE - 100 ether, "slashed once");
        expectClean();
    }

    function test_onAnExpiredJob() public {
        pass(61);
        jobs.expire(terms.pack());
        expectStatus(terms, IJobTypes.Status.Expired);
        slashFor(lose(workers[2], jobId, 0));
        eq(activeOf(workers[2]), STAKE - 100 ether, "slashed all the same");
        eq(earningsOf(reporter), 30 ether, "reported");
        expectClean();
    }

    function test_beforeTheDrawingTheOthersBeginAgain() public {
        slashFor(lose(workers[1], jobId, 0));
        IJobTypes.JobState memory state = stateOf(terms);
        eq(uint256(state.status), uint256(IJobTypes.Status.Running), "running again");
        eq(state.attempt, 1, "second attempt");
        eq(state.activeMask, 5, "without the liar");
        eq(state.submittedMask, 0, "from the start");
        eq(state.deadline, block.timestamp + 600, "a new run window");
        eq(lockedOf(workers[1]), 0, "nothing of it stays locked");
        eq(lockedOf(workers[0]), 100 ether, "the others stay locked");
        refusedTwice(workers[1]);
        submitAll(terms);
        settled();
        expectClean();
        refusedTwice(workers[1]);
    }

    function test_atAttestingTheEvaluatorsAreReleasedUnpaid() public {
        address[] memory drawn = draw(terms);
        commit(terms, drawn[0], cleanVerdict(terms));
        slashFor(lose(workers[1], jobId, 0));
        IJobTypes.JobState memory state = stateOf(terms);
        eq(state.evaluators.length, 0, "a new panel will be drawn");
        eq(state.committedMask, 0, "what was committed counts no more");
        for (uint256 i; i < 2; ++i) {
            eq(lockedOf(drawn[i]), 0, "released");
            eq(activeOf(drawn[i]), STAKE, "whole");
            eq(earningsOf(drawn[i]), 0, "unpaid");
        }
        submitAll(terms);
        settled();
        expectClean();
    }

    /// @dev The two drawn evaluators reveal different verdicts.
    function disagree() private returns (address[] memory drawn) {
        drawn = draw(terms);
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        commit(terms, drawn[0], verdict);
        verdict.metricMicros = 1;
        commit(terms, drawn[1], verdict);
        reveal(terms, drawn[0], cleanVerdict(terms));
        reveal(terms, drawn[1], verdict);
    }

    function test_evaluatorsOfAnEarlierPanelAreReleasedAsWell() public {
        disagree();
        eq(stateOf(terms).panel, 1, "they disagree: another panel");
        IDisputeGame.Claim memory claim = lose(workers[1], jobId, 0);
        draw(terms);
        slashFor(claim);
        for (uint256 i; i < evaluators.length; ++i) eq(lockedOf(evaluators[i]), 0, "released");
        for (uint256 i; i < evaluators.length; ++i) eq(activeOf(evaluators[i]), STAKE, "nobody slashed");
    }

    function test_aRedrawThatWasNotMadeReleasesWhoRevealed() public {
        address[] memory drawn = disagree();
        expectStatus(terms, IJobTypes.Status.Submitted);
        slashFor(lose(workers[1], jobId, 0));
        for (uint256 i; i < 2; ++i) eq(lockedOf(drawn[i]), 0, "released");
    }

    function test_aRunningAttemptGoesOn() public {
        terms = newTerms(2);
        jobId = open(terms);
        slashFor(lose(workers[0], jobId, 0));
        IJobTypes.JobState memory state = stateOf(terms);
        eq(state.attempt, 0, "the same attempt");
        eq(state.activeMask, 7, "with everybody");
        eq(activeOf(workers[0]), STAKE - 100 ether, "slashed at once");
        refusedTwice(workers[0]);
        pass(1);
        submitAll(terms);
        settled();
        eq(stateOf(terms).activeMask, 6, "its segments earn nothing");
    }

    function test_whereNobodyIsLeftTheClientGetsTheRest() public {
        terms = newTerms(2);
        terms.workerCount = 1;
        terms.workerCountMin = 1;
        jobId = open(terms);
        pass(1);
        submitAll(terms);
        draw(terms);
        uint256 clientBefore = earningsOf(client);
        slashFor(lose(workers[0], jobId, 0));
        expectStatus(terms, IJobTypes.Status.Expired);
        eq(earningsOf(client) - clientBefore, 1100 ether + 20 ether, "escrow, and its part of the stake");
        eq(earningsOf(reporter), 30 ether, "reported");
        eq(jobs.openJobs(), 1, "that of the set-up");
    }

    function test_whomAVerdictRemovedLosesOnce() public {
        attest(terms, guiltyVerdict(terms, 2));
        refusedTwice(workers[1]);
        eq(activeOf(workers[1]), STAKE - 100 ether, "once");
    }

    function test_aLossIsOfThisJobAndOfItsWorkers() public {
        IDisputeGame.Claim memory claim = claimBy(workers[0], jobId, 0);
        (bytes32 id, , ) = disputes.lossOf(claim);
        refused(claim, abi.encodeWithSelector(IJobTypes.NotLost.selector, id));
        disputeClaim(claim, workers[0]);
        refused(claim, abi.encodeWithSelector(IJobTypes.NotLost.selector, id));
        claim = lose(workers[0], "another job", 0);
        (id, , ) = disputes.lossOf(claim);
        refused(claim, abi.encodeWithSelector(IJobTypes.NotLost.selector, id));
        claim = lose(evaluators[0], jobId, 0);
        refused(claim, abi.encodeWithSelector(IJobTypes.NotParty.selector, operatorOf(evaluators[0])));
        PlainTerms memory posted = newTerms(0);
        bytes32 other = post(posted);
        claim = lose(workers[0], other, 0);
        bytes memory call = abi.encodeCall(jobs.slashClaim, (posted.pack(), claim));
        expectFail(
            stranger,
            call,
            abi.encodeWithSelector(IJobTypes.NotParty.selector, operatorOf(workers[0]))
        );
    }

    function test_stakeThatLeavesIsTakenToo() public {
        settled();
        vm.prank(workers[1]);
        staking.unstake(STAKE);
        slashFor(lose(workers[1], jobId, 0));
        eq(uint256(staking.thawOf(workers[1]).amountGwei) * 1e9, STAKE - 100 ether, "from what thaws");
        expectClean();
    }
}
