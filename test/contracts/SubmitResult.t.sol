// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {World} from "./World.sol";

contract SubmitResultTest is World {
    IJobTypes.Terms private terms;

    function setUp() public {
        setUpMarket(4, 3);
        terms = newTerms(2);
        open(terms);
        pass(1);
    }

    function test_theLastOneOpensTheEvaluation() public {
        submit(terms, workers[0]);
        submit(terms, workers[2]);
        expectStatus(terms, IJobTypes.Status.Running);
        eq(stateOf(terms).submittedMask, 5, "two submitted");
        bytes32 jobId = jobs.jobIdOf(terms);
        IJobTypes.Result memory result = resultOf(workers[1]);
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.ResultSubmitted(jobId, 0, workers[1], result);
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.EvaluationOpened(jobId, 0, uint64(block.number + 2));
        submit(terms, workers[1]);
        IJobTypes.JobState memory state = stateOf(terms);
        eq(uint256(state.status), uint256(IJobTypes.Status.Submitted), "submitted");
        eq(state.seedHeight, block.number + 2, "seed height");
        eq(state.deadline, block.timestamp + 60, "draw window");
    }

    function test_refusesTwiceLateAndStrangers() public {
        submit(terms, workers[0]);
        refused(workers[0], abi.encodeWithSelector(IJobTypes.AlreadyDone.selector, workers[0]));
        address other = operatorOf(workers[3]);
        refused(workers[3], abi.encodeWithSelector(IJobTypes.NotParty.selector, other));
        IJobTypes.Result memory result = resultOf(stranger);
        bytes memory call = abi.encodeCall(jobs.submitResult, (terms, result));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.NotParty.selector, stranger));
        pass(600);
        refused(workers[1], abi.encodeWithSelector(IJobTypes.TooLate.selector, block.timestamp - 1));
    }

    function test_refusesAnUnknownJob() public {
        terms.nonce = 99;
        refused(workers[0], wrongStatus(IJobTypes.Status.None));
    }

    function test_allSignaturesInOneCall() public {
        IJobTypes.SignedResult[] memory results = signedResults(3);
        vm.prank(stranger);
        jobs.submitResults(terms, results);
        expectStatus(terms, IJobTypes.Status.Submitted);
        eq(stateOf(terms).submittedMask, 7, "all three");
    }

    function test_addsToDirectSubmissions() public {
        submit(terms, workers[0]);
        IJobTypes.SignedResult[] memory all = signedResults(3);
        IJobTypes.SignedResult[] memory rest = new IJobTypes.SignedResult[](2);
        rest[0] = all[1];
        rest[1] = all[2];
        jobs.submitResults(terms, rest);
        expectStatus(terms, IJobTypes.Status.Submitted);
    }

    function test_refusesIncompleteOrForgedSets() public {
        IJobTypes.SignedResult[] memory results = signedResults(2);
        bytes memory call = abi.encodeCall(jobs.submitResults, (terms, results));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.TooFewWorkers.selector, uint256(2)));
        results = signedResults(3);
        results[1].result.modelHash = 0;
        call = abi.encodeCall(jobs.submitResults, (terms, results));
        bytes memory reason = abi.encodeWithSelector(IJobTypes.BadSignature.selector, operatorOf(workers[1]));
        expectFail(stranger, call, reason);
        results = signedResults(3);
        results[2] = results[1];
        call = abi.encodeCall(jobs.submitResults, (terms, results));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.AlreadyDone.selector, workers[1]));
        pass(600);
        call = abi.encodeCall(jobs.submitResults, (terms, signedResults(3)));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.TooLate.selector, block.timestamp - 1));
    }

    function test_signaturesAreBoundToTheAttempt() public {
        IJobTypes.SignedResult[] memory results = signedResults(3);
        jobs.submitResults(terms, results);
        attest(terms, guiltyVerdict(terms, 1));
        IJobTypes.SignedResult[] memory rest = new IJobTypes.SignedResult[](2);
        rest[0] = results[1];
        rest[1] = results[2];
        bytes memory reason = abi.encodeWithSelector(IJobTypes.BadSignature.selector, operatorOf(workers[1]));
        expectFail(stranger, abi.encodeCall(jobs.submitResults, (terms, rest)), reason);
    }

    function refused(address owner, bytes memory reason) internal {
        IJobTypes.Result memory result = resultOf(owner);
        expectFail(operatorOf(owner), abi.encodeCall(jobs.submitResult, (terms, result)), reason);
    }

    function signedResults(uint256 count) internal view returns (IJobTypes.SignedResult[] memory results) {
        results = new IJobTypes.SignedResult[](count);
        for (uint256 i; i < count; ++i) results[i] = signedResultOf(terms, workers[i]);
    }
}
