// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PlainTerms} from "./PlainTerms.sol";
import {ValidatorSet} from "../../contracts/ValidatorSet.sol";
import {WorkLedger} from "../../contracts/WorkLedger.sol";
import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {IRandomness} from "../../contracts/interfaces/IRandomness.sol";
import {IValidatorSet} from "../../contracts/interfaces/IValidatorSet.sol";
import {IWorkLedger} from "../../contracts/interfaces/IWorkLedger.sol";
import {Bls} from "../../contracts/libraries/Bls.sol";
import {LedgerWorld} from "./LedgerWorld.sol";

/// @dev Takes no coins.
contract Closed {
    function join(ValidatorSet set, bytes calldata key, bytes calldata proof) external payable {
        set.join{value: msg.value}(true, key, proof, "");
    }

    function exit(ValidatorSet set) external {
        set.exit();
    }
}

/// @notice What the ledger of work and the set of validators tell by their events, and what both refuse at their edges.
contract LedgerEventsTest is LedgerWorld {
    function test_ledgerTellsAWorksWayIntoTheUrn() public {
        (PlainTerms memory terms, bytes32 jobId) = running();
        IWorkLedger.Segment[] memory segments = workOf(2);
        bytes32 id = ledger.segmentIdOf(jobId, 0, workers[0], segments[1]);
        IJobTypes.Terms memory packed = terms.pack();
        told();
        emit IWorkLedger.SegmentCommitted(jobId, workers[0], id, 0, segments[1]);
        vm.prank(operatorOf(workers[0]));
        ledger.commitSegments(packed, segments);
        settle(terms);
        told();
        emit IWorkLedger.AttestationRequested(jobId, uint48(block.number + 2));
        ledger.requestAttestation(packed);
        bytes memory drawCall = abi.encodeCall(ledger.drawAttesters, (jobId));
        expectFailAt(
            address(ledger),
            stranger,
            drawCall,
            abi.encodeWithSelector(IRandomness.SeedUnknown.selector, block.number + 2)
        );
        pass(2);
        vm.recordLogs();
        attesters = ledger.drawAttesters(jobId);
        expectLog(IWorkLedger.AttestersDrawn.selector, abi.encode(attesters));
        for (uint256 i; i < 4; ++i) {
            told();
            emit IWorkLedger.Attested(jobId, attesters[i], 1);
            attestAs(attesters[i], jobId, 1);
        }
        uint256 each = 5e9 / ledger.unitPriceGwei();
        told();
        emit IWorkLedger.SegmentMatured(jobId, id, 128, each);
        ledger.mature(packed, 0, segments);
    }

    function test_aSegmentTooSmallForAUnitMaturesAsNone() public {
        (PlainTerms memory terms, bytes32 jobId) = running();
        IWorkLedger.Segment[] memory segments = workOf(2);
        segments[0].work = workWord(0, UNIT_FLOPS - 1);
        commitAs(workers[0], terms, segments);
        settle(terms);
        attestAll(terms, 1);
        bytes32 id = ledger.segmentIdOf(jobId, 0, workers[0], segments[0]);
        told();
        emit IWorkLedger.SegmentMatured(jobId, id, 128, 0);
        uint256 units = ledger.mature(terms.pack(), 0, segments);
        eq(units, 5e9 / ledger.unitPriceGwei(), "those of the other");
        (uint256 first, uint256 next, ) = ledger.urn();
        eq(next - first, 1, "one entry");
    }

    function test_nothingMaturedKeepsNobodyAwake() public {
        (PlainTerms memory terms, ) = attested();
        pass(3);
        ledger.mature(terms.pack(), 0, new IWorkLedger.Segment[](0));
        eq(ledger.openWork(), 0, "no units, no draw to wait for");
    }

    function test_governanceTellsRulesAndEngines() public {
        IWorkLedger.Rules memory rules = ledger.rules();
        rules.betaBps = 7000;
        told();
        emit IWorkLedger.RulesChanged(rules);
        vm.startPrank(address(timelock));
        ledger.setRules(rules);
        told();
        emit IWorkLedger.EngineAllowed("engine", true);
        ledger.allowEngine("engine", true);
        ok(ledger.isEngineAllowed("engine"), "allowed");
        told();
        emit IWorkLedger.EngineAllowed("engine", false);
        ledger.allowEngine("engine", false);
        ok(!ledger.isEngineAllowed("engine"), "no more");
        vm.stopPrank();
    }

    function test_bySettingItsBoundsThePriceMovesIntoThem() public {
        IWorkLedger.Rules memory rules = ledger.rules();
        (uint64 price, uint64 low) = (uint64(ledger.unitPriceGwei()), 10);
        rules.priceMinGwei = price;
        rules.priceMaxGwei = price;
        setRules(rules);
        eq(ledger.unitPriceGwei(), price, "at both of its bounds");
        rules.priceMinGwei = low;
        rules.priceMaxGwei = price - 1;
        setRules(rules);
        eq(ledger.unitPriceGwei(), price - 1, "the most");
    }

    function test_aLedgerMayBeginWithoutAnEngine() public {
        WorkLedger other = ledgerOf(set, 0, 8);
        ok(!other.isEngineAllowed(0), "zero is no engine");
        eq(other.rules().powEvery, 8, "the most");
        (uint256 first, uint256 next, uint256 live) = other.urn();
        eq(first + next + live, 0, "empty");
        ok(ledger.isEngineAllowed(keccak256("engine")), "the first one's");
    }

    function test_nobodyAttestsWhereNobodyValidates() public {
        ledger = ledgerOf(new ValidatorSet(256, 1000e9, 100e9, 7 days), uint256(keccak256("engine")), 2);
        (PlainTerms memory terms, bytes32 jobId) = running();
        settle(terms);
        ledger.requestAttestation(terms.pack());
        pass(2);
        bytes memory none = abi.encodeWithSelector(IWorkLedger.NotAttested.selector, jobId);
        expectFailAt(address(ledger), stranger, abi.encodeCall(ledger.drawAttesters, (jobId)), none);
    }

    function test_ofFewValidatorsAllAttest() public {
        set = new ValidatorSet(256, 1000e9, 100e9, 7 days);
        for (uint256 i; i < 4; ++i) takeSeat(set, validators[i], true, 1000 ether);
        takeSeat(set, workers[0], false, 100 ether);
        ledger = ledgerOf(set, uint256(keccak256("engine")), 2);
        pass(600);
        (PlainTerms memory terms, bytes32 jobId) = running();
        commitAs(workers[0], terms, workOf(1));
        settle(terms);
        drawFor(terms);
        eq(attesters.length, 4, "everybody");
        for (uint256 i; i < 3; ++i) attestAs(attesters[i], jobId, 1);
        bytes memory call = abi.encodeCall(ledger.mature, (terms.pack(), 0, workOf(1)));
        bytes memory notYet = abi.encodeWithSelector(IWorkLedger.NotAttested.selector, jobId);
        expectFailAt(address(ledger), stranger, call, notYet);
        attestAs(attesters[3], jobId, 1);
        ok(ledger.mature(terms.pack(), 0, workOf(1)) != 0, "units");
        bytes memory ninth = abi.encodeCall(ledger.mature, (terms.pack(), 8, workOf(1)));
        expectFailAt(address(ledger), stranger, ninth, notYet);
    }

    function test_aLeaderWithoutStakeHasNoUnits() public {
        (PlainTerms memory terms, ) = attested();
        bytes32 slot = bytes32(uint256(3 * 128 + 1));
        uint256 word = uint256(vm.load(address(set), slot));
        vm.store(address(set), slot, bytes32(word & ~(uint256(type(uint64).max) << 64)));
        bytes memory call = abi.encodeCall(ledger.mature, (terms.pack(), 0, workOf(2)));
        expectFailAt(address(ledger), stranger, call, notAssigned(workers[0]));
    }

    function test_setTellsWhoTakesAndLeavesASeat() public {
        address owner = address(0xA11CE);
        uint256 secret = secretOf(owner);
        (bytes memory key, bytes memory proof) = (blsKey(secret), seatProof(secret, owner));
        (bytes32 high, bytes16 low) = Bls.compress(key);
        vm.deal(owner, 1000 ether);
        uint32 from = set.epoch() + 2;
        told();
        emit IValidatorSet.SeatTaken(7, owner, high, low, 1000e9, from, "peer");
        vm.startPrank(owner);
        eq(set.join{value: 1000 ether}(true, key, proof, "peer"), 7, "the eighth");
        uint256 readyAt = block.timestamp + 7 days;
        told();
        emit IValidatorSet.SeatLeft(7, from, uint40(readyAt));
        set.exit();
        vm.stopPrank();
        pass(7 days);
        told();
        emit IValidatorSet.SeatFreed(7, 1000 ether);
        set.free(7);
    }

    function test_setTellsWhoIsConvicted() public {
        IValidatorSet.Statement memory a = IValidatorSet.Statement(3, 12, 34, 0, keccak256("a"));
        IValidatorSet.Statement memory b = IValidatorSet.Statement(2, 12, 34, 0, 0);
        uint256 secret = secretOf(validators[0]);
        (bytes memory key, bytes memory signature) = (blsKey(secret), this.bothSigned(secret, a, b));
        told();
        emit IValidatorSet.SeatLeft(0, set.epoch() + 2, uint40(block.timestamp + 7 days));
        vm.prank(reporter);
        set.convict(0, a, b, key, signature);
        secret = secretOf(validators[1]);
        (key, signature) = (blsKey(secret), this.bothSigned(secret, a, b));
        told();
        emit IValidatorSet.Convicted(1, reporter, a, b, 1800 ether);
        vm.prank(reporter);
        set.convict(1, a, b, key, signature);
    }

    function test_setRefusesKeysOfAnotherLength() public {
        address owner = address(0xA11CE);
        uint256 secret = secretOf(owner);
        (bytes memory key, bytes memory proof) = (blsKey(secret), seatProof(secret, owner));
        vm.deal(owner, 1000 ether);
        vm.prank(owner);
        vm.expectRevert(IValidatorSet.BadProof.selector);
        set.join{value: 1000 ether}(true, bytes.concat(key, hex"00"), proof, "");
        vm.prank(owner);
        set.join{value: 1000 ether}(true, key, proof, new bytes(64));
    }

    function test_setIsFullAtItsLastSeats() public {
        uint256 slot = 3 * set.SEATS_MAX();
        vm.store(address(set), bytes32(slot), bytes32(uint256(127)));
        eq(takeSeat(set, address(0xA11CE), true, 1000 ether), 127, "the last voting seat");
        vm.store(address(set), bytes32(slot + 1), bytes32(uint256(4095)));
        eq(takeSeat(set, address(0xB0B), false, 100 ether), 4223, "the last seat");
        address late = address(0x1A7E);
        uint256 secret = secretOf(late);
        (bytes memory key, bytes memory proof) = (blsKey(secret), seatProof(secret, late));
        vm.deal(late, 100 ether);
        vm.prank(late);
        vm.expectRevert(IValidatorSet.SetFull.selector);
        set.join{value: 100 ether}(false, key, proof, "");
    }

    function test_setKeepsWhatItsOwnerDoesNotTake() public {
        Closed owner = new Closed();
        uint256 secret = secretOf(address(owner));
        (bytes memory key, bytes memory proof) = (blsKey(secret), seatProof(secret, address(owner)));
        vm.deal(address(this), 1000 ether);
        owner.join{value: 1000 ether}(set, key, proof);
        owner.exit(set);
        pass(7 days);
        bytes memory refused = abi.encodeWithSelector(IValidatorSet.SendFailed.selector, address(owner));
        expectFailAt(address(set), stranger, abi.encodeCall(set.free, (7)), refused);
        eq(set.seatAt(7).owner, address(owner), "its seat and its stake stay");
    }

    function setRules(IWorkLedger.Rules memory rules) private {
        vm.prank(address(timelock));
        ledger.setRules(rules);
    }

    function told() private {
        vm.expectEmit(true, true, true, true);
    }
}
