// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract CloseRoundTest is World {
    PlainTerms private terms;
    bytes32 private jobId;

    function setUp() public {
        setUpMarket(4, 3);
        terms = newTerms(2);
        jobId = open(terms);
        pass(1);
    }

    function test_fixesWhatWasPresentedByTheDeadline() public {
        closeBy(workers[0], 4, updates(0, 0));
        (uint8 mask, uint64 deadline, bool isClosed) = jobs.roundOf(jobId, 0, 4);
        eq(mask, 1, "the opener's own");
        eq(deadline, block.timestamp + 30, "thirty seconds");
        ok(!isClosed, "open");
        pass(30);
        vm.prank(stranger);
        jobs.closeRound(terms.pack(), 4, updates(2, 2));
        (mask, , isClosed) = jobs.roundOf(jobId, 0, 4);
        eq(mask, 5, "two");
        ok(!isClosed, "still open at the deadline");
        pass(1);
        vm.recordLogs();
        vm.prank(stranger);
        jobs.closeRound(terms.pack(), 4, new IJobTypes.RoundUpdate[](0));
        expectLog(IJobTypes.RoundClosed.selector, abi.encode(uint32(0), uint32(4), uint8(5)));
        (, , isClosed) = jobs.roundOf(jobId, 0, 4);
        ok(isClosed, "closed");
        bytes memory call = abi.encodeCall(
            jobs.closeRound,
            (terms.pack(), 4, new IJobTypes.RoundUpdate[](0))
        );
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.RoundIsClosed.selector));
    }

    function test_closesAtOnceWhenAllPresented() public {
        vm.recordLogs();
        closeBy(workers[1], 0, updates(0, 2));
        expectLog(IJobTypes.RoundClosed.selector, abi.encode(uint32(0), uint32(0), uint8(7)));
    }

    function test_keepsTheFirstUpdateOfAWorker() public {
        closeBy(workers[0], 0, updates(0, 0));
        bytes memory call = abi.encodeCall(jobs.closeRound, (terms.pack(), 0, updates(0, 0)));
        bytes memory reason = abi.encodeWithSelector(IJobTypes.AlreadyDone.selector, workers[0]);
        expectFail(stranger, call, reason);
    }

    function test_opensWithAnUpdateOnly() public {
        bytes memory call = abi.encodeCall(
            jobs.closeRound,
            (terms.pack(), 0, new IJobTypes.RoundUpdate[](0))
        );
        expectFail(operatorOf(workers[0]), call, abi.encodeWithSelector(IJobTypes.NoUpdates.selector));
        IJobTypes.RoundUpdate[] memory forged = updates(1, 1);
        forged[0].updateRoot = 0;
        call = abi.encodeCall(jobs.closeRound, (terms.pack(), 0, forged));
        address signer = operatorOf(workers[1]);
        expectFail(
            operatorOf(workers[0]),
            call,
            abi.encodeWithSelector(IJobTypes.BadSignature.selector, signer)
        );
        (, uint64 deadline, ) = jobs.roundOf(jobId, 0, 0);
        eq(deadline, 0, "not opened");
        closeBy(workers[0], 0, updates(1, 1));
        (, deadline, ) = jobs.roundOf(jobId, 0, 0);
        eq(deadline, block.timestamp + 30, "opened");
    }

    function test_onlyActiveWorkersOpen() public {
        bytes memory call = abi.encodeCall(jobs.closeRound, (terms.pack(), 0, updates(0, 0)));
        expectFail(stranger, call, abi.encodeWithSelector(IJobTypes.NotParty.selector, stranger));
        address other = operatorOf(workers[3]);
        expectFail(other, call, abi.encodeWithSelector(IJobTypes.NotParty.selector, other));
    }

    function test_refusesForgedForeignAndLateUpdates() public {
        IJobTypes.RoundUpdate[] memory forged = updates(0, 0);
        forged[0].updateRoot = keccak256("noise");
        bytes memory call = abi.encodeCall(jobs.closeRound, (terms.pack(), 0, forged));
        bytes memory reason = abi.encodeWithSelector(IJobTypes.BadSignature.selector, operatorOf(workers[0]));
        expectFail(operatorOf(workers[1]), call, reason);
        call = abi.encodeCall(jobs.closeRound, (terms.pack(), 1, updates(0, 0))); // signed for round 0
        expectFail(operatorOf(workers[1]), call, reason);
        call = abi.encodeCall(jobs.closeRound, (terms.pack(), 0, updates(3, 3)));
        reason = abi.encodeWithSelector(IJobTypes.NotParty.selector, operatorOf(workers[3]));
        expectFail(operatorOf(workers[1]), call, reason);
        closeBy(workers[0], 0, updates(0, 0));
        pass(31);
        call = abi.encodeCall(jobs.closeRound, (terms.pack(), 0, updates(1, 1)));
        reason = abi.encodeWithSelector(IJobTypes.TooLate.selector, block.timestamp - 1);
        expectFail(stranger, call, reason);
    }

    function test_roundsAreThoseOfTheAttempt() public {
        closeBy(workers[0], 0, updates(0, 2));
        submitAll(terms);
        attest(terms, guiltyVerdict(terms, 1));
        closeBy(workers[1], 0, updates(1, 1));
        (, uint64 deadline, bool isClosed) = jobs.roundOf(jobId, 1, 0);
        eq(deadline, block.timestamp + 30, "opened anew");
        ok(!isClosed, "and open");
    }

    function closeBy(address owner, uint32 round, IJobTypes.RoundUpdate[] memory list) internal {
        for (uint256 i; i < list.length; ++i) list[i] = updateOf(workerOf(list[i].operator), round);
        vm.prank(operatorOf(owner));
        jobs.closeRound(terms.pack(), round, list);
    }

    /// @dev Updates of workers `from` to `to`, signed for round 4 if it is open, else for round 0.
    function updates(uint256 from, uint256 to) internal view returns (IJobTypes.RoundUpdate[] memory list) {
        (, uint64 deadline, ) = jobs.roundOf(jobId, 0, 4);
        list = new IJobTypes.RoundUpdate[](to - from + 1);
        for (uint256 i = from; i <= to; ++i) list[i - from] = updateOf(workers[i], deadline == 0 ? 0 : 4);
    }

    function workerOf(address operator) internal view returns (address owner) {
        for (uint256 i; i < workers.length; ++i) if (operatorOf(workers[i]) == operator) return workers[i];
    }

    function updateOf(address owner, uint32 round) internal view returns (IJobTypes.RoundUpdate memory) {
        bytes32 root = keccak256(abi.encode("update", owner, round));
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "RoundUpdate(bytes32 jobId,uint32 attempt,uint32 round,bytes32 updateRoot,bytes32 cidDigest)"
                ),
                jobId,
                uint32(0),
                round,
                root,
                keccak256("cid")
            )
        );
        bytes memory signature = signatureOf(operatorKey[owner], typedHash(address(jobs), structHash));
        return IJobTypes.RoundUpdate(operatorOf(owner), root, keccak256("cid"), signature);
    }
}
