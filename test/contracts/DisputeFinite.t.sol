// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {DisputePlay} from "./DisputePlay.sol";

/// @notice Training stops before it signs a state that is infinite or no number: whoever shows one is refused.
contract DisputeFiniteTest is DisputePlay {
    function setUp() public {
        setUpMarket(3, 4);
        setUpDisputes();
    }

    function test_refusesALossThatIsNoNumber() public {
        lossBits = 0x7fc00000;
        begin(claimOf("job", 1));
        refused(abi.encodeWithSelector(IDisputeGame.NonFinite.selector, uint32(0x7fc00000)));
    }

    function test_onlyWhatAStepCarriesOnMustBeFinite() public {
        values[2] = 0xff800000;
        deposit(asserter, 100 ether);
        deposit(challenger, 100 ether);
        for (uint8 kind = 28; kind < 33; ++kind) {
            afterKind = kind;
            begin(claimOf(bytes32(uint256(kind)), 1));
            playTo(IDisputeGame.Phase.OpenElement);
            if (kind == 28 || kind == 32) make();
            else refused(abi.encodeWithSelector(IDisputeGame.NonFinite.selector, uint32(0xff800000)));
        }
    }

    /// @dev The next move is refused.
    function refused(bytes memory reason) private {
        (address by, bytes memory call, ) = moveOf();
        expectFailAt(address(disputes), by, call, reason);
    }
}
