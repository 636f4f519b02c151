// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PlainTerms} from "./PlainTerms.sol";
import {ValidatorSet} from "../../contracts/ValidatorSet.sol";
import {WorkLedger} from "../../contracts/WorkLedger.sol";
import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IWorkLedger} from "../../contracts/interfaces/IWorkLedger.sol";
import {UnitRules} from "../../contracts/libraries/UnitRules.sol";
import {BlsWorld} from "./BlsWorld.sol";
import {ClaimWorld} from "./ClaimWorld.sol";

/// @dev A ledger of work with seven validators and two leaders, and a segment's way into its urn.
abstract contract LedgerWorld is ClaimWorld, BlsWorld {
    uint128 internal constant UNIT_FLOPS = 1e6;
    /// @dev A job of `newTerms` burns 50e9: 1,000 units by work, 500 by burn.
    uint64 internal constant PRICE = 1e8;
    uint128 internal constant FLOPS = 1e8;

    ValidatorSet internal set;
    WorkLedger internal ledger;
    address[] internal validators;

    function setUp() public virtual {
        setUpMarket(3, 4);
        set = new ValidatorSet(256, 1000e9, 100e9, 7 days);
        ledger = ledgerOf(set, uint256(keccak256("engine")), 2);
        for (uint256 i; i < 7; ++i) {
            validators.push(address(uint160(0x7A11 + i)));
            takeSeat(set, validators[i], true, 1000 ether * (i + 1));
        }
        takeSeat(set, workers[0], false, 100 ether);
        takeSeat(set, workers[1], false, 100 ether);
        pass(600);
    }

    uint256[] internal attesters;

    function ledgerOf(ValidatorSet set_, uint256 engineId, uint8 powEvery) internal returns (WorkLedger) {
        return
            new WorkLedger(
                jobs,
                registry,
                set_,
                randomness,
                address(timelock),
                disputes,
                engineId,
                UNIT_FLOPS,
                PRICE,
                powEvery
            );
    }

    function workOf(uint32 count) internal pure returns (IWorkLedger.Segment[] memory segments) {
        segments = new IWorkLedger.Segment[](count);
        for (uint32 i; i < count; ++i) {
            segments[i] = IWorkLedger.Segment(
                workWord(i, FLOPS),
                keccak256(abi.encode("input", i)),
                keccak256(abi.encode("output", i)),
                keccak256(abi.encode("model", i)),
                keccak256(abi.encode("steps", i)),
                keccak256(abi.encode("data", i))
            );
        }
    }

    function workWord(uint32 number, uint128 flops) internal pure returns (uint256) {
        return uint256(number) | (uint256(flops) << 32);
    }

    function running() internal returns (PlainTerms memory terms, bytes32 jobId) {
        terms = newTerms(2);
        jobId = open(terms);
    }

    function settle(PlainTerms memory terms) internal {
        pass(1);
        submitAll(terms);
        IJobTypes.Verdict memory verdict = cleanVerdict(terms);
        attest(terms, verdict);
        jobs.distributePayment(terms.pack(), verdict);
    }

    function drawn() internal returns (PlainTerms memory terms, bytes32 jobId) {
        (terms, jobId) = running();
        commitAs(workers[0], terms, workOf(2));
        commitAs(workers[1], terms, workOf(2));
        settle(terms);
        drawFor(terms);
    }

    function drawFor(PlainTerms memory terms) internal {
        ledger.requestAttestation(terms.pack());
        pass(2);
        attesters = ledger.drawAttesters(jobs.jobIdOf(terms.pack()));
    }

    function attestAll(PlainTerms memory terms, uint8 mask) internal {
        drawFor(terms);
        for (uint256 i; i < 5; ++i) attestAs(attesters[i], jobs.jobIdOf(terms.pack()), mask);
    }

    function attested() internal returns (PlainTerms memory terms, bytes32 jobId) {
        (terms, jobId) = drawn();
        for (uint256 i; i < 4; ++i) attestAs(attesters[i], jobId, 3);
    }

    function attestAs(uint256 seat, bytes32 jobId, uint8 mask) internal {
        vm.prank(set.seatAt(seat).owner);
        ledger.attest(jobId, mask);
    }

    function isAttester(uint256 seat) internal view returns (bool) {
        for (uint256 i; i < attesters.length; ++i) if (attesters[i] == seat) return true;
        return false;
    }

    function commitAs(
        address worker,
        PlainTerms memory terms,
        IWorkLedger.Segment[] memory segments
    ) internal {
        IJobTypes.Terms memory packed = terms.pack();
        vm.prank(operatorOf(worker));
        ledger.commitSegments(packed, segments);
    }

    function expectRefusal(
        address sender,
        PlainTerms memory terms,
        IWorkLedger.Segment[] memory segments,
        bytes memory reason
    ) internal {
        bytes memory call = abi.encodeCall(ledger.commitSegments, (terms.pack(), segments));
        expectFailAt(address(ledger), sender, call, reason);
    }

    function expectBadRule(IWorkLedger.Rules memory rules, uint8 field) internal {
        bytes memory reason = abi.encodeWithSelector(IWorkLedger.BadRule.selector, field);
        bytes memory call = abi.encodeCall(ledger.setRules, (rules));
        expectFailAt(address(ledger), address(timelock), call, reason);
    }

    function checkSlots(IWorkLedger.Entry memory entry, uint256 place) internal view {
        uint256 slot = 3 + 4 * (place % 4096);
        eq(vm.load(address(ledger), bytes32(slot)), entry.segmentId, "id's slot");
        uint256 word = uint256(vm.load(address(ledger), bytes32(slot + 1)));
        eq(uint32(word), entry.seat, "seat's bits");
        eq(uint16(word >> 32), entry.units, "units' bits");
        eq(uint48(word >> 48), entry.bornHeight, "born's bits");
        eq(uint32(word >> 96), entry.segment, "segment's bits");
        eq(uint128(word >> 128), entry.flops, "flops' bits");
        eq(vm.load(address(ledger), bytes32(slot + 2)), entry.jobId, "job's slot");
        eq(vm.load(address(ledger), bytes32(slot + 3)), entry.modelHash, "model's slot");
        uint256 head = uint256(vm.load(address(ledger), bytes32(uint256(1))));
        (uint256 first, uint256 next, uint256 live) = ledger.urn();
        eq(uint40(head), first, "first's bits");
        eq(uint40(head >> 40), next, "next's bits");
        eq(uint32(head >> 80), live, "live's bits");
        eq(uint40(head >> 112), block.number / 256, "epoch's bits");
        eq(uint32(head >> 152), live, "created's bits");
    }

    function priceAfter(uint256 price, uint256 created, uint256 epochs) internal pure returns (uint256) {
        return UnitRules.priceAfter(price, created, epochs, 1e3, 1e15);
    }

    function notAssigned(address account) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IWorkLedger.NotAssigned.selector, account);
    }

    function unknown(uint256 segment) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IWorkLedger.SegmentUnknown.selector, segment);
    }

    function notGovernance() internal view returns (bytes memory) {
        return abi.encodeWithSelector(IWorkLedger.NotGovernance.selector, stranger);
    }
}
