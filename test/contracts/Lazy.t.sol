// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

/// @notice Evaluators that a verdict calls lazy.
contract LazyTest is World {
    PlainTerms private terms;
    address[] private drawn;

    function setUp() public {
        setUpMarket(3, 12);
        terms = newTerms(2);
        terms.evaluatorCount = 3;
        open(terms);
        pass(1);
        submitAll(terms);
        drawn = draw(terms);
    }

    function test_whoIsCalledLazyLosesItsLockAndTheOthersArePaid() public {
        IJobTypes.Verdict memory verdict = naming(1);
        commitAll(verdict, cleanVerdict(terms));
        reveal(terms, drawn[1], verdict);
        reveal(terms, drawn[2], verdict);
        reveal(terms, drawn[0], cleanVerdict(terms));
        jobs.completeJob(terms.pack(), verdict);
        eq(activeOf(drawn[0]), STAKE - 50 ether, "the lock is gone");
        eq(staking.reputationOf(drawn[0]).invalids, 1, "noted");
        jobs.distributePayment(terms.pack(), verdict);
        eq(earningsOf(drawn[1]), 25 ether, "half of the share");
        eq(earningsOf(drawn[2]), 25 ether, "half of the share");
        eq(earningsOf(drawn[0]), 0, "nothing for the lazy one");
        expectClean();
    }

    function test_nobodyOwnsUp() public {
        IJobTypes.Verdict memory verdict = naming(1);
        commitAll(verdict, verdict);
        unfit(verdict);
    }

    function test_aLazyOneIsNotPaidForAGuiltyVerdict() public {
        IJobTypes.Verdict memory verdict = guiltyVerdict(terms, 2);
        IJobTypes.Verdict memory own = guiltyVerdict(terms, 2);
        verdict.lazyMask = 1;
        commitAll(verdict, own);
        reveal(terms, drawn[1], verdict);
        reveal(terms, drawn[2], verdict);
        reveal(terms, drawn[0], own);
        jobs.slash(terms.pack(), verdict);
        expectStatus(terms, IJobTypes.Status.Running);
        eq(activeOf(drawn[0]), STAKE - 50 ether, "slashed");
        eq(earningsOf(drawn[0]), 0, "not paid");
        eq(earningsOf(drawn[1]), 25 ether + 15 ether, "half of the share and of the reward for reporting");
    }

    function test_whoTrustedALazyOneLosesNothing() public {
        IJobTypes.Verdict memory garbage = guiltyVerdict(terms, 4);
        IJobTypes.Verdict memory trusting = cleanVerdict(terms);
        commit(terms, drawn[0], garbage);
        commit(terms, drawn[1], trusting);
        pass(121); // the third stays silent
        reveal(terms, drawn[0], garbage);
        reveal(terms, drawn[1], trusting);
        address[] memory next = draw(terms);
        eq(next.length, 7, "a further panel");
        IJobTypes.Verdict memory verdict = guiltyVerdict(terms, 1);
        verdict.lazyMask = 1;
        for (uint256 i; i < next.length; ++i) commit(terms, next[i], verdict);
        for (uint256 i; i < next.length; ++i) reveal(terms, next[i], verdict);
        eq(activeOf(drawn[0]), STAKE - 50 ether, "the lazy one pays");
        eq(activeOf(drawn[1]), STAKE, "who trusted it does not");
        eq(lockedOf(drawn[1]), 0, "and is free");
        eq(staking.reputationOf(drawn[1]).invalids, 0, "nothing noted");
        eq(earningsOf(drawn[1]), 0, "nor paid");
        eq(activeOf(drawn[2]), STAKE - 5 ether, "silence costs a tenth");
    }

    function test_anOutvotedOneOfTheSamePanelPaysBesideALazyOne() public {
        terms = newTerms(2);
        terms.evaluatorCount = 4;
        open(terms);
        pass(1);
        submitAll(terms);
        drawn = draw(terms);
        IJobTypes.Verdict memory verdict = naming(1);
        IJobTypes.Verdict memory other = cleanVerdict(terms);
        other.metricMicros = 1;
        commit(terms, drawn[1], verdict);
        commit(terms, drawn[2], verdict);
        commit(terms, drawn[3], other);
        pass(121); // the lazy one stays silent
        for (uint256 i = 1; i < 4; ++i) reveal(terms, drawn[i], i == 3 ? other : verdict);
        jobs.completeJob(terms.pack(), verdict);
        eq(activeOf(drawn[0]), STAKE - 50 ether, "lazy, if silent");
        eq(activeOf(drawn[3]), STAKE - 50 ether, "outvoted");
    }

    function test_nobodyWhoWasNotDrawnIsCalledLazy() public {
        IJobTypes.Verdict memory verdict = naming(8);
        commit(terms, drawn[0], verdict);
        commit(terms, drawn[1], verdict);
        commit(terms, drawn[2], verdict);
        unfit(verdict);
    }

    /// @dev A clean verdict that calls these lazy.
    function naming(uint16 lazyMask) private view returns (IJobTypes.Verdict memory verdict) {
        verdict = cleanVerdict(terms);
        verdict.lazyMask = lazyMask;
        verdict.evidenceDigest = keccak256("evidence");
    }

    function commitAll(IJobTypes.Verdict memory verdict, IJobTypes.Verdict memory first) private {
        commit(terms, drawn[0], first);
        commit(terms, drawn[1], verdict);
        commit(terms, drawn[2], verdict);
    }

    function unfit(IJobTypes.Verdict memory verdict) private {
        bytes memory reason = abi.encodeWithSelector(IJobTypes.BadVerdict.selector);
        bytes memory call = abi.encodeCall(
            jobs.revealVerdict,
            (terms.pack(), verdict, saltOf(drawn[0]), bytes32(0))
        );
        expectFail(operatorOf(drawn[0]), call, reason);
    }
}
