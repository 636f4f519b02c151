// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {AccountSlot} from "../../contracts/libraries/AccountSlot.sol";
import {JobSlot} from "../../contracts/libraries/JobSlot.sol";
import {Lottery} from "../../contracts/libraries/Lottery.sol";
import {Shares} from "../../contracts/libraries/Shares.sol";
import {TermsRules} from "../../contracts/libraries/TermsRules.sol";
import {TestBase} from "./TestBase.sol";

contract LibrariesTest is TestBase {
    using AccountSlot for uint256;

    function testFuzz_jobSlotKeepsEveryField(uint256 a, uint256 b) public pure {
        JobSlot.Job memory job;
        job.status = a & 0xf;
        job.attempt = (a >> 8) & 0xf;
        job.panel = (a >> 16) & 1;
        job.isSharePaid = (a >> 17) & 1 == 1;
        job.activeMask = (a >> 24) & 0xff;
        job.submittedMask = (a >> 32) & 0xff;
        if (job.status == 1) (job.volunteers, job.submittedMask) = (job.submittedMask, 0);
        job.drawn = (a >> 48) & 0xf;
        job.panelStart = (a >> 56) & 0xf;
        job.committedMask = (a >> 64) & 0x7fff;
        job.revealedMask = (a >> 80) & 0x7fff;
        job.deadline = (a >> 96) & 0xffffffff;
        job.seedHeight = (a >> 128) & 0xffffffff;
        job.ids = b & ((1 << 120) - 1);
        JobSlot.Job memory again = JobSlot.unpack(JobSlot.pack(job));
        eq(keccak256(abi.encode(again)), keccak256(abi.encode(job)), "every field");
    }

    function testFuzz_idsStandApart(uint256 ids, uint8 place, uint24 id) public pure {
        uint256 at = place % 10;
        uint256 written = JobSlot.withId(ids, at, id);
        for (uint256 i; i < 10; ++i) {
            eq(JobSlot.idAt(written, i), i == at ? id : JobSlot.idAt(ids, i), "only its own place");
        }
    }

    function testFuzz_masksCountAndRange(uint16 mask, uint8 from, uint8 to) public pure {
        uint256 bits;
        for (uint256 i; i < 16; ++i) bits += (mask >> i) & 1;
        eq(JobSlot.count(mask), bits, "count");
        uint256 low = from % 17;
        uint256 high = low + (to % (17 - low));
        uint256 range = JobSlot.range(low, high);
        for (uint256 i; i < 16; ++i) eq((range >> i) & 1, i >= low && i < high ? 1 : 0, "range");
    }

    function testFuzz_sharesBySegmentsAreThePot(uint64 pot, uint128 segments) public pure {
        uint64[8] memory parts = Shares.bySegments(pot, segments);
        uint256 total;
        uint256 sum;
        for (uint256 i; i < 8; ++i) total += Shares.segmentsOf(segments, i);
        for (uint256 i; i < 8; ++i) {
            sum += parts[i];
            uint256 credited = Shares.segmentsOf(segments, i);
            if (credited == 0) eq(parts[i], 0, "nothing for nothing");
            else ok(parts[i] >= (uint256(pot) * credited) / total, "at least its floor");
        }
        eq(sum, segments == 0 ? 0 : pot, "all of it");
    }

    function testFuzz_evenPartsAreThePot(uint64 pot, uint8 count) public pure {
        uint256 parts = 1 + (count % 15);
        uint256 sum;
        for (uint256 i; i < parts; ++i) sum += Shares.evenly(pot, parts, i);
        eq(sum, pot, "all of it");
    }

    function testFuzz_evaluatorPotNeverExceedsShareAndDeposit(
        uint64 share,
        uint8 expected,
        bool isPaid,
        uint8 agreed,
        uint64 deposit
    ) public pure {
        uint64 half = share / 2;
        uint64 left = deposit / 2;
        uint256 wanted = 1 + (expected % 8);
        uint256 count = agreed % 16;
        (uint64 pot, uint64 fromDeposit) = Shares.evaluatorPot(half, wanted, isPaid, count, left);
        ok(fromDeposit <= left, "within the deposit");
        eq(pot, (isPaid ? 0 : half) + fromDeposit, "share once, then the deposit");
        if (!isPaid && count <= wanted) eq(fromDeposit, 0, "the share is for them");
        if (isPaid) ok(pot <= (uint256(half) * count) / wanted, "at most the usual fee each");
    }

    function testFuzz_lotteryDrawsEachOnceAndNoZero(
        uint64[12] memory raw,
        bytes32 seed,
        uint8 count
    ) public pure {
        uint64[] memory weights = new uint64[](12);
        uint256 positive;
        for (uint256 i; i < 12; ++i) {
            weights[i] = raw[i] % 3 == 0 ? 0 : raw[i];
            if (weights[i] != 0) ++positive;
        }
        uint64[] memory before = new uint64[](12);
        for (uint256 i; i < 12; ++i) before[i] = weights[i];
        uint256 wanted = count % 16;
        uint256[] memory drawn = Lottery.draw(weights, seed, wanted);
        eq(drawn.length, wanted < positive ? wanted : positive, "as many as can be");
        uint256 seen;
        for (uint256 i; i < drawn.length; ++i) {
            eq((seen >> drawn[i]) & 1, 0, "once");
            seen |= 1 << drawn[i];
            ok(before[drawn[i]] != 0, "no zero weight");
        }
    }

    function testFuzz_accountSlotFieldsAreApart(
        uint64 a,
        uint64 b,
        uint64 c,
        uint64 amount,
        bool pooled
    ) public pure {
        uint256 slot = uint256(0).withActive(a).withLocked(b).withEarnings(c).withPooled(pooled);
        slot = slot.note(AccountSlot.COMPLETED, 3000).note(AccountSlot.INVALID, 3000);
        eq(slot.active(), a, "active");
        eq(slot.locked(), b, "locked");
        eq(slot.earnings(), c, "earnings");
        ok(slot.isPooled() == pooled, "pooled");
        AccountSlot.Facts memory facts = slot.factsOf(3000);
        eq(facts.completed, 1, "completed");
        eq(facts.invalids, 1, "invalids");
        ok(facts.score == -40, "score");
        (uint256 rest, uint64 taken) = slot.take(amount);
        eq(taken, amount < a ? amount : a, "taken");
        eq(rest.active(), a - taken, "left");
        eq(rest.locked(), b < a - taken ? b : a - taken, "lock within");
        eq(rest.earnings(), c, "untouched");
        eq(slot.unlock(amount).locked(), amount < b ? b - amount : 0, "unlock");
    }

    function testFuzz_completedIsNotedInAnyWeek(uint256 slot, uint16 later) public pure {
        uint256 noted = slot >> 241; // the week of the score
        uint256 week = (noted + (later % 3 == 0 ? 0 : later % 200)) & 0x7fff;
        AccountSlot.Facts memory before = slot.factsOf(week);
        uint256 after_ = slot.note(AccountSlot.COMPLETED, week);
        eq(after_ & ((1 << 193) - 1), slot & ((1 << 193) - 1), "money is untouched");
        if (week == 0) return; // no week of any chain
        eq(after_ >> 241, week, "week");
        AccountSlot.Facts memory facts = after_.factsOf(week);
        eq(facts.completed, before.completed == 65_535 ? 65_535 : before.completed + 1, "completed");
        eq(facts.timeouts, before.timeouts, "timeouts");
        eq(facts.invalids, before.invalids, "invalids");
        int256 score = before.score + 10 > 30_000 ? int256(30_000) : before.score + 10;
        ok(facts.score == score, "score");
    }

    function testFuzz_windowsAreCheckedEachAlone(
        uint192 windows,
        uint8 kinds,
        uint32 a,
        uint32 b
    ) public view {
        (uint256 least, uint256 most) = (1 + (a % 1 hours), 1 hours + (b % (30 days - 1 hours + 1)));
        uint256 made;
        uint8 wrong; // the first window out of the bounds
        for (uint8 i; i < 6; ++i) {
            uint256 raw = (windows >> (32 * i)) & 0xffffffff;
            if ((kinds >> i) & 1 == 0) raw = least + (raw % (most - least + 1));
            else if (raw % 3 == 0) raw = raw % 2 == 0 ? least - 1 : most + 1;
            if (wrong == 0 && (raw < least || raw > most)) wrong = 22 + i;
            made |= raw << (32 * i);
        }
        IJobTypes.Terms memory terms;
        terms.amounts = 1 | (1 << 128) | (1 << 192);
        terms.work = 1 | (1 << 128) | (1 << 160) | (1 << 168) | (1 << 176);
        terms.windows = made;
        uint256 bounds = (least << 64) | (most << 96);
        try this.checkTerms(terms, bounds) {
            eq(wrong, 0, "taken");
        } catch (bytes memory reason) {
            eq(
                keccak256(reason),
                keccak256(abi.encodeWithSelector(IJobTypes.BadTerms.selector, wrong)),
                "named"
            );
        }
    }

    function checkTerms(IJobTypes.Terms calldata terms, uint256 bounds) external pure {
        TermsRules.checkTerms(terms, bounds);
    }

    function test_countersStopAtTheirEnd() public pure {
        uint256 slot;
        for (uint256 i; i < 300; ++i) slot = slot.note(AccountSlot.TIMED_OUT, 3000);
        eq(slot.factsOf(3000).timeouts, 255, "timeouts");
        for (uint256 i; i < 300; ++i) slot = slot.note(AccountSlot.INVALID, 3000);
        eq(slot.factsOf(3000).invalids, 255, "invalids");
        for (uint256 i; i < 4000; ++i) slot = slot.note(AccountSlot.COMPLETED, 3000);
        eq(slot.factsOf(3000).completed, 4000, "completed");
        ok(slot.factsOf(3000).score == 30_000, "ceiling");
        eq(slot.note(0, 3000), slot, "no fact, no change");
    }
}
