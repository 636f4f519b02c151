// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract SlashTest is World {
    PlainTerms private terms;

    function setUp() public {
        setUpMarket(3, 4);
        terms = openAndSubmit();
    }

    function test_theGuiltyLosesItsLockAndTheRestRedo() public {
        IJobTypes.Verdict memory verdict = guiltyVerdict(terms, 2);
        vm.recordLogs();
        attest(terms, verdict);
        address[] memory guilty = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        guilty[0] = workers[1];
        amounts[0] = 100 ether;
        expectLog(
            IJobTypes.WorkersSlashed.selector,
            abi.encode(uint32(0), guilty, amounts, keccak256("evidence"))
        );
        IJobTypes.JobState memory state = stateOf(terms);
        eq(uint256(state.status), uint256(IJobTypes.Status.Running), "running again");
        eq(state.attempt, 1, "second attempt");
        eq(state.activeMask, 5, "without the guilty");
        eq(state.submittedMask, 0, "from the start");
        eq(state.evaluators.length, 0, "with a new panel");
        eq(state.deadline, block.timestamp + 600, "a new run window");
        eq(activeOf(workers[1]), STAKE - 100 ether, "the lock is gone");
        eq(lockedOf(workers[1]), 0, "nothing stays locked");
        eq(lockedOf(workers[0]), 100 ether, "the others stay locked");
        eq(staking.reputationOf(workers[1]).invalids, 1, "noted");
    }

    function test_splitsThirtyTwentyFifty() public {
        IJobTypes.Verdict memory verdict = guiltyVerdict(terms, 2);
        uint256 clientBefore = earningsOf(client);
        attest(terms, verdict);
        uint256 reporters;
        for (uint256 i; i < evaluators.length; ++i) reporters += earningsOf(evaluators[i]);
        eq(reporters, 50 ether + 30 ether, "share of the reward, and 30 % of the slash");
        eq(earningsOf(client) - clientBefore, 20 ether, "20 % to the client");
        (uint256 escrowWei, uint256 burnedWei) = staking.held();
        eq(burnedWei, 50 ether, "50 % burned");
        eq(escrowWei, 1050 ether, "the rest stays in escrow");
    }

    function test_theSecondAttemptIsPaidFromTheDeposit() public {
        attest(terms, guiltyVerdict(terms, 2));
        uint256 workerBefore = earningsOf(workers[0]);
        uint256 clientBefore = earningsOf(client);
        submitAll(terms);
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        attest(terms, verdict);
        address[] memory drawn = stateOf(terms).evaluators;
        uint256 evaluatorBefore = earningsOf(drawn[0]);
        jobs.distributePayment(terms.pack(), verdict);
        eq(earningsOf(drawn[0]) - evaluatorBefore, 25 ether, "the usual fee, from the deposit");
        eq(earningsOf(client) - clientBefore, 50 ether, "the rest of the deposit comes back");
        uint256 first = (((900 ether / 1e9) * 12) / uint256(22)) * 1e9;
        eq(earningsOf(workers[0]) - workerBefore, first, "12 of 22 segments");
        eq(earningsOf(workers[1]), 0, "nothing for the guilty");
        eq(earningsOf(workers[2]), 900 ether - first, "the remainder");
        expectClean();
    }

    function test_whenAllAreGuiltyTheClientGetsTheRestBack() public {
        uint256 clientBefore = earningsOf(client);
        attest(terms, guiltyVerdict(terms, 7));
        expectStatus(terms, IJobTypes.Status.Expired);
        eq(earningsOf(client) - clientBefore, 1050 ether + 60 ether, "reward less attestation, 20 % of 300");
        for (uint256 i; i < 3; ++i) eq(activeOf(workers[i]), STAKE - 100 ether, "slashed");
        expectClean();
    }

    function test_whoWithholdsLosesAPartAndIsRemoved() public {
        IJobTypes.Verdict memory verdict = guiltyVerdict(terms, 1);
        verdict.guiltyMask = 0;
        verdict.withheldMask = 1;
        attest(terms, verdict);
        eq(activeOf(workers[0]), STAKE - 10 ether, "a tenth of the lock");
        eq(stateOf(terms).activeMask, 6, "removed");
        eq(staking.reputationOf(workers[0]).timeouts, 1, "noted");
    }

    function test_afterTheWindowAnyoneActsOnAQuorum() public {
        terms = newTerms(2);
        terms.evaluatorCount = 3;
        open(terms);
        submitAll(terms);
        address[] memory drawn = draw(terms);
        IJobTypes.Verdict memory verdict = guiltyVerdict(terms, 4);
        for (uint256 i; i < 3; ++i) commit(terms, drawn[i], verdict);
        for (uint256 i; i < 2; ++i) reveal(terms, drawn[i], verdict);
        bytes memory early = abi.encodeWithSelector(IJobTypes.TooEarly.selector, block.timestamp + 61);
        expectFail(stranger, abi.encodeCall(jobs.slash, (terms.pack(), verdict)), early);
        pass(61);
        IJobTypes.Verdict memory clean = cleanVerdict(terms);
        bytes memory bad = abi.encodeWithSelector(IJobTypes.BadVerdict.selector);
        expectFail(stranger, abi.encodeCall(jobs.slash, (terms.pack(), clean)), bad);
        verdict.guiltyMask = 6;
        bytes memory none = abi.encodeWithSelector(IJobTypes.NoQuorum.selector);
        expectFail(stranger, abi.encodeCall(jobs.slash, (terms.pack(), verdict)), none);
        verdict.guiltyMask = 4;
        vm.prank(stranger);
        jobs.slash(terms.pack(), verdict);
        eq(stateOf(terms).activeMask, 3, "two go on");
        eq(activeOf(drawn[2]), STAKE - 5 ether, "the silent evaluator pays");
    }

    function test_eightAttemptsEndTheJob() public {
        for (uint256 i; i < 5; ++i) workers.push(addActor(1, STAKE));
        terms = newTerms(2);
        terms.workerCount = 8;
        open(terms);
        for (uint8 i; i < 8; ++i) {
            submitAll(terms);
            attest(terms, guiltyVerdict(terms, uint8(1 << i)));
        }
        expectStatus(terms, IJobTypes.Status.Expired);
        for (uint256 i = 3; i < 8; ++i) eq(lockedOf(workers[i]), 0, "free");
    }

    function testFuzz_everyMaskIsSplitToTheWei(uint8 guilty, uint8 withheld, uint64 reward) public {
        terms = newTerms(2);
        terms.rewardWei = uint128(bound(reward, 1, 1e12)) * 1e9;
        terms.auditDepositWei = uint128(bound(reward, 0, 7)) * 1e9;
        open(terms);
        submitAll(terms);
        IJobTypes.Verdict memory verdict = guiltyVerdict(terms, guilty & 7);
        verdict.withheldMask = withheld & 7 & ~verdict.guiltyMask;
        uint8 named = verdict.guiltyMask | verdict.withheldMask;
        verdict.segments = segmentsOf(7 & ~named);
        uint256 before = moneyOfAll();
        attest(terms, verdict);
        eq(moneyOfAll(), before, "nothing lost, nothing made");
        eq(before, token.balanceOf(address(staking)), "solvent");
    }

    function moneyOfAll() internal view returns (uint256 sum) {
        (uint256 escrowWei, uint256 burnedWei) = staking.held();
        sum = escrowWei + burnedWei + earningsOf(client) + activeOf(client);
        for (uint256 i; i < workers.length; ++i) sum += earningsOf(workers[i]) + activeOf(workers[i]);
        for (uint256 i; i < evaluators.length; ++i) {
            sum += earningsOf(evaluators[i]) + activeOf(evaluators[i]);
        }
    }
}
