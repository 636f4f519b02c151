// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITrainToken} from "../../contracts/interfaces/ITrainToken.sol";
import {TrainToken} from "../../contracts/TrainToken.sol";
import {World} from "./World.sol";

contract TrainTokenTest is World {
    function setUp() public {
        deployAll();
    }

    function test_wrapsOneToOne() public {
        vm.deal(stranger, 5 ether);
        vm.startPrank(stranger);
        token.deposit{value: 3 ether}();
        (bool sent, ) = address(token).call{value: 1 ether}("");
        ok(sent, "sending deposits");
        eq(token.balanceOf(stranger), 4 ether, "wrapped");
        vm.expectEmit(true, true, true, true);
        emit ITrainToken.Withdrawn(stranger, 2 ether);
        token.withdraw(2 ether);
        vm.stopPrank();
        eq(stranger.balance, 3 ether, "unwrapped");
        eq(token.totalSupply(), address(token).balance, "backed");
    }

    function test_burnLocksTheCoin() public {
        give(stranger, 2 ether);
        vm.prank(stranger);
        token.burn(1 ether);
        eq(token.totalSupply(), 1 ether, "less supply");
        eq(address(token).balance, 2 ether, "the coin stays");
    }

    function test_refusesMoreThanThereIsAndDeafReceivers() public {
        give(stranger, 1 ether);
        vm.prank(stranger);
        vm.expectRevert();
        token.withdraw(1 ether + 1);
        give(address(this), 1 ether);
        bytes memory reason = abi.encodeWithSelector(ITrainToken.SendFailed.selector, address(this));
        expectFailAt(address(token), address(this), abi.encodeCall(token.withdraw, (1 ether)), reason);
    }

    function test_reentryTakesNothingTwice() public {
        Reenterer thief = new Reenterer(token);
        vm.deal(address(thief), 1 ether);
        give(stranger, 5 ether);
        thief.run();
        eq(address(thief).balance, 1 ether, "only its own");
        eq(token.totalSupply(), address(token).balance, "backed");
    }

    function test_votesFollowDelegation() public {
        give(stranger, 3 ether);
        vm.prank(stranger);
        token.delegate(client);
        pass(5);
        eq(token.getPastVotes(client, block.timestamp - 1), 3 ether, "delegated");
        eq(keccak256(bytes(token.CLOCK_MODE())), keccak256("mode=timestamp"), "clock");
    }
}

/// @dev Withdraws again while it is paid.
contract Reenterer {
    TrainToken private immutable _token;
    bool private _isInside;

    constructor(TrainToken token) {
        _token = token;
    }

    receive() external payable {
        if (_isInside) return;
        _isInside = true;
        try _token.withdraw(1 ether) {} catch {}
    }

    function run() external {
        _token.deposit{value: 1 ether}();
        _token.withdraw(1 ether);
    }
}
