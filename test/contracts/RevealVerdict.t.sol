// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract RevealVerdictTest is World {
    PlainTerms private terms;
    IJobTypes.Verdict private verdict;
    address[] private drawn;

    function setUp() public {
        setUpMarket(3, 12);
        terms = openAndSubmit();
        drawn = draw(terms);
        verdict = cleanVerdict(terms);
    }

    function test_theLastRevealCompletes() public {
        commitBoth();
        bytes32 jobId = jobs.jobIdOf(terms.pack());
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.VerdictRevealed(jobId, 0, drawn[0], verdict);
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.HeldOutKey(jobId, keccak256("heldOutKey"));
        reveal(terms, drawn[0], verdict);
        expectStatus(terms, IJobTypes.Status.Attesting);
        vm.recordLogs();
        reveal(terms, drawn[1], verdict);
        expectStatus(terms, IJobTypes.Status.Completed);
        expectLog(
            IJobTypes.JobCompleted.selector,
            abi.encode(keccak256("model"), keccak256("cid"), int64(970_000))
        );
        eq(stateOf(terms).revealedMask, 3, "both agreed");
    }

    function test_refusesBeforeAllCommitted() public {
        commit(terms, drawn[0], verdict);
        uint256 from = stateOf(terms).deadline + 1;
        refused(drawn[0], verdict, abi.encodeWithSelector(IJobTypes.TooEarly.selector, from));
        pass(121);
        reveal(terms, drawn[0], verdict);
    }

    function test_refusesAfterTheWindow() public {
        commitBoth();
        pass(61);
        refused(drawn[0], verdict, abi.encodeWithSelector(IJobTypes.TooLate.selector, block.timestamp - 1));
    }

    function test_refusesWithoutOrAgainstTheCommitment() public {
        commit(terms, drawn[0], verdict);
        pass(121);
        refused(drawn[1], verdict, abi.encodeWithSelector(IJobTypes.BadCommitment.selector));
        IJobTypes.Verdict memory other = verdict;
        other.metricMicros = 980_000;
        refused(drawn[0], other, abi.encodeWithSelector(IJobTypes.BadCommitment.selector));
        bytes memory wrongSalt = abi.encodeCall(
            jobs.revealVerdict,
            (terms.pack(), verdict, bytes32("salt"), 0)
        );
        bytes memory reason = abi.encodeWithSelector(IJobTypes.BadCommitment.selector);
        expectFail(operatorOf(drawn[0]), wrongSalt, reason);
    }

    function test_refusesTwice() public {
        commitBoth();
        reveal(terms, drawn[0], verdict);
        refused(drawn[0], verdict, abi.encodeWithSelector(IJobTypes.AlreadyDone.selector, drawn[0]));
    }

    function test_refusesVerdictsThatDoNotFit() public {
        IJobTypes.Verdict memory v = cleanVerdict(terms);
        v.guiltyMask = 8; // there is no fourth worker
        unfit(v);
        v = guiltyVerdict(terms, 1);
        v.withheldMask = 1; // named twice
        unfit(v);
        v = guiltyVerdict(terms, 1);
        v.segments |= 1; // credits the guilty
        unfit(v);
        v = cleanVerdict(terms);
        v.segments = 13; // more than there are
        unfit(v);
        v = cleanVerdict(terms);
        v.segments = 0; // pays nobody
        unfit(v);
        v = cleanVerdict(terms);
        v.modelHash = 0;
        unfit(v);
        v = cleanVerdict(terms);
        v.segments |= uint128(1) << 48; // a fourth worker
        unfit(v);
    }

    function test_refusesWordsThatAreNotClean() public {
        // Calldata is hashed as it comes, so a word with bits above its type must not pass for a verdict.
        uint256[3] memory places = [uint256(2), 3, 4]; // metricMicros, segments, guiltyMask
        for (uint256 i; i < 3; ++i) {
            bytes memory encoded = abi.encode(verdict);
            assembly ("memory-safe") {
                mstore8(add(encoded, add(32, mul(mload(add(places, mul(32, i))), 32))), 1)
            }
            bytes32 hash = keccak256(encoded);
            bytes32 jobId = jobs.jobIdOf(terms.pack());
            address owner = drawn[0];
            vm.prank(operatorOf(owner));
            jobs.commitVerdict(
                terms.pack(),
                keccak256(abi.encode(jobId, uint32(0), owner, hash, saltOf(owner)))
            );
            pass(121);
            bytes memory call = bytes.concat(
                jobs.revealVerdict.selector,
                abi.encode(terms.pack()),
                encoded,
                abi.encode(saltOf(owner), bytes32(0))
            );
            expectFail(operatorOf(owner), call, "");
            terms = openAndSubmit();
            drawn = draw(terms);
        }
    }

    function test_disagreementDrawsSevenMoreAndTheMajorityCounts() public {
        IJobTypes.Verdict memory liar = cleanVerdict(terms);
        liar.metricMicros = 990_000;
        commit(terms, drawn[0], liar);
        commit(terms, drawn[1], verdict);
        reveal(terms, drawn[0], liar);
        reveal(terms, drawn[1], verdict);
        expectStatus(terms, IJobTypes.Status.Submitted);
        eq(stateOf(terms).panel, 1, "second panel");
        address[] memory more = draw(terms);
        eq(more.length, 7, "seven more");
        for (uint256 i; i < 7; ++i) ok(more[i] != drawn[0] && more[i] != drawn[1], "others");
        for (uint256 i; i < 7; ++i) commit(terms, more[i], verdict);
        for (uint256 i; i < 7; ++i) reveal(terms, more[i], verdict);
        expectStatus(terms, IJobTypes.Status.Completed);
        eq(activeOf(drawn[0]), STAKE - 50 ether, "the outvoted loses its lock");
        eq(activeOf(drawn[1]), STAKE, "the honest keeps it");
        jobs.distributePayment(terms.pack(), verdict);
        // 8 agreed: the share pays 2 of 25 each, the deposit of 100 the 4 usual fees it has, evenly over all.
        eq(earningsOf(drawn[1]), 150 ether / 8, "paid evenly");
        eq(earningsOf(drawn[0]), 0, "the liar gets nothing");
        expectClean();
    }

    function test_silenceDrawsMoreAndCostsAPart() public {
        commit(terms, drawn[0], verdict);
        pass(121);
        vm.recordLogs();
        reveal(terms, drawn[0], verdict);
        expectStatus(terms, IJobTypes.Status.Submitted);
        eq(activeOf(drawn[1]), STAKE - 5 ether, "a tenth of the lock");
        eq(lockedOf(drawn[1]), 0, "and it is free");
        eq(stateOf(terms).panel, 1, "second panel");
        address[] memory more = draw(terms);
        commit(terms, more[0], verdict);
        for (uint256 i = 1; i < more.length; ++i) commit(terms, more[i], verdict);
        for (uint256 i; i < more.length; ++i) reveal(terms, more[i], verdict);
        expectStatus(terms, IJobTypes.Status.Completed);
        jobs.distributePayment(terms.pack(), verdict);
        expectClean();
    }

    function commitBoth() private {
        commit(terms, drawn[0], verdict);
        commit(terms, drawn[1], verdict);
    }

    function unfit(IJobTypes.Verdict memory v) private {
        uint256 height = block.number;
        uint256 time = block.timestamp;
        terms = openAndSubmit();
        drawn = draw(terms);
        commit(terms, drawn[0], v);
        commit(terms, drawn[1], v);
        refused(drawn[0], v, abi.encodeWithSelector(IJobTypes.BadVerdict.selector));
        vm.roll(height);
        vm.warp(time);
    }

    function refused(address owner, IJobTypes.Verdict memory v, bytes memory reason) private {
        bytes memory call = abi.encodeCall(jobs.revealVerdict, (terms.pack(), v, saltOf(owner), bytes32(0)));
        expectFail(operatorOf(owner), call, reason);
    }
}
