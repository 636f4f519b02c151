// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EvaluatorPool} from "../../contracts/EvaluatorPool.sol";
import {IStaking} from "../../contracts/interfaces/IStaking.sol";
import {IWorkerRegistry} from "../../contracts/interfaces/IWorkerRegistry.sol";
import {TestBase} from "./TestBase.sol";

/// @dev Stands for registry and staking of a pool with 1,000 seats.
contract PoolOfThousandTest is TestBase {
    EvaluatorPool private pool;

    function setUp() public {
        pool = new EvaluatorPool(IWorkerRegistry(address(this)), IStaking(address(this)), 1e9);
        for (uint256 i = 1; i <= 1000; ++i) pool.seat(address(uint160(i)));
    }

    function test_fiveOfAThousandAreDrawnFor100k() public view {
        uint256 gas = gasleft();
        uint256[] memory drawn = pool.drawPool("seed", 5, address(0), new uint256[](0));
        gas -= gasleft();
        eq(drawn.length, 5, "five");
        ok(gas <= 100_000, "gate");
        ok(gas >= 40_000, "with cold slots");
    }

    function test_everyThousandthIsAsLikely() public view {
        uint256[10] memory tenths;
        for (uint256 i; i < 600; ++i) {
            uint256[] memory drawn = pool.drawPool(bytes32(i), 1, address(0), new uint256[](0));
            ++tenths[(uint160(drawn[0]) - 1) / 100];
        }
        for (uint256 i; i < 10; ++i) ok(tenths[i] > 30 && tenths[i] < 95, "a tenth of the draws each");
    }

    function accountOf(address) external pure returns (IStaking.Account memory account) {
        account.activeGwei = 7e9;
    }

    function idOf(address owner) external pure returns (uint32) {
        return uint32(uint160(owner));
    }

    function setPooled(address, bool) external pure {}

    function setSlate(uint64, uint8) external pure {}
}
