// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Beacon} from "../../contracts/Beacon.sol";
import {IRandomness} from "../../contracts/interfaces/IRandomness.sol";
import {TestBase} from "./TestBase.sol";

contract BeaconTest is TestBase {
    address private constant SYSTEM = 0xffffFFFfFFffffffffffffffFfFFFfffFFFfFFfE;
    Beacon private beacon;

    function setUp() public {
        beacon = new Beacon();
        vm.roll(1000);
    }

    function test_keepsTheRandomnessOfEachHeight() public {
        record(keccak256("a"));
        vm.roll(1001);
        record(keccak256("b"));
        eq(beacon.seed(1000), keccak256("a"), "first");
        eq(beacon.seed(1001), keccak256("b"), "second");
    }

    function test_onlyTheSystemRecords() public {
        vm.expectRevert(abi.encodeWithSelector(Beacon.NotSystem.selector, address(this)));
        beacon.record();
    }

    function test_futureUnknownAndForgottenHeights() public {
        record(keccak256("a"));
        unknown(1001);
        unknown(999);
        vm.roll(1000 + 8191);
        eq(beacon.seed(1000), keccak256("a"), "the last moment");
        vm.roll(1000 + 8192);
        unknown(1000);
        unknown(0);
    }

    function test_theRingIsWrittenOver() public {
        record(keccak256("a"));
        vm.roll(1000 + 8192);
        record(keccak256("b"));
        eq(beacon.seed(9192), keccak256("b"), "new");
        unknown(1000);
    }

    function record(bytes32 value) private {
        vm.prevrandao(value);
        vm.prank(SYSTEM);
        beacon.record();
    }

    function unknown(uint256 height) private {
        vm.expectRevert(abi.encodeWithSelector(IRandomness.SeedUnknown.selector, height));
        beacon.seed(height);
    }
}
