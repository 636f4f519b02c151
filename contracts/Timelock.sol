// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

/// @title What governance decides waits here for at least seven days.
contract Timelock is TimelockController {
    uint256 public constant DELAY_SECONDS_MIN = 7 days;

    error DelayTooShort(uint256 seconds_);

    /// @param delaySeconds wait before execution
    /// @param governor who may propose and cancel; anyone executes
    constructor(
        uint256 delaySeconds,
        address governor
    ) TimelockController(delaySeconds, _only(governor), _only(address(0)), address(0)) {
        if (delaySeconds < DELAY_SECONDS_MIN) revert DelayTooShort(delaySeconds);
    }

    /// @notice The delay, never shorter than the minimum even if a decision asks for it.
    function getMinDelay() public view override returns (uint256) {
        uint256 delay = super.getMinDelay();
        return delay < DELAY_SECONDS_MIN ? DELAY_SECONDS_MIN : delay;
    }

    function _only(address account) private pure returns (address[] memory accounts) {
        accounts = new address[](1);
        accounts[0] = account;
    }
}
