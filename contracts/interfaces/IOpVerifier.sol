// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Repeats steps of the computation of one output element, bit for bit as compute/exact/SPEC.md says.
/// @notice A task is a kind of output (the numbers are those of compute/train/tasks.ts) with its sizes. Each element is
/// computed in `lengthOf` steps by a machine of eight lanes and eight registers, which is all zeros before the first
/// step and holds the element in its lowest register after the last. One step is one term of a sum, one comparison, or
/// what is done after the last term.
interface IOpVerifier {
    /// @param kind which output of which operator
    /// @param sides sizes and numbers of the operator, in the order that its kind has
    /// @param bases where each operand begins in its tensor, in elements
    struct Task {
        uint256 kind;
        uint256[] sides;
        uint256[] bases;
    }

    /// @param lanes eight times 32 bits, lane 0 lowest
    /// @param registers the same
    struct State {
        uint256 lanes;
        uint256 registers;
    }

    /// @notice 512 elements of an operand's tensor, from 512 * index on, little-endian; the last leaf may be shorter.
    struct Leaf {
        uint256 operand;
        uint256 index;
        bytes words;
    }

    error UnknownKind(uint256 kind);
    /// @notice No leaf holds this element of the operand's tensor.
    error MissingOperand(uint256 operand, uint256 place);
    /// @notice The steps are not 1 to 64 of the element's steps.
    error BadSlice(uint256 from, uint256 to, uint256 length);

    /// @notice Steps that an element takes.
    function lengthOf(Task calldata task, uint256 element) external pure returns (uint256 steps);

    /// @notice The state after steps `from` to `to` - 1 of an element, at most 64. Whether the leaves are those of the
    /// operands is the caller's to know.
    function run(
        Task calldata task,
        uint256 element,
        State calldata state,
        uint256 from,
        uint256 to,
        Leaf[] calldata leaves
    ) external pure returns (State memory);
}
