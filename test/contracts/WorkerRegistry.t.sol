// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMembers} from "../../contracts/interfaces/IMembers.sol";
import {IWorkerRegistry} from "../../contracts/interfaces/IWorkerRegistry.sol";
import {World} from "./World.sol";

contract WorkerRegistryTest is World {
    address private owner;

    function setUp() public {
        setUpMarket(1, 1);
        owner = workers[0];
    }

    function test_keepsWhatAnOwnerRegisters() public {
        (address found, uint32 id, uint8 roles) = registry.operatorOf(operatorOf(owner));
        eq(found, owner, "owner");
        eq(id, 1, "first number");
        eq(roles, 1, "worker");
        eq(registry.ownerOf(1), owner, "by number");
        eq(registry.idOf(owner), 1, "by owner");
        eq(registry.accountCount(), 2, "two accounts");
        IWorkerRegistry.Entry memory entry = registry.entryOf(owner);
        eq(entry.operator, operatorOf(owner), "operator");
        eq(entry.x25519Key, keccak256(abi.encode("x25519", owner)), "key");
        eq(keccak256(entry.peerId), keccak256("peer"), "peer");
        eq(entry.consent.segmentsMax, 65_535, "consent");
    }

    function test_theOwnerMayBeItsOperator() public {
        give(stranger, STAKE);
        vm.startPrank(stranger);
        staking.stake(STAKE);
        IWorkerRegistry.Entry memory entry = entryOf(owner, 1);
        entry.operator = stranger;
        registry.register(entry, "");
        vm.stopPrank();
        (address found, , ) = registry.operatorOf(stranger);
        eq(found, stranger, "itself");
    }

    function test_anOldOperatorLosesItsPower() public {
        address old = operatorOf(owner);
        operatorKey[owner] = 99;
        register(owner, 1);
        (address found, , ) = registry.operatorOf(old);
        eq(found, address(0), "gone");
        (, uint32 id, ) = registry.operatorOf(operatorOf(owner));
        eq(id, 1, "the number stays");
        eq(registry.accountCount(), 2, "no new account");
        eq(registry.bindingNonce(owner), 2, "nonce");
    }

    function test_bindingsAreUsedOnce() public {
        bytes memory first = bindingOf(owner, operatorKey[owner]);
        register(owner, 1);
        IWorkerRegistry.Entry memory entry = entryOf(owner, 1);
        bytes memory reason = abi.encodeWithSelector(IWorkerRegistry.BadOperatorSignature.selector);
        refused(owner, abi.encodeCall(registry.register, (entry, first)), reason);
    }

    function test_nobodyTakesOrBindsForeignKeys() public {
        give(stranger, STAKE);
        vm.prank(stranger);
        staking.stake(STAKE);
        IWorkerRegistry.Entry memory entry = entryOf(owner, 1);
        bytes memory binding = bindingOf(stranger, operatorKey[owner]);
        bytes memory reason = abi.encodeWithSelector(IWorkerRegistry.OperatorTaken.selector, entry.operator);
        refused(stranger, abi.encodeCall(registry.register, (entry, binding)), reason);
        entry.operator = address(0xFEE);
        reason = abi.encodeWithSelector(IWorkerRegistry.BadOperatorSignature.selector);
        refused(stranger, abi.encodeCall(registry.register, (entry, binding)), reason);
    }

    function test_refusesBadEntries() public {
        IWorkerRegistry.Entry memory entry = entryOf(owner, 0);
        bytes memory binding = bindingOf(owner, operatorKey[owner]);
        bytes memory reason = abi.encodeWithSelector(IWorkerRegistry.BadRoles.selector, uint8(0));
        refused(owner, abi.encodeCall(registry.register, (entry, binding)), reason);
        entry.roles = 4;
        reason = abi.encodeWithSelector(IWorkerRegistry.BadRoles.selector, uint8(4));
        refused(owner, abi.encodeCall(registry.register, (entry, binding)), reason);
        entry.roles = 2;
        entry.x25519Key = 0;
        reason = abi.encodeWithSelector(IWorkerRegistry.NoX25519Key.selector);
        refused(owner, abi.encodeCall(registry.register, (entry, binding)), reason);
        entry = entryOf(owner, 1);
        entry.peerId = new bytes(65);
        reason = abi.encodeWithSelector(IWorkerRegistry.PeerIdTooLong.selector, uint256(65));
        refused(owner, abi.encodeCall(registry.register, (entry, binding)), reason);
    }

    function test_refusesBelowTheMinimumStake() public {
        give(stranger, STAKE);
        vm.prank(stranger);
        staking.stake(1 ether - 1e9);
        IWorkerRegistry.Entry memory entry = entryOf(owner, 1);
        bytes memory reason = abi.encodeWithSelector(
            IWorkerRegistry.StakeTooLow.selector,
            1 ether - 1e9,
            1 ether
        );
        refused(stranger, abi.encodeCall(registry.register, (entry, "")), reason);
    }

    function test_profileAndConsentNeedARegistration() public {
        bytes memory reason = abi.encodeWithSelector(IWorkerRegistry.NotRegistered.selector, stranger);
        refused(stranger, abi.encodeCall(registry.setProfile, ("", 0)), reason);
        IWorkerRegistry.Consent memory consent = IWorkerRegistry.Consent(1, 2, 3, 4, 5);
        refused(stranger, abi.encodeCall(registry.setConsent, (consent)), reason);
        vm.startPrank(owner);
        registry.setProfile("other", keccak256("caps"));
        registry.setConsent(consent);
        vm.stopPrank();
        IWorkerRegistry.Entry memory entry = registry.entryOf(owner);
        eq(keccak256(entry.peerId), keccak256("other"), "peer");
        eq(entry.capabilitiesDigest, keccak256("caps"), "capabilities");
        eq(entry.consent.rewardMinGwei, 5, "consent");
    }

    function test_anotherKeySeatsAnEvaluatorAnew() public {
        address evaluator = evaluators[0];
        (, uint64 since) = pool.seatOf(evaluator);
        register(evaluator, 2);
        (, uint64 same) = pool.seatOf(evaluator);
        eq(same, since, "the same key keeps the seat");
        IWorkerRegistry.Entry memory entry = entryOf(evaluator, 2);
        entry.x25519Key = keccak256("another key");
        bytes memory binding = bindingOf(evaluator, operatorKey[evaluator]);
        vm.prank(evaluator);
        registry.register(entry, binding);
        (, same) = pool.seatOf(evaluator);
        eq(same, since + 1, "another key is known from then on");
        entry = entryOf(owner, 1);
        entry.x25519Key = 0;
        binding = bindingOf(owner, operatorKey[owner]);
        vm.prank(owner);
        registry.register(entry, binding);
        eq(registry.entryOf(owner).x25519Key, 0, "a worker needs none");
    }

    function test_onlyTheRegistryNamesMembers() public {
        bytes memory call = abi.encodeCall(jobs.setMember, (stranger, stranger, type(uint256).max));
        expectFail(stranger, call, abi.encodeWithSelector(IMembers.NotRegistry.selector));
    }

    function test_refusesMoreAccountsThanHaveNumbers() public {
        uint256 slot;
        while (uint32(uint256(vm.load(address(registry), bytes32(slot)))) != 2) ++slot; // two accounts so far
        vm.store(address(registry), bytes32(slot), bytes32(uint256((1 << 24) - 2)));
        eq(registry.accountCount(), (1 << 24) - 2, "the counter");
        address last = addActor(1, STAKE);
        eq(registry.idOf(last), (1 << 24) - 1, "the last number");
        give(stranger, STAKE);
        vm.prank(stranger);
        staking.stake(STAKE);
        IWorkerRegistry.Entry memory entry = entryOf(owner, 1);
        entry.operator = stranger;
        bytes memory full = abi.encodeWithSelector(IWorkerRegistry.RegistryFull.selector);
        refused(stranger, abi.encodeCall(registry.register, (entry, "")), full);
    }

    function test_theLeastStakeAndThePeerIdsMostAreEnough() public {
        give(stranger, 1 ether);
        vm.startPrank(stranger);
        staking.stake(1 ether);
        IWorkerRegistry.Entry memory entry = entryOf(owner, 1);
        entry.operator = stranger;
        entry.peerId = new bytes(64);
        registry.register(entry, "");
        vm.stopPrank();
        eq(registry.entryOf(stranger).peerId.length, 64, "kept");
        eq(registry.holderOf(stranger), registry.idOf(stranger), "its own operator");
    }

    function test_rolesMoveTheSeat() public {
        eq(pool.weightOf(owner), 0, "no evaluator");
        register(owner, 3);
        eq(pool.weightOf(owner), 1000, "seated");
        register(owner, 1);
        eq(pool.weightOf(owner), 0, "no more");
        ok(!staking.accountOf(owner).isPooled, "not followed");
    }

    function refused(address sender, bytes memory call, bytes memory reason) private {
        expectFailAt(address(registry), sender, call, reason);
    }
}
