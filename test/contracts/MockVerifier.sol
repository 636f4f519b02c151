// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOpVerifier} from "../../contracts/interfaces/IOpVerifier.sol";

/// @dev An arithmetic that is easy to follow: an element has as many terms as the first side says, and each adds one more
/// than the element's place to the registers.
contract MockVerifier is IOpVerifier {
    function lengthOf(Task calldata task, uint256) external pure returns (uint256) {
        return task.sides[0];
    }

    function run(
        Task calldata,
        uint256 element,
        State calldata state,
        uint256 from,
        uint256 to,
        Leaf[] calldata
    ) external pure returns (State memory) {
        return State(state.lanes + to - from, state.registers + (1 + element) * (to - from));
    }
}
