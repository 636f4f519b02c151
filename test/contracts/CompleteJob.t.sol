// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract CompleteJobTest is World {
    PlainTerms private terms;
    IJobTypes.Verdict private verdict;
    address[] private drawn;

    function setUp() public {
        setUpMarket(3, 4);
        terms = newTerms(2);
        terms.evaluatorCount = 3;
        open(terms);
        submitAll(terms);
        drawn = draw(terms);
        verdict = cleanVerdict(terms);
    }

    function test_twoOfThreeSufficeAfterTheWindow() public {
        revealTwo(verdict);
        uint256 until = stateOf(terms).deadline;
        bytes memory early = abi.encodeWithSelector(IJobTypes.TooEarly.selector, until + 1);
        expectFail(stranger, abi.encodeCall(jobs.completeJob, (terms.pack(), verdict)), early);
        pass(61);
        vm.prank(stranger);
        jobs.completeJob(terms.pack(), verdict);
        expectStatus(terms, IJobTypes.Status.Completed);
        eq(activeOf(drawn[2]), STAKE - 5 ether, "silence costs a tenth of the lock");
        jobs.distributePayment(terms.pack(), verdict);
        eq(earningsOf(drawn[0]) + earningsOf(drawn[1]), 50 ether, "two share what three would");
        expectClean();
    }

    function test_refusesAVerdictWithoutQuorum() public {
        revealTwo(verdict);
        pass(61);
        verdict.metricMicros += 1;
        bytes memory reason = abi.encodeWithSelector(IJobTypes.NoQuorum.selector);
        expectFail(stranger, abi.encodeCall(jobs.completeJob, (terms.pack(), verdict)), reason);
    }

    function test_refusesGuiltyVerdicts() public {
        bytes memory reason = abi.encodeWithSelector(IJobTypes.BadVerdict.selector);
        verdict.guiltyMask = 1;
        expectFail(stranger, abi.encodeCall(jobs.completeJob, (terms.pack(), verdict)), reason);
    }

    function test_expireCannotSkipAQuorum() public {
        revealTwo(verdict);
        pass(61);
        bytes16 verdictHash = bytes16(keccak256(abi.encode(verdict)));
        bytes memory reason = abi.encodeWithSelector(IJobTypes.QuorumReached.selector, verdictHash);
        expectFail(stranger, abi.encodeCall(jobs.expire, (terms.pack())), reason);
    }

    function test_oneOfThreeIsNoQuorum() public {
        commit(terms, drawn[0], verdict);
        commit(terms, drawn[1], verdict);
        commit(terms, drawn[2], verdict);
        reveal(terms, drawn[0], verdict);
        pass(61);
        bytes memory reason = abi.encodeWithSelector(IJobTypes.NoQuorum.selector);
        expectFail(stranger, abi.encodeCall(jobs.completeJob, (terms.pack(), verdict)), reason);
        jobs.expire(terms.pack());
        expectStatus(terms, IJobTypes.Status.Submitted);
    }

    function test_aLiarThatRevealsLastDelaysNobody() public {
        IJobTypes.Verdict memory liar = cleanVerdict(terms);
        liar.metricMicros = 1;
        commit(terms, drawn[0], liar);
        commit(terms, drawn[1], verdict);
        commit(terms, drawn[2], verdict);
        reveal(terms, drawn[1], verdict);
        reveal(terms, drawn[2], verdict);
        reveal(terms, drawn[0], liar);
        expectStatus(terms, IJobTypes.Status.Attesting);
        bytes memory reason = abi.encodeWithSelector(IJobTypes.NoQuorum.selector);
        expectFail(stranger, abi.encodeCall(jobs.completeJob, (terms.pack(), liar)), reason);
        jobs.completeJob(terms.pack(), verdict);
        expectStatus(terms, IJobTypes.Status.Completed);
        eq(activeOf(drawn[0]), STAKE - 50 ether, "the liar loses its lock");
        jobs.distributePayment(terms.pack(), verdict);
        expectClean();
    }

    function revealTwo(IJobTypes.Verdict memory v) private {
        for (uint256 i; i < 3; ++i) commit(terms, drawn[i], v);
        reveal(terms, drawn[0], v);
        reveal(terms, drawn[1], v);
    }
}
