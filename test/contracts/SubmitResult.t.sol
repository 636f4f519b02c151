// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract SubmitResultTest is World {
    PlainTerms private terms;

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
        bytes32 jobId = jobs.jobIdOf(terms.pack());
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
        bytes memory call = abi.encodeCall(jobs.submitResult, (terms.pack(), result));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.NotParty.selector, stranger));
        pass(600);
        refused(workers[1], abi.encodeWithSelector(IJobTypes.TooLate.selector, block.timestamp - 1));
    }

    function test_refusesAnUnknownJob() public {
        terms.nonce = 99;
        refused(workers[0], wrongStatus(IJobTypes.Status.None));
    }

    function test_allSignaturesInOneCall() public {
        bytes memory call = callOf(signedResults(0, 3));
        IJobTypes.Roots[] memory roots = new IJobTypes.Roots[](3);
        for (uint256 i; i < 3; ++i) {
            IJobTypes.Result memory result = resultOf(workers[i]);
            roots[i] = IJobTypes.Roots(result.segmentsRoot, result.transcriptCidDigest);
        }
        vm.recordLogs();
        send(stranger, call);
        uint64 height = uint64(block.number + 2);
        uint256 stage = (uint256(7) << 32) | (uint256(height) << 64);
        expectLog(
            IJobTypes.ResultsSubmitted.selector,
            abi.encode(stage, keccak256("model"), keccak256("cid"), roots)
        );
        expectStatus(terms, IJobTypes.Status.Submitted);
        eq(stateOf(terms).submittedMask, 7, "all three");
        eq(stateOf(terms).seedHeight, height, "seed height");
        eq(stateOf(terms).deadline, block.timestamp + 60, "draw window");
    }

    function test_addsToDirectSubmissions() public {
        submit(terms, workers[1]);
        IJobTypes.KeyResult[] memory rest = new IJobTypes.KeyResult[](2);
        rest[0] = signedResultOf(terms, workers[0]);
        rest[1] = signedResultOf(terms, workers[2]);
        send(stranger, callOf(rest));
        expectStatus(terms, IJobTypes.Status.Submitted);
        eq(stateOf(terms).submittedMask, 7, "all three");
    }

    function test_refusesIncompleteOrForgedSets() public {
        bytes memory tooFew = abi.encodeWithSelector(IJobTypes.TooFewWorkers.selector, uint256(2));
        expectFail(stranger, callOf(signedResults(0, 2)), tooFew);
        bytes memory tooMany = abi.encodeWithSelector(IJobTypes.TooFewWorkers.selector, uint256(4));
        expectFail(stranger, callOf(signedResults(0, 4)), tooMany);
        IJobTypes.KeyResult[] memory results = signedResults(0, 3);
        results[2] = results[1];
        expectFail(stranger, callOf(results), badSigner(workers[1]));
        results = signedResults(0, 3);
        results[0] = signedResultOf(terms, workers[3]); // a worker of no concern
        expectFail(stranger, callOf(results), badSigner(workers[3]));
        results = signedResults(0, 3);
        results[1].segmentsRoot = 0;
        expectForged(
            abi.encodeCall(
                jobs.submitResults,
                (jobs.jobIdOf(terms.pack()), keccak256("model"), keccak256("cid"), results)
            )
        );
        results = signedResults(0, 3);
        expectForged(
            abi.encodeCall(
                jobs.submitResults,
                (jobs.jobIdOf(terms.pack()), bytes32(0), keccak256("cid"), results)
            )
        );
        expectForged(
            abi.encodeCall(
                jobs.submitResults,
                (jobs.jobIdOf(terms.pack()), keccak256("model"), bytes32(0), results)
            )
        );
        expectStatus(terms, IJobTypes.Status.Running);
        bytes memory call = callOf(results);
        pass(600);
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.TooLate.selector, block.timestamp - 1));
    }

    function test_signaturesAreBoundToTheAttempt() public {
        IJobTypes.KeyResult[] memory results = signedResults(0, 3);
        send(stranger, callOf(results));
        expectFail(stranger, callOf(results), wrongStatus(IJobTypes.Status.Submitted));
        attest(terms, guiltyVerdict(terms, 1));
        IJobTypes.KeyResult[] memory rest = new IJobTypes.KeyResult[](2);
        rest[0] = results[1];
        rest[1] = results[2];
        expectForged(callOf(rest));
        eq(stateOf(terms).seedHeight, 0, "nothing to draw while it runs");
        send(stranger, callOf(signedResults(1, 3)));
        expectStatus(terms, IJobTypes.Status.Submitted);
        eq(stateOf(terms).seedHeight, block.number + 2, "seed height");
        eq(stateOf(terms).deadline, block.timestamp + 60, "draw window");
    }

    function send(address sender, bytes memory call) internal {
        vm.prank(sender);
        (bool isDone, ) = address(jobs).call(call);
        ok(isDone, "taken");
    }

    /// @dev Somebody seems to have signed, but nobody of the job.
    function expectForged(bytes memory call) internal {
        vm.prank(stranger);
        (bool isDone, bytes memory answer) = address(jobs).call(call);
        ok(!isDone && bytes4(answer) == IJobTypes.BadSignature.selector, "forged");
    }

    function badSigner(address owner) internal view returns (bytes memory) {
        return abi.encodeWithSelector(IJobTypes.BadSignature.selector, operatorOf(owner));
    }

    function callOf(IJobTypes.KeyResult[] memory results) internal view returns (bytes memory) {
        return
            abi.encodeCall(
                jobs.submitResults,
                (jobs.jobIdOf(terms.pack()), keccak256("model"), keccak256("cid"), results)
            );
    }

    function refused(address owner, bytes memory reason) internal {
        IJobTypes.Result memory result = resultOf(owner);
        expectFail(operatorOf(owner), abi.encodeCall(jobs.submitResult, (terms.pack(), result)), reason);
    }

    function signedResults(
        uint256 from,
        uint256 to
    ) internal view returns (IJobTypes.KeyResult[] memory results) {
        results = new IJobTypes.KeyResult[](to - from);
        for (uint256 i = from; i < to; ++i) results[i - from] = signedResultOf(terms, workers[i]);
    }
}
