// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ValidatorSet} from "../../contracts/ValidatorSet.sol";
import {IValidatorSet} from "../../contracts/interfaces/IValidatorSet.sol";
import {Bls} from "../../contracts/libraries/Bls.sol";
import {BlsWorld} from "./BlsWorld.sol";

contract ValidatorSetTest is BlsWorld {
    uint256 private constant EPOCH = 256;
    uint256 private constant STAKE = 1000 ether;
    uint256 private constant BOND = 100 ether;
    uint32 private constant EVER = type(uint32).max;

    ValidatorSet private set;
    address private alice = address(0xA11CE);
    address private bob = address(0xB0B);
    address private reporter = address(0x4E9);

    function setUp() public {
        vm.roll(10 * EPOCH + 7);
        vm.warp(1_800_000_000);
        set = new ValidatorSet(EPOCH, 1000e9, 100e9, 7 days);
    }

    // The same against another implementation: test/unit/chain/node/validator-set.test.ts.
    function test_aKeySignsAndAnotherDoesNot() public view {
        bytes[] memory messages = new bytes[](1);
        messages[0] = "hello";
        bytes memory signature = blsSign(7, "hello");
        ok(Bls.isSigned(blsKey(7), messages, signature), "signed");
        ok(!Bls.isSigned(blsKey(8), messages, signature), "another key");
        messages[0] = "hallo";
        ok(!Bls.isSigned(blsKey(7), messages, signature), "another message");
        ok(!Bls.isSigned(new bytes(128), messages, new bytes(256)), "infinity");
        ok(!Bls.isSigned(blsKey(7), messages, new bytes(255)), "too short");
        signature[255] ^= 0x01;
        ok(!Bls.isSigned(blsKey(7), messages, signature), "no point");
    }

    function test_joins() public {
        uint256 number = takeSeat(set, alice, true, STAKE);
        eq(number, 0, "first voting seat");
        (uint256 found, IValidatorSet.Seat memory seat) = set.seatOf(alice);
        eq(found, 0, "number");
        (bytes32 high, bytes16 low) = Bls.compress(blsKey(secretOf(alice)));
        eq(seat.keyHigh, high, "key");
        eq(bytes32(seat.keyLow), bytes32(low), "key's end");
        eq(seat.fromEpoch, 12, "from the epoch after the next");
        eq(seat.untilEpoch, EVER, "for ever");
        eq(seat.stakeGwei, 1000e9, "stake");
        eq(seat.sinceHeight, block.number, "since");
        eq(takeSeat(set, bob, false, BOND), 128, "first seat without a vote");
        checkSet(11, 0);
        checkSet(12, 1);
        checkSet(1_000_000, 1);
    }

    function test_theSlotsAreThoseOfTheInterface() public {
        takeSeat(set, alice, true, STAKE);
        takeSeat(set, bob, false, BOND);
        (, IValidatorSet.Seat memory seat) = set.seatOf(bob);
        eq(vm.load(address(set), bytes32(uint256(3 * 128))), seat.keyHigh, "3i");
        uint256 word = uint256(vm.load(address(set), bytes32(uint256(3 * 128 + 1))));
        eq(uint32(word), EVER, "until");
        eq(uint32(word >> 32), 12, "from");
        eq(uint64(word >> 64), 100e9, "stake");
        eq(bytes32(bytes16(bytes32(word))), bytes32(seat.keyLow), "end of the key");
        word = uint256(vm.load(address(set), bytes32(uint256(3 * 128 + 2))));
        eq(address(uint160(word)), bob, "owner");
        eq(uint48(word >> 160), block.number, "since");
        eq(word >> 208, 0, "ready");
    }

    function test_theSetOfTheGenesisBeginsAtOnce() public {
        vm.roll(0);
        takeSeat(set, alice, true, STAKE);
        checkSet(0, 1);
    }

    function test_refusesWhoCannotJoin() public {
        uint256 secret = secretOf(alice);
        (bytes memory key, bytes memory proof) = (blsKey(secret), seatProof(secret, alice));
        vm.deal(alice, 3 * STAKE);
        vm.deal(bob, STAKE);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.StakeTooSmall.selector, STAKE - 1e9, STAKE));
        set.join{value: STAKE - 1e9}(true, key, proof, "");
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.StakeTooSmall.selector, BOND - 1e9, BOND));
        set.join{value: BOND - 1e9}(false, key, proof, "");
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.PeerIdTooLong.selector, 65));
        set.join{value: STAKE}(true, key, proof, new bytes(65));
        bytes memory foreign = seatProof(secret, bob);
        vm.expectRevert(IValidatorSet.BadProof.selector);
        set.join{value: STAKE}(true, key, foreign, "");
        bytes memory other = blsKey(5);
        vm.expectRevert(IValidatorSet.BadProof.selector);
        set.join{value: STAKE}(true, other, proof, "");
        set.join{value: STAKE}(true, key, proof, "");
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.SeatExists.selector, 0));
        set.join{value: STAKE}(true, key, proof, "");
        vm.stopPrank();
        vm.prank(bob);
        vm.expectRevert(IValidatorSet.KeyKnown.selector);
        set.join{value: STAKE}(true, key, foreign, "");
    }

    function test_leavesWithNoticeAndThaw() public {
        takeSeat(set, alice, true, STAKE);
        vm.roll(20 * EPOCH);
        vm.prank(alice);
        set.exit();
        checkSet(21, 1);
        checkSet(22, 0);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.AlreadyLeaving.selector, 0));
        set.exit();
        uint256 readyAt = block.timestamp + 7 days;
        vm.roll(22 * EPOCH);
        vm.warp(readyAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.StillBound.selector, readyAt, 22));
        set.free(0);
        vm.roll(22 * EPOCH - 1);
        vm.warp(readyAt);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.StillBound.selector, readyAt, 22));
        set.free(0);
        vm.roll(22 * EPOCH);
        eq(set.free(0), STAKE, "paid");
        eq(alice.balance, STAKE, "balance");
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.NoSeat.selector, alice));
        set.seatOf(alice);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.NoSeat.selector, address(0)));
        set.free(0);
        eq(takeSeat(set, bob, true, STAKE), 0, "the seat is free again");
    }

    function test_whoStaysCannotBePaid() public {
        takeSeat(set, alice, true, STAKE);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.StillBound.selector, 0, EVER));
        set.free(0);
    }

    function test_twoFacesCostTheStake() public {
        takeSeat(set, alice, true, STAKE);
        (IValidatorSet.Statement memory a, IValidatorSet.Statement memory b) = votes();
        convict(a, b, secretOf(alice));
        eq(reporter.balance, STAKE / 10, "reward");
        eq(set.burnedWei(), STAKE - STAKE / 10, "burned");
        checkSet(12, 0);
        expectUnproven(a, b, secretOf(alice), abi.encodeWithSelector(IValidatorSet.NoSeat.selector, alice));
        vm.roll(100 * EPOCH);
        vm.warp(block.timestamp + 7 days);
        eq(set.free(0), 0, "nothing is left");
        eq(address(set).balance, STAKE - STAKE / 10, "what was burned stays");
    }

    function test_whoLeavesIsStillWithinReach() public {
        takeSeat(set, alice, true, STAKE);
        vm.prank(alice);
        set.exit();
        vm.roll(14 * EPOCH);
        vm.warp(block.timestamp + 7 days);
        (IValidatorSet.Statement memory a, IValidatorSet.Statement memory b) = votes();
        convict(a, b, secretOf(alice));
        eq(set.free(0), 0, "nothing is left");
    }

    function test_nothingIsProvenByOneFace() public {
        takeSeat(set, alice, true, STAKE);
        bytes memory unproven = abi.encodeWithSelector(IValidatorSet.NotProven.selector);
        (IValidatorSet.Statement memory a, IValidatorSet.Statement memory b) = votes();
        expectUnproven(a, a, secretOf(alice), unproven);
        expectUnproven(a, b, secretOf(bob), unproven);
        bytes memory signature = blsSum(blsSign(secretOf(alice), "a"), blsSign(secretOf(alice), "b"));
        bytes memory key = blsKey(secretOf(alice));
        vm.expectRevert(unproven);
        set.convict(0, a, b, key, signature);
        b.consensusView += 1;
        expectUnproven(a, b, secretOf(alice), unproven);
        vm.expectRevert(abi.encodeWithSelector(IValidatorSet.NoSeat.selector, address(0)));
        set.convict(1, a, b, key, signature);
    }

    function test_whatExcludesEachOther() public view {
        IValidatorSet.Statement[6] memory said = [
            statement(0, "a"),
            statement(0, "b"),
            statement(1, "a"),
            statement(1, "b"),
            statement(2, ""),
            statement(3, "a")
        ];
        string[6] memory table = ["01----", "10----", "---1--", "--1---", "-----1", "----1-"];
        for (uint256 i; i < 6; ++i) {
            for (uint256 j; j < 6; ++j) {
                bool isConflict_ = bytes(table[i])[j] == "1";
                ok(this.isConflict(said[i], said[j]) == isConflict_, "conflict");
                IValidatorSet.Statement memory later = said[j];
                later.epoch += 1;
                ok(!this.isConflict(said[i], later), "another epoch");
                later.epoch -= 1;
            }
        }
        IValidatorSet.Statement memory onAnother = statement(0, "a");
        onAnother.parentView = 1;
        ok(this.isConflict(said[0], onAnother), "one block on two parents");
    }

    function testFuzz_onlyStatementsOfOneViewConvict(
        uint8 kindA,
        uint8 kindB,
        uint8 viewA,
        uint8 viewB
    ) public view {
        IValidatorSet.Statement memory a = statement(kindA % 5, "a");
        IValidatorSet.Statement memory b = statement(kindB % 5, "b");
        (a.consensusView, b.consensusView) = (viewA % 3, viewB % 3);
        bool isConflict_ = this.isConflict(a, b);
        ok(this.isConflict(b, a) == isConflict_, "either way round");
        if (a.consensusView != b.consensusView || a.kind > 3 || b.kind > 3) ok(!isConflict_, "unrelated");
        ok(!this.isConflict(a, a) && !this.isConflict(b, b), "the same again");
    }

    function testFuzz_moneyInIsMoneyOut(uint256 stakeA, uint256 stakeB, bool isConvicted) public {
        stakeA = bound(stakeA, 1000e9, 1e14) * 1e9;
        stakeB = bound(stakeB, 100e9, 1e14) * 1e9;
        takeSeat(set, alice, true, stakeA);
        takeSeat(set, bob, false, stakeB);
        (IValidatorSet.Statement memory a, IValidatorSet.Statement memory b) = votes();
        if (isConvicted) convict(a, b, secretOf(alice));
        else {
            vm.prank(alice);
            set.exit();
        }
        vm.prank(bob);
        set.exit();
        vm.roll(100 * EPOCH);
        vm.warp(block.timestamp + 7 days);
        uint256 paid = set.free(0) + set.free(128) + reporter.balance;
        eq(paid + set.burnedWei(), stakeA + stakeB, "sum");
        eq(address(set).balance, set.burnedWei(), "held");
    }

    function test_aFreeSeatIsTakenAgainByItsKind() public {
        takeSeat(set, alice, false, BOND);
        vm.prank(alice);
        set.exit();
        vm.roll(100 * EPOCH);
        vm.warp(block.timestamp + 7 days);
        set.free(128);
        eq(takeSeat(set, bob, true, STAKE), 0, "a voting one is not that");
        eq(takeSeat(set, reporter, false, BOND), 128, "the seat that became free");
        eq(takeSeat(set, address(0xCA401), false, BOND), 129, "once");
    }

    function test_seatsAreBounded() public {
        // Slot of how many voting seats were ever taken: right after all seats.
        uint256 slot = 3 * set.SEATS_MAX();
        takeSeat(set, alice, true, STAKE);
        eq(uint256(vm.load(address(set), bytes32(slot))), 1, "the counter's slot");
        vm.store(address(set), bytes32(slot), bytes32(uint256(128)));
        (bytes memory key, bytes memory proof) = (blsKey(secretOf(bob)), seatProof(secretOf(bob), bob));
        vm.deal(bob, STAKE);
        vm.prank(bob);
        vm.expectRevert(IValidatorSet.SetFull.selector);
        set.join{value: STAKE}(true, key, proof, "");
    }

    function statement(uint8 kind, bytes memory root) private pure returns (IValidatorSet.Statement memory) {
        return IValidatorSet.Statement(kind, 12, 34, 0, root.length == 0 ? bytes32(0) : keccak256(root));
    }

    function votes() private pure returns (IValidatorSet.Statement memory, IValidatorSet.Statement memory) {
        return (statement(3, "a"), statement(2, ""));
    }

    function convict(
        IValidatorSet.Statement memory a,
        IValidatorSet.Statement memory b,
        uint256 secret
    ) private {
        (bytes memory key, bytes memory signature) = (blsKey(secret), this.bothSigned(secret, a, b));
        vm.prank(reporter);
        set.convict(0, a, b, key, signature);
    }

    function expectUnproven(
        IValidatorSet.Statement memory a,
        IValidatorSet.Statement memory b,
        uint256 secret,
        bytes memory reason
    ) private {
        (bytes memory key, bytes memory signature) = (blsKey(secret), this.bothSigned(secret, a, b));
        vm.expectRevert(reason);
        set.convict(0, a, b, key, signature);
    }

    function checkSet(uint32 epoch, uint256 count) private view {
        (uint256[] memory seats, uint64[] memory weights) = set.setOf(epoch);
        eq(seats.length, count, "validators");
        eq(weights.length, count, "weights");
        if (count == 1) eq(weights[0], 1000, "weight");
    }
}
