// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title TRAIN: ERC-20 with votes, permit and ERC-3009; wraps the chain's native coin one to one.
/// @notice The contract holds at least as much native coin as there is TRAIN.
interface ITrainToken is IERC20 {
    event Deposited(address indexed account, uint256 amountWei);
    event Withdrawn(address indexed account, uint256 amountWei);

    /// @notice The native coin could not be sent.
    error SendFailed(address to);

    /// @notice Turns the sent native coin into TRAIN of the sender.
    function deposit() external payable;

    /// @notice Turns TRAIN of the sender back into native coin.
    /// @param amountWei how much, in wei
    function withdraw(uint256 amountWei) external;

    /// @notice Destroys TRAIN of the sender; its native coin stays locked for ever.
    /// @param amountWei how much, in wei
    function burn(uint256 amountWei) external;
}
