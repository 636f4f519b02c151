// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {DisputePlay} from "./DisputePlay.sol";

/// @dev What a move is bound to: its dispute's claim, the step's number, the clock of who makes it.
contract DisputeBindingTest is DisputePlay {
    function setUp() public {
        setUpMarket(3, 4);
        setUpDisputes();
    }

    /// @dev Refuses the usual move with the program of another claim in it.
    function refusedForAnotherClaim() private {
        IDisputeGame.Claim memory own = claim;
        claim.programRoot = bytes32(uint256(1));
        (address by, bytes memory call, ) = moveOf();
        expectFailAt(address(disputes), by, call, abi.encodeWithSelector(IDisputeGame.BadClaim.selector));
        claim = own;
    }

    function test_aMoveOfAnotherClaimIsNone() public {
        begin(claimOf("job", STEPS));
        playTo(IDisputeGame.Phase.OpenStep);
        refusedForAnotherClaim();
        playTo(IDisputeGame.Phase.OpenTensor);
        refusedForAnotherClaim();
        playTo(IDisputeGame.Phase.OpenElement);
        refusedForAnotherClaim();
    }

    function test_aStepEndsOneLater() public {
        stepAfter += 1;
        begin(claimOf("job", STEPS));
        playTo(IDisputeGame.Phase.OpenStep);
        (address by, bytes memory call, ) = moveOf();
        expectFailAt(address(disputes), by, call, abi.encodeWithSelector(IDisputeGame.WrongHash.selector));
    }

    function playToTurnOf(address player) private {
        (address by, , ) = moveOf();
        while (by != player) {
            make();
            (by, , ) = moveOf();
        }
    }

    function test_theChallengersClockIsForAllItsMovesTogether() public {
        begin(claimOf("job", STEPS));
        playToTurnOf(challenger);
        pass(CLOCK_SECONDS);
        make();
        playToTurnOf(challenger);
        pass(1);
        (address by, bytes memory call, ) = moveOf();
        expectFailAt(address(disputes), by, call, abi.encodeWithSelector(IDisputeGame.ClockExpired.selector));
    }
}
