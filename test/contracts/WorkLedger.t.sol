// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PlainTerms} from "./PlainTerms.sol";
import {WorkLedger} from "../../contracts/WorkLedger.sol";
import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IValidatorSet} from "../../contracts/interfaces/IValidatorSet.sol";
import {IWorkLedger} from "../../contracts/interfaces/IWorkLedger.sol";
import {UnitRules} from "../../contracts/libraries/UnitRules.sol";
import {LedgerWorld} from "./LedgerWorld.sol";

contract WorkLedgerTest is LedgerWorld {
    function test_commits() public {
        (PlainTerms memory terms, bytes32 jobId) = running();
        IWorkLedger.Segment[] memory segments = workOf(2);
        bytes32 id = ledger.segmentIdOf(jobId, 0, workers[0], segments[1]);
        vm.recordLogs();
        commitAs(workers[0], terms, segments);
        expectLog(IWorkLedger.SegmentCommitted.selector, abi.encode(id, uint8(0), segments[1]));
    }

    function test_theIdCoversEverything() public view {
        IWorkLedger.Segment memory s = workOf(1)[0];
        bytes32 id = ledger.segmentIdOf("job", 0, workers[0], s);
        ok(id != ledger.segmentIdOf("jab", 0, workers[0], s), "job");
        ok(id != ledger.segmentIdOf("job", 1, workers[0], s), "attempt");
        ok(id != ledger.segmentIdOf("job", 0, workers[1], s), "worker");
        bytes memory encoded = abi.encode(s);
        eq(encoded.length, 192, "bytes of an undisputed segment");
        for (uint256 i; i < 6; ++i) {
            encoded[32 * i + 31] ^= 0x01;
            IWorkLedger.Segment memory other = abi.decode(encoded, (IWorkLedger.Segment));
            ok(id != ledger.segmentIdOf("job", 0, workers[0], other), "field");
            encoded[32 * i + 31] ^= 0x01;
        }
    }

    function test_onlyAssignedWorkersWithASeatCommit() public {
        (PlainTerms memory terms, ) = running();
        IWorkLedger.Segment[] memory segments = workOf(1);
        expectRefusal(stranger, terms, segments, notAssigned(stranger));
        address evaluator = operatorOf(evaluators[0]);
        expectRefusal(evaluator, terms, segments, notAssigned(evaluator));
        expectRefusal(workers[0], terms, segments, notAssigned(workers[0])); // the owner is not the operator
        bytes memory noSeat = abi.encodeWithSelector(IValidatorSet.NoSeat.selector, workers[2]);
        expectRefusal(operatorOf(workers[2]), terms, segments, noSeat);
        takeSeat(set, workers[2], false, 100 ether);
        address late = operatorOf(workers[2]);
        expectRefusal(late, terms, segments, notAssigned(late));
        vm.prank(workers[1]);
        set.exit();
        expectRefusal(operatorOf(workers[1]), terms, segments, notAssigned(operatorOf(workers[1])));
    }

    function test_eachSegmentOnceAndWithinTheTerms() public {
        (PlainTerms memory terms, ) = running();
        commitAs(workers[0], terms, workOf(2));
        address operator = operatorOf(workers[0]);
        bytes memory again = abi.encodeWithSelector(IWorkLedger.AlreadyCommitted.selector, 0);
        expectRefusal(operator, terms, workOf(1), again);
        IWorkLedger.Segment[] memory one = workOf(1);
        one[0].stepRoot = "another";
        expectRefusal(operator, terms, one, again);
        one[0].work = workWord(12, FLOPS);
        expectRefusal(operator, terms, one, unknown(12));
        one[0].work = workWord(5, 0);
        expectRefusal(operator, terms, one, unknown(5));
    }

    function test_onlyWhileTheJobRuns() public {
        PlainTerms memory terms = newTerms(2);
        bytes memory closed = abi.encodeWithSelector(IWorkLedger.WindowClosed.selector);
        IWorkLedger.Segment[] memory segments = workOf(1);
        expectRefusal(operatorOf(workers[0]), terms, segments, closed);
        open(terms);
        submitAll(terms);
        pass(1);
        commitAs(workers[0], terms, segments); // one height before the seed
        pass(1);
        expectRefusal(operatorOf(workers[1]), terms, segments, closed);
    }

    function test_onlyAllowedEngines() public {
        PlainTerms memory terms = newTerms(2);
        terms.engineId = keccak256("another");
        bytes32 jobId = open(terms);
        bytes memory reason = abi.encodeWithSelector(IWorkLedger.NotEligible.selector, jobId);
        expectRefusal(operatorOf(workers[0]), terms, workOf(1), reason);
        bytes memory allow = abi.encodeCall(ledger.allowEngine, (terms.engineId, true));
        expectFailAt(address(ledger), stranger, allow, notGovernance());
        vm.prank(address(timelock));
        ledger.allowEngine(terms.engineId, true);
        commitAs(workers[0], terms, workOf(1));
    }

    function test_tolerantJobsEarnNoUnits() public {
        PlainTerms memory terms = newTerms(2);
        terms.mode = 1;
        bytes32 jobId = open(terms);
        bytes memory reason = abi.encodeWithSelector(IWorkLedger.NotEligible.selector, jobId);
        expectRefusal(operatorOf(workers[0]), terms, workOf(1), reason);
    }

    function test_attestersAreDrawnOnceByStake() public {
        (PlainTerms memory terms, bytes32 jobId) = running();
        commitAs(workers[0], terms, workOf(2));
        bytes memory request = abi.encodeCall(ledger.requestAttestation, (terms.pack()));
        bytes memory notSettled = abi.encodeWithSelector(IWorkLedger.NotSettled.selector, jobId);
        expectFailAt(address(ledger), stranger, request, notSettled);
        expectFailAt(address(ledger), stranger, abi.encodeCall(ledger.drawAttesters, (jobId)), notSettled);
        settle(terms);
        ledger.requestAttestation(terms.pack());
        pass(2);
        uint256[] memory seats = ledger.drawAttesters(jobId);
        eq(seats.length, 5, "five");
        for (uint256 i; i < 5; ++i) {
            ok(seats[i] < 7, "a validator");
            for (uint256 j; j < i; ++j) ok(seats[i] != seats[j], "each once");
        }
        bytes memory done = abi.encodeWithSelector(IWorkLedger.AlreadyDone.selector);
        expectFailAt(address(ledger), stranger, abi.encodeCall(ledger.drawAttesters, (jobId)), done);
        uint256 next = block.number - 2 + 2 + 256 + 1;
        expectFailAt(
            address(ledger),
            stranger,
            request,
            abi.encodeWithSelector(IWorkLedger.TooEarly.selector, next)
        );
        vm.roll(next);
        ledger.requestAttestation(terms.pack());
    }

    function test_theChainStaysBusyUntilAttestersCanBeDrawn() public {
        (PlainTerms memory terms, ) = running();
        eq(ledger.openWork(), 1, "an open job");
        settle(terms);
        eq(ledger.openWork(), 0, "nothing");
        ledger.requestAttestation(terms.pack());
        eq(ledger.openWork(), 1, "requested");
        pass(2);
        eq(ledger.openWork(), 1, "the height itself");
        pass(1);
        eq(ledger.openWork(), 0, "drawable");
    }

    function test_theChainStaysBusyUntilNewUnitsWereDrawn() public {
        (PlainTerms memory terms, ) = attested();
        pass(3);
        eq(ledger.openWork(), 0, "nothing");
        ledger.mature(terms.pack(), 0, workOf(2));
        eq(ledger.openWork(), 1, "matured");
        pass(2);
        eq(ledger.openWork(), 1, "the height of the first draw");
        pass(1);
        eq(ledger.openWork(), 0, "drawn");
    }

    function test_fourOfFiveAttestOfEachWorker() public {
        (PlainTerms memory terms, bytes32 jobId) = drawn();
        uint256[] memory seats = attesters;
        bytes memory call = abi.encodeCall(ledger.mature, (terms.pack(), 0, workOf(2)));
        bytes memory notYet = abi.encodeWithSelector(IWorkLedger.NotAttested.selector, jobId);
        for (uint256 i; i < 4; ++i) {
            expectFailAt(address(ledger), stranger, call, notYet);
            attestAs(seats[i], jobId, i == 0 ? 1 : 3);
        }
        bytes memory twice = abi.encodeCall(ledger.attest, (jobId, 3));
        bytes memory done = abi.encodeWithSelector(IWorkLedger.AlreadyDone.selector);
        expectFailAt(address(ledger), set.seatAt(seats[0]).owner, twice, done);
        bytes memory nothing = abi.encodeCall(ledger.attest, (jobId, 0));
        expectFailAt(address(ledger), set.seatAt(seats[4]).owner, nothing, done);
        for (uint256 i; i < 7; ++i) {
            if (isAttester(i)) continue;
            bytes memory reason = abi.encodeWithSelector(IWorkLedger.NotAttester.selector, validators[i]);
            expectFailAt(address(ledger), validators[i], twice, reason);
        }
        ledger.mature(terms.pack(), 0, workOf(2));
        // Of the second worker three have said so.
        expectFailAt(
            address(ledger),
            stranger,
            abi.encodeCall(ledger.mature, (terms.pack(), 1, workOf(2))),
            notYet
        );
        attestAs(seats[4], jobId, 2);
        ledger.mature(terms.pack(), 1, workOf(2));
    }

    function test_nothingMaturesOfWhoLostAClaim() public {
        (PlainTerms memory terms, bytes32 jobId) = attested();
        bytes memory call = abi.encodeCall(ledger.mature, (terms.pack(), 0, workOf(2)));
        IDisputeGame.Claim memory claim = claimBy(workers[0], jobId, 1);
        (bytes32 id, IDisputeGame.Position memory position) = disputeClaim(claim, workers[0]);
        bytes memory held = abi.encodeWithSelector(IWorkLedger.Held.selector, workers[0]);
        expectFailAt(address(ledger), stranger, call, held);
        pass(CLOCK_SECONDS + 1);
        disputes.expire(id, position, claim);
        expectFailAt(address(ledger), stranger, call, held);
        jobs.slashClaim(terms.pack(), claim);
        bytes memory isVoid = abi.encodeWithSelector(IWorkLedger.Void.selector, workers[0]);
        expectFailAt(address(ledger), stranger, call, isVoid);
        ok(ledger.mature(terms.pack(), 1, workOf(2)) != 0, "the others' does");
    }

    function test_maturesWhatWasCommitted() public {
        (PlainTerms memory terms, bytes32 jobId) = attested();
        IWorkLedger.Segment[] memory segments = workOf(2);
        segments[1].modelHash = "another";
        bytes memory call = abi.encodeCall(ledger.mature, (terms.pack(), 0, segments));
        expectFailAt(address(ledger), stranger, call, unknown(1));
        segments = workOf(2);
        // A tenth of the work each: 100 units by work, fewer by burn.
        uint256 each = 5e9 / ledger.unitPriceGwei();
        eq(ledger.mature(terms.pack(), 0, segments), 2 * each, "units");
        (uint256 first, uint256 next, uint256 live) = ledger.urn();
        eq(next - first, 2, "entries");
        eq(live, 2 * each, "live");
        IWorkLedger.Entry memory entry = ledger.entryAt(first + 1);
        eq(entry.segmentId, ledger.segmentIdOf(jobId, 0, workers[0], segments[1]), "id");
        eq(entry.seat, 128, "seat");
        eq(entry.units, each, "units");
        eq(entry.segment, 1, "segment");
        eq(entry.flops, FLOPS, "flops");
        eq(entry.bornHeight, block.number, "born");
        eq(entry.jobId, jobId, "job");
        eq(entry.modelHash, segments[1].modelHash, "model");
        checkSlots(entry, first + 1);
        call = abi.encodeCall(ledger.mature, (terms.pack(), 0, segments));
        expectFailAt(address(ledger), stranger, call, unknown(0));
    }

    function test_aConvictedLeaderHasNoUnits() public {
        (PlainTerms memory terms, ) = attested();
        vm.prank(workers[0]);
        set.exit();
        bytes memory call = abi.encodeCall(ledger.mature, (terms.pack(), 0, workOf(2)));
        expectFailAt(address(ledger), stranger, call, notAssigned(workers[0]));
    }

    function test_noMoreWorkThanTheTermsMeter() public {
        (PlainTerms memory terms, ) = running();
        IWorkLedger.Segment[] memory segments = workOf(2);
        for (uint32 i; i < 2; ++i) segments[i].work = workWord(i, uint128(terms.flops / 2));
        commitAs(workers[0], terms, segments);
        IWorkLedger.Segment[] memory more = workOf(1);
        more[0].work = workWord(0, 1);
        commitAs(workers[1], terms, more);
        settle(terms);
        attestAll(terms, 3);
        eq(ledger.mature(terms.pack(), 0, segments), 256, "128 units a segment at most");
        bytes memory reason = abi.encodeWithSelector(IWorkLedger.TooManyFlops.selector);
        bytes memory call = abi.encodeCall(ledger.mature, (terms.pack(), 1, more));
        expectFailAt(address(ledger), stranger, call, reason);
    }

    function test_unitsLeaveTheUrn() public {
        (PlainTerms memory terms, ) = attested();
        uint256 units = ledger.mature(terms.pack(), 0, workOf(2));
        uint256 born = block.number;
        IWorkLedger.Segment[] memory none = new IWorkLedger.Segment[](0);
        vm.roll(born + 255);
        ledger.mature(terms.pack(), 0, none);
        (uint256 first, uint256 next, uint256 live) = ledger.urn();
        eq(next - first, 2, "still there");
        eq(live, units, "live");
        vm.roll(born + 256);
        ledger.mature(terms.pack(), 0, none);
        (first, next, live) = ledger.urn();
        eq(next - first, 0, "gone");
        eq(live, 0, "none");
    }

    function test_theUrnIsBounded() public {
        (PlainTerms memory terms, ) = attested();
        uint256 units = 2 * (5e9 / ledger.unitPriceGwei());
        bytes32 head = vm.load(address(ledger), bytes32(uint256(1)));
        uint256 live = uint256(head) & ~(uint256(type(uint32).max) << 80);
        vm.store(address(ledger), bytes32(uint256(1)), bytes32(live | ((4097 - units) << 80)));
        bytes memory call = abi.encodeCall(ledger.mature, (terms.pack(), 0, workOf(2)));
        bytes memory full = abi.encodeWithSelector(IWorkLedger.UrnFull.selector);
        expectFailAt(address(ledger), stranger, call, full);
        vm.store(address(ledger), bytes32(uint256(1)), bytes32(live | ((4096 - units) << 80)));
        ledger.mature(terms.pack(), 0, workOf(2));
    }

    function test_thePriceFollowsTheUnits() public {
        eq(ledger.unitPriceGwei(), priceAfter(PRICE, 0, block.number / 256), "no units so far");
        vm.roll((block.number / 256 + 1) * 256);
        (PlainTerms memory terms, ) = attested();
        uint256 before = ledger.unitPriceGwei();
        uint256 units = ledger.mature(terms.pack(), 0, workOf(2));
        eq(ledger.unitPriceGwei(), before, "within the epoch");
        vm.roll((block.number / 256 + 3) * 256);
        eq(ledger.unitPriceGwei(), priceAfter(before, units, 3), "three epochs later");
    }

    function test_unitsCountForTheirEpochAlone() public {
        vm.roll((block.number / 256 + 1) * 256);
        (PlainTerms memory terms, ) = attested();
        uint256 before = ledger.unitPriceGwei();
        uint256 units = ledger.mature(terms.pack(), 0, workOf(2));
        vm.roll((block.number / 256 + 1) * 256);
        ledger.mature(terms.pack(), 0, new IWorkLedger.Segment[](0));
        eq(ledger.unitPriceGwei(), priceAfter(before, units, 1), "an epoch later");
        vm.roll((block.number / 256 + 1) * 256);
        eq(ledger.unitPriceGwei(), priceAfter(before, units, 2), "and one without units");
    }

    // The table of test/unit/chain/core/work-rules.test.ts.
    function test_thePriceMovesAsItDoesElsewhere() public pure {
        uint256[6] memory created = [uint256(0), 512, 1024, 1536, 2048, 4096];
        uint256[6] memory prices = [uint256(70_000), 75_000, 80_000, 85_000, 90_000, 90_000];
        for (uint256 i; i < 6; ++i) {
            eq(UnitRules.nextPrice(80_000, created[i], 1, 1e15), prices[i], "price");
        }
        eq(UnitRules.nextPrice(100, 0, 95, 200), 95, "least");
        eq(UnitRules.nextPrice(190, 4096, 95, 200), 200, "most");
        eq(UnitRules.nextPrice(1, 1025, 1, 200), 2, "rises from the bottom");
        eq(UnitRules.priceAfter(1e15, 4096, 600, 7, 1e15), 7, "forgotten");
    }

    function testFuzz_unitsCostWhatWasBurned(
        uint256 flops,
        uint256 burned,
        uint256 unitFlops,
        uint256 price
    ) public pure {
        flops = bound(flops, 0, type(uint128).max);
        burned = bound(burned, 0, 1e18);
        unitFlops = bound(unitFlops, 1, 1e30);
        price = bound(price, 1, 1e15);
        uint256 units = UnitRules.unitsOf(flops, burned, unitFlops, price);
        ok(units <= 128, "bounded");
        ok(units * price <= burned && units * unitFlops <= flops, "paid for");
        bool isNext = (units + 1) * price <= burned && (units + 1) * unitFlops <= flops;
        ok(units == 128 || !isNext, "and not one less");
    }

    function testFuzz_aJobsUnitsCostWhatItBurned(uint256 a, uint256 b, uint256 c) public {
        (PlainTerms memory terms, ) = running();
        IWorkLedger.Segment[] memory segments = workOf(3);
        segments[0].work = workWord(0, uint128(bound(a, 1, terms.flops / 3)));
        segments[1].work = workWord(1, uint128(bound(b, 1, terms.flops / 3)));
        segments[2].work = workWord(2, uint128(bound(c, 1, terms.flops / 3)));
        commitAs(workers[1], terms, segments);
        (, uint256 burnedBefore) = staking.held();
        settle(terms);
        (, uint256 burned) = staking.held();
        attestAll(terms, 2);
        uint256 units = ledger.mature(terms.pack(), 1, segments);
        ok(units * ledger.unitPriceGwei() * 1e9 <= burned - burnedBefore, "paid for");
    }

    function test_aBatchOfSixteenCostsLittle() public {
        PlainTerms memory terms = newTerms(2);
        terms.segmentCount = 16;
        open(terms);
        IWorkLedger.Segment[] memory segments = workOf(16);
        IJobTypes.Terms memory packed = terms.pack();
        vm.prank(operatorOf(workers[0]));
        uint256 before = gasleft();
        ledger.commitSegments(packed, segments);
        ok((before - gasleft()) / 16 <= 40_000, "gas of a segment");
    }

    function test_noPriceJumpsWhileUnitsAreLive() public {
        (PlainTerms memory terms, ) = attested();
        ledger.mature(terms.pack(), 0, workOf(2));
        IWorkLedger.Rules memory rules = ledger.rules();
        rules.priceMinGwei = uint64(ledger.unitPriceGwei()) + 1;
        expectBadRule(rules, 1);
        rules.priceMinGwei -= 1;
        vm.prank(address(timelock));
        ledger.setRules(rules);
        vm.roll(block.number + 256);
        rules.priceMinGwei = rules.priceMaxGwei;
        vm.prank(address(timelock));
        ledger.setRules(rules);
        eq(ledger.unitPriceGwei(), rules.priceMaxGwei, "none is live");
    }

    function test_powEveryIsBoundFromTheBeginning() public {
        try new WorkLedger(jobs, registry, set, randomness, address(timelock), disputes, 0, 1, 1, 9) {
            revert("made");
        } catch (bytes memory reason) {
            eq(keccak256(reason), keccak256(abi.encodeWithSelector(IWorkLedger.BadRule.selector, 4)), "why");
        }
    }

    function test_rulesWithinBounds() public {
        IWorkLedger.Rules memory rules = ledger.rules();
        eq(rules.powEvery, 2, "every");
        eq(rules.betaBps, 8000, "beta");
        eq(rules.unitFlops, UNIT_FLOPS, "flops");
        bytes memory call = abi.encodeCall(ledger.setRules, (rules));
        expectFailAt(address(ledger), stranger, call, notGovernance());
        rules.powEvery = 9;
        expectBadRule(rules, 4);
        (rules.powEvery, rules.betaBps) = (0, 8001);
        expectBadRule(rules, 3);
        (rules.betaBps, rules.priceMaxGwei, rules.priceMinGwei) = (7000, 99, 100);
        expectBadRule(rules, 2);
        rules.priceMinGwei = 0;
        expectBadRule(rules, 1);
        (rules.priceMinGwei, rules.unitFlops) = (99, 0);
        expectBadRule(rules, 0);
        rules.unitFlops = 5;
        vm.prank(address(timelock));
        ledger.setRules(rules);
        eq(ledger.unitPriceGwei(), 99, "the price is within the new bounds");
        eq(keccak256(abi.encode(ledger.rules())), keccak256(abi.encode(rules)), "as set");
        uint256 word = uint256(vm.load(address(ledger), 0));
        eq(uint128(word), 5, "unit flops");
        eq(uint64(word >> 128), 99, "price");
        eq(uint16(word >> 192), 7000, "beta's slot");
        eq(uint8(word >> 208), 0, "powEvery's slot");
        eq(uint256(vm.load(address(ledger), bytes32(uint256(2)))), 99 | (99 << 64), "bounds");
    }
}
