// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEvaluatorPool} from "../../contracts/interfaces/IEvaluatorPool.sol";
import {Member} from "../../contracts/libraries/Member.sol";
import {World} from "./World.sol";

contract EvaluatorPoolTest is World {
    using Member for uint256;

    function setUp() public {
        setUpMarket(1, 0);
    }

    function test_weightIsWholeStakeCapped() public {
        address a = addActor(2, 12.9 ether);
        address b = addActor(2, 3_000_000 ether);
        eq(pool.weightOf(a), 12, "whole TRAIN");
        eq(pool.weightOf(b), 1_000_000, "capped");
        eq(pool.totalWeight(), 1_000_012, "sum");
        eq(pool.slateWeight(), 1_000_012, "all in the slate");
    }

    function test_followsTheStake() public {
        address a = addActor(2, 10 ether);
        give(a, 5 ether);
        vm.startPrank(a);
        staking.stake(5 ether);
        eq(pool.weightOf(a), 15, "more");
        staking.unstake(7 ether);
        eq(pool.weightOf(a), 8, "less");
        staking.unstake(7.5 ether);
        eq(pool.weightOf(a), 0, "below the minimum");
        (uint64 version, uint256 members) = pool.slateHead();
        eq(members, 0, "seat is free");
        fundStake(a, 2 ether);
        eq(pool.weightOf(a), 2, "seated again");
        eq(pool.slateVersion(), version + 1, "as new");
    }

    function test_slateNamesEverybodyWithKeys() public {
        address a = addActor(2, 10 ether);
        address b = addActor(3, 20 ether);
        IEvaluatorPool.SlateMember[] memory members = pool.slate();
        eq(members.length, 2, "two");
        eq(members[0].owner, a, "first");
        eq(members[1].owner, b, "second");
        eq(members[1].weight, 20, "weight");
        eq(members[1].id, registry.idOf(b), "id");
        eq(members[1].x25519Key, keccak256(abi.encode("x25519", b)), "key");
    }

    function test_onlyRegistryAndStaking() public {
        bytes memory reason = abi.encodeWithSelector(IEvaluatorPool.NotRegistry.selector);
        expectFailAt(address(pool), stranger, abi.encodeCall(pool.seat, (stranger)), reason);
        expectFailAt(address(pool), stranger, abi.encodeCall(pool.unseat, (stranger)), reason);
        reason = abi.encodeWithSelector(IEvaluatorPool.NotStaking.selector);
        expectFailAt(address(pool), stranger, abi.encodeCall(pool.follow, (stranger, 1)), reason);
        reason = abi.encodeWithSelector(IEvaluatorPool.NotSeated.selector, stranger);
        expectFailAt(address(pool), stranger, abi.encodeCall(pool.promote, (0)), reason);
        expectFailAt(address(pool), stranger, abi.encodeCall(pool.seatOf, (stranger)), reason);
    }

    function test_outsidersTakeLighterSeats() public {
        address light = addActor(2, 5 ether);
        for (uint256 i = 1; i < 64; ++i) addActor(2, 10 ether);
        address heavy = addActor(2, 20 ether);
        (uint256 leaf, ) = pool.seatOf(heavy);
        eq(leaf, 64, "outside");
        uint64 version = pool.slateVersion();
        eq(pool.slateWeight(), 635, "slate");
        eq(pool.totalWeight(), 655, "pool");
        bytes memory reason = abi.encodeWithSelector(
            IEvaluatorPool.NotHeavier.selector,
            uint32(5),
            uint32(10)
        );
        expectFailAt(address(pool), heavy, abi.encodeCall(pool.promote, (64)), badLeaf(64));
        expectFailAt(address(pool), light, abi.encodeCall(pool.promote, (1)), badLeaf(1));
        vm.prank(heavy);
        pool.promote(0);
        (leaf, ) = pool.seatOf(heavy);
        eq(leaf, 0, "inside");
        (leaf, ) = pool.seatOf(light);
        eq(leaf, 64, "outside");
        eq(pool.slateVersion(), version + 1, "somebody new is in");
        eq(pool.slateWeight(), 650, "slate");
        eq(pool.totalWeight(), 655, "pool");
        expectFailAt(address(pool), light, abi.encodeCall(pool.promote, (1)), reason);
    }

    function test_anOutsiderTakesAnEmptySeat() public {
        address first = addActor(2, 5 ether);
        for (uint256 i = 1; i < 64; ++i) addActor(2, 10 ether);
        address outsider = addActor(2, 2 ether);
        vm.prank(first);
        staking.unstake(5 ether);
        eq(pool.slateWeight(), 630, "one seat is empty");
        uint64 version = pool.slateVersion();
        vm.prank(outsider);
        pool.promote(0);
        (uint256 leaf, uint64 since) = pool.seatOf(outsider);
        eq(leaf, 0, "inside");
        eq(since, version + 1, "since then");
        (, uint256 members) = pool.slateHead();
        eq(members, 64, "everybody");
        eq(pool.slateWeight(), 632, "with its weight");
        eq(pool.totalWeight(), 632, "once");
        addActor(2, 3 ether);
        (leaf, ) = pool.seatOf(addActor(2, 3 ether));
        eq(leaf, 65, "the leaf that it left is taken first");
    }

    function test_whoStaysBelowTheMinimumHasNoSeat() public {
        address a = addActor(2, 10 ether);
        vm.prank(a);
        staking.unstake(9.5 ether);
        eq(pool.weightOf(a), 0, "no seat");
        fundStake(a, 0.25 ether);
        eq(pool.weightOf(a), 0, "still none");
        expectFailAt(
            address(pool),
            a,
            abi.encodeCall(pool.seatOf, (a)),
            abi.encodeWithSelector(IEvaluatorPool.NotSeated.selector, a)
        );
        fundStake(a, 10 ether);
        eq(pool.weightOf(a), 10, "seated");
        vm.prank(a);
        staking.unstake(10.75 ether);
        vm.prank(address(registry));
        pool.unseat(a);
        ok(!staking.accountOf(a).isPooled, "who has no seat can leave the pool");
    }

    function test_aFullPoolTakesNobody() public {
        address late = addActor(1, 10 ether);
        uint256 head = uint256(vm.load(address(pool), 0));
        uint256 kept = head & ~((uint256(type(uint32).max) << 160) | (uint256(type(uint64).max) << 64));
        uint256 full = kept | (uint256(type(uint64).max) << 64);
        vm.store(address(pool), 0, bytes32(full | (uint256(32_768) << 160)));
        bytes memory reason = abi.encodeWithSelector(IEvaluatorPool.PoolFull.selector);
        vm.prank(address(registry));
        (bool success, bytes memory answer) = address(pool).call(abi.encodeCall(pool.seat, (late)));
        ok(!success && keccak256(answer) == keccak256(reason), "full");
        vm.store(address(pool), 0, bytes32(full | (uint256(32_767) << 160)));
        vm.prank(address(registry));
        pool.seat(late);
        (uint256 leaf, ) = pool.seatOf(late);
        eq(leaf, 32_767, "the last leaf");
        eq(pool.totalWeight(), 10, "its weight");
    }

    function test_seatedAnewAfterTheKeyChanged() public {
        address a = addActor(2, 10 ether);
        uint64 version = pool.slateVersion();
        vm.prank(address(registry));
        pool.seat(a);
        (, uint64 since) = pool.seatOf(a);
        eq(since, version + 1, "as new");
        (, uint256 members) = pool.slateHead();
        eq(members, 1, "once");
        eq(pool.slateWeight(), 10, "its weight");
    }

    function test_drawIsByWeight() public {
        address light = addActor(2, 1 ether);
        address heavy = addActor(2, 3 ether);
        uint256 heavyFirst;
        for (uint256 i; i < 400; ++i) {
            uint256[] memory drawn = pool.drawSlate(
                bytes32(i),
                2,
                type(uint64).max,
                address(0),
                new uint256[](0)
            );
            eq(drawn.length, 2, "both");
            ok(drawn[0] != drawn[1], "no repetition");
            eq(drawn[0].id(), registry.idOf(drawn[0].owner()), "number");
            if (drawn[0].owner() == heavy) ++heavyFirst;
        }
        ok(heavyFirst > 270 && heavyFirst < 330, "three quarters");
        ok(light != heavy, "two accounts");
    }

    function test_drawPoolReachesOutsiders() public {
        for (uint256 i; i < 64; ++i) addActor(2, 1 ether);
        address outsider = addActor(2, 1_000_000 ether);
        uint256[] memory excluded = new uint256[](1);
        uint256[] memory drawn = pool.drawPool(bytes32(0), 1, address(0), excluded);
        eq(drawn[0].owner(), outsider, "the heavy one");
        excluded[0] = registry.idOf(outsider);
        drawn = pool.drawPool(bytes32(0), 5, address(0), excluded);
        eq(drawn.length, 5, "five others");
        for (uint256 i; i < drawn.length; ++i) ok(drawn[i].owner() != outsider, "excluded");
        drawn = pool.drawPool(bytes32(0), 5, outsider, new uint256[](0));
        for (uint256 i; i < drawn.length; ++i) ok(drawn[i].owner() != outsider, "the client is excluded");
        drawn = pool.drawSlate(bytes32(0), 64, type(uint64).max, address(0), new uint256[](0));
        eq(drawn.length, 64, "the whole slate");
    }

    function test_wordsOfNumbersAreExcluded() public {
        address[] memory actors = new address[](14);
        for (uint256 i; i < 14; ++i) actors[i] = addActor(2, 2 ether);
        uint256[] memory words = new uint256[](2);
        for (uint256 i; i < 10; ++i) words[0] |= uint256(registry.idOf(actors[i])) << (24 * i);
        for (uint256 i; i < 2; ++i) words[1] |= uint256(registry.idOf(actors[10 + i])) << (24 * i);
        uint256[] memory drawn = pool.drawSlate(bytes32(0), 14, type(uint64).max, address(0), words);
        eq(drawn.length, 2, "the others");
        ok(drawn[0].owner() != drawn[1].owner(), "each once");
        for (uint256 i; i < 2; ++i) {
            ok(drawn[i].owner() == actors[12] || drawn[i].owner() == actors[13], "not excluded");
        }
        drawn = pool.drawPool(bytes32(0), 2, address(0), words);
        eq(drawn.length, 2, "as many tries as numbers");
    }

    function testFuzz_treeSumsHold(uint256 seed) public {
        address[] memory actors = new address[](10);
        for (uint256 i; i < 10; ++i) actors[i] = addActor(2, (1 + ((seed >> (i * 8)) % 50)) * 1 ether);
        for (uint256 i; i < 10; ++i) {
            if ((seed >> (100 + i)) & 1 == 0) continue;
            vm.prank(actors[i]);
            staking.unstake((1 + ((seed >> (i * 8)) % 50)) * 1 ether);
        }
        uint256 sum;
        for (uint256 i; i < 10; ++i) {
            eq(pool.weightOf(actors[i]), activeOf(actors[i]) / 1 ether, "weight is stake");
            sum += pool.weightOf(actors[i]);
        }
        eq(pool.totalWeight(), sum, "root");
        eq(pool.slateWeight(), sum, "slate");
        uint256[] memory drawn = pool.drawSlate(
            bytes32(seed),
            10,
            type(uint64).max,
            address(0),
            new uint256[](0)
        );
        (, uint256 members) = pool.slateHead();
        eq(drawn.length, members, "everybody seated can be drawn");
    }

    function badLeaf(uint256 leaf) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IEvaluatorPool.BadLeaf.selector, leaf);
    }

    function fundStake(address account, uint256 amountWei) private {
        vm.stopPrank();
        give(account, amountWei);
        vm.prank(account);
        staking.stake(amountWei);
    }
}
