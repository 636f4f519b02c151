// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEvaluatorPool} from "../interfaces/IEvaluatorPool.sol";
import {IJobTypes} from "../interfaces/IJobTypes.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {TermsWords} from "./TermsWords.sol";

/// @title The job manager's calls of a job where everybody agrees, encoded by hand: the compiler's code copies lists
/// word by word and checks again what these contracts promise each other.
/// @notice The callees are fixed when the manager is made, so nothing asks whether they have code. What they revert with
/// is passed on.
library Calls {
    using TermsWords for IJobTypes.Terms;

    /// @notice IStaking.open(members, worker stake, client, escrow, slate version, evaluators).
    function open(IStaking staking, IJobTypes.Terms calldata terms, uint256[] memory members) internal {
        bytes4 selector = IStaking.open.selector;
        (uint256 parties, uint256 amounts, uint256 evaluators) = (
            terms.parties,
            terms.amounts,
            terms.evaluatorCount()
        );
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 4), 192) // where the list begins
            mstore(add(free, 36), and(shr(128, amounts), 0xffffffffffffffff))
            mstore(add(free, 68), shr(96, shl(96, parties)))
            // Reward and deposit, each far below 2^63.
            let reward := and(amounts, 0xffffffffffffffff)
            mstore(add(free, 100), add(reward, and(shr(64, amounts), 0xffffffffffffffff)))
            mstore(add(free, 132), shr(224, parties))
            mstore(add(free, 164), evaluators)
            let size := shl(5, add(mload(members), 1))
            mcopy(add(free, 196), members, size)
            if iszero(call(gas(), staking, 0, free, add(size, 196), 0, 0)) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }

    /// @notice IStaking.settle(postings, both stakes, burn, true).
    function settle(
        IStaking staking,
        IJobTypes.Terms calldata terms,
        uint256[] memory postings,
        uint256 burnGwei
    ) internal {
        bytes4 selector = IStaking.settle.selector;
        uint256 unlocks = terms.amounts >> 128;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 4), 128) // where the list begins
            mstore(add(free, 36), unlocks)
            mstore(add(free, 68), burnGwei)
            mstore(add(free, 100), 1)
            let size := shl(5, add(mload(postings), 1))
            mcopy(add(free, 132), postings, size)
            if iszero(call(gas(), staking, 0, free, add(size, 132), 0, 0)) {
                returndatacopy(free, 0, returndatasize())
                revert(free, returndatasize())
            }
        }
    }

    /// @notice IEvaluatorPool.drawSlate(seed, evaluators, slate version, client, [excluded]).
    /// @param excluded numbers in one word
    function drawSlate(
        IEvaluatorPool pool,
        IJobTypes.Terms calldata terms,
        bytes32 seed,
        uint256 excluded
    ) internal view returns (uint256[] memory members) {
        bytes4 selector = IEvaluatorPool.drawSlate.selector;
        (uint256 parties, uint256 count) = (terms.parties, terms.evaluatorCount());
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, selector)
            mstore(add(free, 4), seed)
            mstore(add(free, 36), count)
            mstore(add(free, 68), shr(224, parties))
            mstore(add(free, 100), shr(96, shl(96, parties)))
            mstore(add(free, 132), 160) // where the list begins
            mstore(add(free, 164), 1)
            mstore(add(free, 196), excluded)
            let isDone := staticcall(gas(), pool, free, 228, 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(isDone) {
                revert(free, returndatasize())
            }
            members := add(free, 32) // after the word that says where the list begins
            mstore(0x40, add(free, returndatasize()))
        }
    }
}
