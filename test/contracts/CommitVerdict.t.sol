// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../../contracts/interfaces/IJobTypes.sol";
import {PlainTerms} from "./PlainTerms.sol";
import {World} from "./World.sol";

contract CommitVerdictTest is World {
    PlainTerms private terms;
    address[] private drawn;

    function setUp() public {
        setUpMarket(3, 4);
        terms = openAndSubmit();
        drawn = draw(terms);
    }

    function test_keepsTheCommitmentAndOpensTheReveal() public {
        vm.expectEmit(true, true, true, true);
        emit IJobTypes.VerdictCommitted(jobs.jobIdOf(terms.pack()), 0, drawn[0], keccak256("a"));
        commitRaw(drawn[0], keccak256("a"));
        eq(stateOf(terms).committedMask, 1, "first");
        eq(stateOf(terms).deadline, block.timestamp + 120, "still the commit window");
        pass(5);
        commitRaw(drawn[1], keccak256("b"));
        eq(stateOf(terms).deadline, block.timestamp + 60, "reveal window starts with the last");
    }

    function test_refusesOthersTwiceZeroAndLate() public {
        for (uint256 i; i < 4; ++i) {
            if (isDrawn(terms, evaluators[i])) continue;
            address operator = operatorOf(evaluators[i]);
            refused(operator, keccak256("a"), abi.encodeWithSelector(IJobTypes.NotParty.selector, operator));
        }
        refused(stranger, keccak256("a"), abi.encodeWithSelector(IJobTypes.NotParty.selector, stranger));
        address first = operatorOf(drawn[0]);
        refused(first, 0, abi.encodeWithSelector(IJobTypes.BadCommitment.selector));
        commitRaw(drawn[0], keccak256("a"));
        bytes memory already = abi.encodeWithSelector(IJobTypes.AlreadyDone.selector, drawn[0]);
        refused(first, keccak256("b"), already);
        pass(121);
        bytes memory late = abi.encodeWithSelector(IJobTypes.TooLate.selector, block.timestamp - 1);
        refused(operatorOf(drawn[1]), keccak256("b"), late);
    }

    function commitRaw(address owner, bytes32 commitment) private {
        vm.prank(operatorOf(owner));
        jobs.commitVerdict(terms.pack(), commitment);
    }

    function refused(address sender, bytes32 commitment, bytes memory reason) private {
        expectFail(sender, abi.encodeCall(jobs.commitVerdict, (terms.pack(), commitment)), reason);
    }
}
