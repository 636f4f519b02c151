// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";
import {ITrainToken} from "./interfaces/ITrainToken.sol";

/// @title Implements ITrainToken.
contract TrainToken is ERC20Permit, ERC20Votes, ERC3009, ITrainToken {
    constructor() ERC20("Quern", "TRAIN") ERC20Permit("Quern") {}

    receive() external payable {
        deposit();
    }

    /// @inheritdoc ITrainToken
    function deposit() public payable {
        _mint(msg.sender, msg.value);
        emit Deposited(msg.sender, msg.value);
    }

    /// @inheritdoc ITrainToken
    function withdraw(uint256 amountWei) external {
        _burn(msg.sender, amountWei);
        emit Withdrawn(msg.sender, amountWei);
        (bool sent, ) = msg.sender.call{value: amountWei}("");
        if (!sent) revert SendFailed(msg.sender);
    }

    /// @inheritdoc ITrainToken
    function burn(uint256 amountWei) external {
        _burn(msg.sender, amountWei);
    }

    /// @notice Votes are counted by unix time, since blocks come faster with jobs than without.
    function clock() public view override returns (uint48) {
        return Time.timestamp();
    }

    /// @notice EIP-6372.
    // solhint-disable-next-line func-name-mixedcase
    function CLOCK_MODE() public pure override returns (string memory) {
        return "mode=timestamp";
    }

    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 amountWei) internal override(ERC20, ERC20Votes) {
        super._update(from, to, amountWei);
    }
}
