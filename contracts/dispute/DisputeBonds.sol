// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {ITrainToken} from "../interfaces/ITrainToken.sol";

/// @title Money of disputes: balances, bonds, and how a lost bond is shared.
abstract contract DisputeBonds is IDisputeGame, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    uint256 private constant REPORTER_PERCENT = 30;
    uint256 private constant CLIENT_PERCENT = 20;

    struct Balance {
        uint128 freeWei;
        uint128 thawingWei;
    }

    struct Outcome {
        address winner;
        address loser;
        address client;
        uint256 winnerLevels;
        uint256 loserLevels;
    }

    address public immutable token;
    /// @notice What each side puts up at each level, in wei.
    uint256 public immutable bondWei;
    /// @notice Seconds that leaving balance stays within reach; longer than any claim is open to dispute.
    uint256 public immutable thawSeconds;

    /// @notice Lost bonds that are burned but not yet destroyed, in wei.
    uint256 public burnedWei;
    mapping(address account => Balance) public balanceOf;
    mapping(address account => uint256 unixSeconds) public thawReadyAt;

    constructor(address token_, uint256 bondWei_, uint256 thawSeconds_) {
        token = token_;
        bondWei = bondWei_;
        thawSeconds = thawSeconds_;
    }

    /// @inheritdoc IDisputeGame
    function deposit(uint256 amountWei) external nonReentrant {
        if (amountWei == 0 || amountWei > type(uint96).max) revert BadAmount();
        balanceOf[msg.sender].freeWei += uint128(amountWei);
        emit Deposited(msg.sender, amountWei);
        IERC20(token).safeTransferFrom(msg.sender, address(this), amountWei);
    }

    /// @inheritdoc IDisputeGame
    function thaw(uint256 amountWei) external {
        Balance storage balance = balanceOf[msg.sender];
        if (amountWei == 0) revert BadAmount();
        if (amountWei > balance.freeWei) revert BalanceTooLow(msg.sender);
        balance.freeWei -= uint128(amountWei);
        balance.thawingWei += uint128(amountWei);
        thawReadyAt[msg.sender] = block.timestamp + thawSeconds;
        emit ThawStarted(msg.sender, amountWei, block.timestamp + thawSeconds);
    }

    /// @inheritdoc IDisputeGame
    function withdraw() external nonReentrant returns (uint256 amountWei) {
        Balance storage balance = balanceOf[msg.sender];
        amountWei = balance.thawingWei;
        if (amountWei == 0) revert NothingThawing();
        if (block.timestamp < thawReadyAt[msg.sender]) revert StillThawing(thawReadyAt[msg.sender]);
        balance.thawingWei = 0;
        emit Withdrawn(msg.sender, amountWei);
        IERC20(token).safeTransfer(msg.sender, amountWei);
    }

    /// @inheritdoc IDisputeGame
    function flushBurned() external nonReentrant returns (uint256 amountWei) {
        amountWei = burnedWei;
        burnedWei = 0;
        emit Burned(amountWei);
        ITrainToken(token).burn(amountWei);
    }

    function _hasBonds(address account, uint256 levels) internal view returns (bool) {
        Balance storage balance = balanceOf[account];
        return uint256(balance.freeWei) + balance.thawingWei >= levels * bondWei;
    }

    /// @dev Takes bonds out of a balance: what is free first, then what is thawing.
    function _takeBonds(address account, uint256 levels) internal {
        Balance storage balance = balanceOf[account];
        uint256 amountWei = levels * bondWei;
        uint256 freeWei = balance.freeWei;
        if (freeWei >= amountWei) {
            balance.freeWei = uint128(freeWei - amountWei);
            return;
        }
        uint256 restWei = amountWei - freeWei;
        if (restWei > balance.thawingWei) revert BalanceTooLow(account);
        balance.freeWei = 0;
        balance.thawingWei -= uint128(restWei);
    }

    /// @dev Gives the winner its bonds back and shares out the loser's: 30 % winner, 20 % client, the rest is burned.
    function _settle(bytes32 id, Outcome memory outcome) internal {
        uint256 lostWei = outcome.loserLevels * bondWei;
        uint256 reporterWei = (lostWei * REPORTER_PERCENT) / 100;
        uint256 clientWei = (lostWei * CLIENT_PERCENT) / 100;
        uint256 restWei = lostWei - reporterWei - clientWei;
        burnedWei += restWei;
        balanceOf[outcome.winner].freeWei += uint128(outcome.winnerLevels * bondWei + reporterWei);
        balanceOf[outcome.client].freeWei += uint128(clientWei);
        emit Decided(id, outcome.winner, outcome.loser, lostWei, restWei);
    }
}
