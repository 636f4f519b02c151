// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {DisputePlay} from "./DisputePlay.sol";

/// @notice Each move of a dispute is told whole: both sides go on from its events alone.
contract DisputeEventsTest is DisputePlay {
    function setUp() public {
        setUpMarket(3, 4);
        setUpDisputes();
    }

    function test_everyMoveIsTold() public {
        values[2] ^= 1;
        termsPart = 31;
        claim = claimOf("job", STEPS);
        bytes memory signature = signClaim(claim);
        id = idOf(claim);
        told();
        emit IDisputeGame.Disputed(id, asserter, challenger, claim);
        vm.prank(challenger);
        disputes.open(claim, signature);
        at = startOf(claim);
        uint256 slices;
        while (slices < 2) {
            if (at.phase >= IDisputeGame.Phase.SplitSlice) ++slices;
            tellNext();
            make();
        }
        told();
        emit IDisputeGame.Decided(id, challenger, asserter, 4 * BOND, 2 * BOND);
        disputes.refute(id, at, claim, sliceOf(at));
    }

    /// @dev Expects what the next move tells.
    function tellNext() private {
        (, , IDisputeGame.Position memory next) = moveOf();
        IDisputeGame.Phase phase = at.phase;
        bytes32[] memory shown;
        bool isSplit =
            phase == IDisputeGame.Phase.SplitSteps ||
                phase == IDisputeGame.Phase.SplitTensors ||
                phase == IDisputeGame.Phase.SplitSlice;
        if (isSplit) shown = partsOf(at, claim.steps);
        if (phase == IDisputeGame.Phase.OpenNode) shown = childrenOf();
        if (phase == IDisputeGame.Phase.OpenElement) {
            shown = new bytes32[](2);
            (shown[0], shown[1]) = (hashAt(at.place, 0), hashAt(at.place, TERMS));
        }
        told();
        if (isSplit) emit IDisputeGame.Split(id, shown);
        else if (shown.length != 0) emit IDisputeGame.Opened(id, shown);
        else if (phase == IDisputeGame.Phase.OpenLeaf) emit IDisputeGame.LeafOpened(id, wordsOfAfter());
        else emit IDisputeGame.Moved(id, next);
    }

    function test_balancesAreTold() public {
        give(stranger, 7 ether);
        vm.startPrank(stranger);
        token.approve(address(disputes), 7 ether);
        told();
        emit IDisputeGame.Deposited(stranger, 7 ether);
        disputes.deposit(7 ether);
        uint256 readyAt = block.timestamp + 7 days;
        told();
        emit IDisputeGame.ThawStarted(stranger, 5 ether, readyAt);
        disputes.thaw(5 ether);
        eq(disputes.thawReadyAt(stranger), readyAt, "when");
        disputes.thaw(2 ether);
        vm.warp(readyAt);
        told();
        emit IDisputeGame.Withdrawn(stranger, 7 ether);
        eq(disputes.withdraw(), 7 ether, "both");
        vm.stopPrank();
        (uint256 freeWei, uint256 thawingWei) = disputes.balanceOf(stranger);
        eq(freeWei + thawingWei, 0, "nothing is left");
    }

    function test_whatIsDestroyedIsToldOnce() public {
        begin(claimOf("job", STEPS));
        pass(CLOCK_SECONDS + 1);
        told();
        emit IDisputeGame.Decided(id, challenger, asserter, BOND, 5 ether);
        disputes.expire(id, at, claim);
        told();
        emit IDisputeGame.Burned(5 ether);
        disputes.flushBurned();
        eq(disputes.flushBurned(), 0, "once");
    }

    function told() private {
        vm.expectEmit(true, true, true, true);
    }
}
