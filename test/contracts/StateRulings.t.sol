// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PlainTerms} from "./PlainTerms.sol";
import {ValidatorSet} from "../../contracts/ValidatorSet.sol";
import {IStateRequests} from "../../contracts/interfaces/IStateRequests.sol";
import {LedgerWorld} from "./LedgerWorld.sol";

/// @notice What a request for a state tells, and how few validators rule on it.
contract StateRulingsTest is LedgerWorld {
    uint256 private constant STATE_BOND = 0.01 ether;

    PlainTerms private terms;
    bytes32 private jobId;
    address private asking;

    function setUp() public override {
        super.setUp();
        judged();
    }

    function test_everyStepOfARequestIsTold() public {
        bytes32 id = ledger.stateRequestIdOf(jobId, 0, workers[0], 3, 5);
        uint64 height = uint64(block.number + 2);
        told();
        emit IStateRequests.StateRequested(jobId, id, 0, workers[0], 3, 5, height);
        eq(request(5), id, "its number");
        eq(ledger.stateRequestOf(id).seedHeight, height, "its height");
        pass(2);
        vm.recordLogs();
        uint256[] memory seats = ledger.drawStateAttesters(id);
        expectLog(
            IStateRequests.StateAttestersDrawn.selector,
            abi.encode(seats, uint64(block.timestamp + 30))
        );
        for (uint256 i; i < seats.length; ++i) {
            told();
            emit IStateRequests.StateAttested(jobId, id, seats[i], i == 0);
            answer(seats[i], id, i == 0);
        }
        told();
        emit IStateRequests.StateRequestMoved(jobId, id, IStateRequests.RequestStatus.Withheld);
        ledger.closeStateRequest(id);
        IStateRequests.StateRequest memory kept = ledger.stateRequestOf(id);
        eq(kept.requester, asking, "who asked");
        eq(kept.jobId, jobId, "about which job");
        eq(kept.served, 1, "who was served");
        eq(kept.missed, 126, "who was not");
    }

    /// @dev Of each number of validators the least number of failures that is five sevenths, and one less.
    function test_fewValidatorsRuleByTheSamePart() public {
        uint256[8] memory least = [uint256(0), 1, 2, 3, 3, 4, 5, 5];
        for (uint256 count = 1; count < 8; ++count) {
            amongValidators(count);
            for (uint256 i; i < 2; ++i) {
                uint256 failures = least[count] - i;
                bytes32 id = request(uint32(5 + i));
                pass(2);
                uint256[] memory seats = ledger.drawStateAttesters(id);
                eq(seats.length, count, "all of them");
                for (uint256 j; j < count; ++j) answer(seats[j], id, j >= failures);
                bool isWithheld = ledger.closeStateRequest(id) == IStateRequests.RequestStatus.Withheld;
                ok(isWithheld == (i == 0), "by five sevenths");
            }
        }
    }

    function test_whereNobodyValidatesNobodyAnswers() public {
        amongValidators(0);
        bytes32 id = request(5);
        pass(2);
        eq(ledger.drawStateAttesters(id).length, 0, "nobody");
        ok(ledger.closeStateRequest(id) == IStateRequests.RequestStatus.Unanswered, "nothing is said");
        eq(asking.balance, 1 ether, "the bond is back");
    }

    function test_onlyAboutWhatWasSubmittedWhileItIsJudged() public {
        terms = newTerms(2);
        jobId = open(terms);
        submit(terms, workers[1]);
        bytes memory call = abi.encodeCall(ledger.requestState, (terms.pack(), workers[1], 3, 5));
        bytes memory reason = abi.encodeWithSelector(IStateRequests.NotEvaluator.selector, asking);
        expectFailAt(address(ledger), asking, call, reason);
        pass(601);
        jobs.expire(terms.pack());
        asking = operatorOf(draw(terms)[0]);
        vm.deal(asking, 1 ether);
        call = abi.encodeCall(ledger.requestState, (terms.pack(), workers[0], 3, 5));
        reason = abi.encodeWithSelector(IStateRequests.NotSubmitter.selector, workers[0]);
        expectFailAt(address(ledger), asking, call, reason);
        vm.prank(asking);
        ledger.requestState{value: STATE_BOND}(terms.pack(), workers[1], 11, 5);
        eq(address(ledger).balance, STATE_BOND, "its bond");
    }

    /// @dev A job whose evaluators are drawn.
    function judged() private {
        (terms, jobId) = running();
        submitAll(terms);
        asking = operatorOf(draw(terms)[0]);
        vm.deal(asking, 1 ether);
    }

    function amongValidators(uint256 count) private {
        set = new ValidatorSet(256, 1000e9, 100e9, 7 days);
        for (uint256 i; i < count; ++i) takeSeat(set, validators[i], true, 1000 ether);
        ledger = ledgerOf(set, uint256(keccak256("engine")), 2);
        vm.roll(block.number + 600);
    }

    function request(uint32 step) private returns (bytes32) {
        vm.prank(asking);
        return ledger.requestState{value: STATE_BOND}(terms.pack(), workers[0], 3, step);
    }

    function answer(uint256 seat, bytes32 id, bool isServed) private {
        vm.prank(set.seatAt(seat).owner);
        ledger.attestState(id, isServed);
    }

    function told() private {
        vm.expectEmit(true, true, true, true);
    }
}
