// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {ClaimWorld} from "./ClaimWorld.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {Vm} from "./TestBase.sol";

/// @notice What a job tells on its usual and unusual ways: those who work at it know no more than this.
contract JobEventsTest is ClaimWorld {
    function setUp() public {
        setUpMarket(3, 4);
    }

    function test_aPanelIsToldAsItIsDrawn() public {
        PlainTerms memory terms = openAndSubmit();
        pass(2);
        address[] memory expected = jobs.previewEvaluators(terms.pack());
        eq(expected.length, 2, "two");
        told();
        emit IJobTypes.EvaluatorsDrawn(idOf(terms), 0, 0, expected, uint64(block.timestamp + 120));
        jobs.drawEvaluators(terms.pack());
    }

    function test_agreementIsToldStepByStep() public {
        PlainTerms memory terms = openAndSubmit();
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        address[] memory drawn = draw(terms);
        commit(terms, drawn[0], verdict);
        commit(terms, drawn[1], verdict);
        reveal(terms, drawn[0], verdict);
        told();
        emit IJobTypes.JobCompleted(idOf(terms), keccak256("model"), keccak256("cid"), 970_000);
        reveal(terms, drawn[1], verdict);
        told();
        emit IJobTypes.JobSettled(idOf(terms));
        jobs.distributePayment(terms.pack(), verdict);
    }

    function test_noKeyIsToldWhereNoneIsGiven() public {
        PlainTerms memory terms = openAndSubmit();
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        address[] memory drawn = draw(terms);
        for (uint256 i; i < 2; ++i) commit(terms, drawn[i], verdict);
        vm.recordLogs();
        vm.prank(operatorOf(drawn[0]));
        jobs.revealVerdict(terms.pack(), verdict, saltOf(drawn[0]), 0);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        eq(countIn(logs, IJobTypes.HeldOutKey.selector), 0, "no key");
        vm.recordLogs();
        reveal(terms, drawn[1], verdict);
        logs = vm.getRecordedLogs();
        eq(countIn(logs, IJobTypes.HeldOutKey.selector), 1, "a key");
    }

    function test_aLateAgreementIsTold() public {
        PlainTerms memory terms = ofThreeEvaluators();
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        address[] memory drawn = draw(terms);
        for (uint256 i; i < 3; ++i) commit(terms, drawn[i], verdict);
        for (uint256 i; i < 2; ++i) reveal(terms, drawn[i], verdict);
        pass(61);
        vm.recordLogs();
        jobs.completeJob(terms.pack(), verdict);
        bytes memory model = abi.encode(keccak256("model"), keccak256("cid"), int64(970_000));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        expectLogIn(logs, IJobTypes.JobCompleted.selector, model);
        (address[] memory silent, uint256[] memory amounts) = one(drawn[2], 5 ether);
        expectLogIn(logs, IJobTypes.EvaluatorsSlashed.selector, abi.encode(uint32(0), silent, amounts));
        eq(staking.reputationOf(drawn[2]).timeouts, 1, "silence is no lie");
        eq(staking.reputationOf(drawn[2]).invalids, 0, "silence is no lie");
    }

    function test_theNextAttemptAndItsEndAreTold() public {
        PlainTerms memory terms = openAndSubmit();
        vm.recordLogs();
        attest(terms, guiltyVerdict(terms, 2));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        expectLogIn(
            logs,
            IJobTypes.AttemptStarted.selector,
            abi.encode(uint32(1), uint8(5), uint64(block.timestamp + 600))
        );
        submitAll(terms);
        vm.recordLogs();
        attest(terms, guiltyVerdict(terms, 5));
        logs = vm.getRecordedLogs();
        expectLogIn(logs, IJobTypes.JobExpired.selector, abi.encode(IJobTypes.Status.Attesting, uint256(0)));
        expectStatus(terms, IJobTypes.Status.Expired);
        eq(stateOf(terms).deadline, 0, "nothing more to wait for");
    }

    function test_aSecondPanelIsTold() public {
        PlainTerms memory terms = openAndSubmit();
        address[] memory drawn = draw(terms);
        commit(terms, drawn[0], cleanVerdict(terms));
        commit(terms, drawn[1], guiltyVerdict(terms, 1));
        reveal(terms, drawn[0], cleanVerdict(terms));
        vm.recordLogs();
        reveal(terms, drawn[1], guiltyVerdict(terms, 1));
        Vm.Log[] memory logs = vm.getRecordedLogs();
        expectLogIn(
            logs,
            IJobTypes.RedrawOpened.selector,
            abi.encode(uint32(0), uint8(1), uint64(block.number + 2))
        );
        eq(countIn(logs, IJobTypes.EvaluatorsSlashed.selector), 0, "nobody was silent");
        IJobTypes.JobState memory state = stateOf(terms);
        eq(state.panel, 1, "second");
        eq(state.seedHeight, block.number + 2, "seed");
        eq(state.deadline, block.timestamp + 60, "window of the drawing");
        pass(61);
        vm.recordLogs();
        jobs.expire(terms.pack());
        bytes memory ended = abi.encode(IJobTypes.Status.Submitted, uint256(100 ether));
        logs = vm.getRecordedLogs();
        expectLogIn(logs, IJobTypes.JobExpired.selector, ended);
        eq(earningsOf(drawn[0]), 25 ether, "who revealed is paid");
        expectClean();
    }

    function test_lateWorkersAreTold() public {
        PlainTerms memory terms = newTerms(2);
        open(terms);
        submit(terms, workers[0]);
        submit(terms, workers[2]);
        pass(601);
        vm.recordLogs();
        jobs.expire(terms.pack());
        (address[] memory late, uint256[] memory amounts) = one(workers[1], 10 ether);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        expectLogIn(logs, IJobTypes.WorkersTimedOut.selector, abi.encode(uint32(0), late, amounts));
        expectLogIn(
            logs,
            IJobTypes.EvaluationOpened.selector,
            abi.encode(uint32(0), uint64(block.number + 2))
        );
        eq(staking.reputationOf(workers[1]).timeouts, 1, "noted");
        eq(lockedOf(workers[1]), 0, "free");
        eq(stateOf(terms).activeMask, 5, "the others");
    }

    function test_nobodysWorkIsTold() public {
        PlainTerms memory terms = newTerms(2);
        open(terms);
        pass(601);
        told();
        emit IJobTypes.JobExpired(idOf(terms), IJobTypes.Status.Running, 1100 ether);
        jobs.expire(terms.pack());
    }

    function test_aLostClaimIsTold() public {
        PlainTerms memory terms = openAndSubmit();
        IDisputeGame.Claim memory claim = lose(workers[1], idOf(terms), 1);
        vm.recordLogs();
        jobs.slashClaim(terms.pack(), claim);
        (address[] memory guilty, uint256[] memory amounts) = one(workers[1], 100 ether);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        expectLogIn(
            logs,
            IJobTypes.WorkersSlashed.selector,
            abi.encode(uint32(0), guilty, amounts, bytes32(0))
        );
        expectLogIn(
            logs,
            IJobTypes.AttemptStarted.selector,
            abi.encode(uint32(1), uint8(5), uint64(block.timestamp + 600))
        );
    }

    function test_aJobThatEndsByLostClaimsIsTold() public {
        PlainTerms memory terms = newTerms(2);
        terms.workerCount = 2;
        terms.workerCountMin = 1;
        IJobTypes.KeyConsent[] memory consents = keyConsentsOf(terms, 1);
        vm.prank(client);
        bytes32 jobId = jobs.openJob(terms.pack(), consents);
        submitAll(terms);
        IDisputeGame.Claim memory claim = lose(workers[0], jobId, 1);
        told();
        emit IJobTypes.JobExpired(jobId, IJobTypes.Status.Submitted, 1100 ether);
        jobs.slashClaim(terms.pack(), claim);
        expectClean();
    }

    function test_roundsAreTold() public {
        PlainTerms memory terms = newTerms(2);
        bytes32 jobId = open(terms);
        IJobTypes.RoundUpdate[] memory updates = new IJobTypes.RoundUpdate[](1);
        updates[0].operator = operatorOf(workers[1]);
        updates[0].updateRoot = keccak256("update");
        updates[0].cidDigest = keccak256("cid");
        vm.recordLogs();
        vm.prank(updates[0].operator);
        jobs.closeRound(terms.pack(), 3, updates);
        uint64 deadline = uint64(block.timestamp + 30);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        expectLogIn(logs, IJobTypes.RoundOpened.selector, abi.encode(uint32(0), uint32(3), deadline));
        expectLogIn(
            logs,
            IJobTypes.RoundUpdatePresented.selector,
            abi.encode(uint32(0), uint32(3), keccak256("update"), keccak256("cid"))
        );
        eq(countIn(logs, IJobTypes.RoundClosed.selector), 0, "two are missing");
        (uint8 mask, uint64 until, bool isClosed) = jobs.roundOf(jobId, 0, 3);
        eq(mask, 2, "who is there");
        eq(until, deadline, "for how long");
        ok(!isClosed, "open");
        bytes memory again = abi.encodeWithSelector(IJobTypes.AlreadyDone.selector, workers[1]);
        bytes memory call = abi.encodeCall(jobs.closeRound, (terms.pack(), 3, updates));
        expectFail(updates[0].operator, call, again);
    }

    /// @dev A job of three evaluators, up to the drawing.
    function ofThreeEvaluators() private returns (PlainTerms memory terms) {
        terms = newTerms(2);
        terms.evaluatorCount = 3;
        open(terms);
        submitAll(terms);
    }

    function idOf(PlainTerms memory terms) private view returns (bytes32) {
        return jobs.jobIdOf(terms.pack());
    }

    function one(
        address owner,
        uint256 amountWei
    ) private pure returns (address[] memory owners, uint256[] memory amounts) {
        owners = new address[](1);
        amounts = new uint256[](1);
        (owners[0], amounts[0]) = (owner, amountWei);
    }

    function countIn(Vm.Log[] memory logs, bytes32 topic) private pure returns (uint256 count) {
        for (uint256 i; i < logs.length; ++i) if (logs[i].topics[0] == topic) ++count;
    }

    function told() private {
        vm.expectEmit(true, true, true, true);
    }
}
