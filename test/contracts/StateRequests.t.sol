// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {PlainTerms} from "./PlainTerms.sol";
import {ValidatorSet} from "../../contracts/ValidatorSet.sol";
import {WorkLedger} from "../../contracts/WorkLedger.sol";
import {IStateRequests} from "../../contracts/interfaces/IStateRequests.sol";
import {BlsWorld} from "./BlsWorld.sol";
import {World} from "./World.sol";

/// @notice Requests for states that a worker may have withheld.
contract StateRequestsTest is World, BlsWorld {
    uint256 private constant STATE_BOND = 0.01 ether;
    uint256 private constant VALIDATORS = 9;

    ValidatorSet private set;
    WorkLedger private ledger;
    PlainTerms private terms;
    address[] private drawn;

    function setUp() public {
        setUpMarket(3, 4);
        set = new ValidatorSet(256, 1000e9, 100e9, 7 days);
        bytes32 engine = keccak256("engine");
        ledger = new WorkLedger(
            jobs,
            registry,
            set,
            randomness,
            address(timelock),
            disputes,
            uint256(engine),
            1e6,
            1e8,
            2
        );
        for (uint256 i; i < VALIDATORS; ++i) {
            takeSeat(set, address(uint160(0x7A11 + i)), true, 1000 ether);
        }
        pass(600);
        terms = openAndSubmit();
        drawn = draw(terms);
        for (uint256 i; i < drawn.length; ++i) vm.deal(operatorOf(drawn[i]), 1 ether);
    }

    function test_fiveOfSevenFailuresVoidTheSegmentAndTheBondComesBack() public {
        (bytes32 id, uint256[] memory seats) = answering();
        eq(seats.length, 7, "seven");
        for (uint256 i; i < 7; ++i) {
            for (uint256 j; j < i; ++j) ok(seats[i] != seats[j], "each once");
            attestAs(seats[i], id, i > 4);
        }
        expectStatusOf(id, ledger.closeStateRequest(id), IStateRequests.RequestStatus.Withheld);
        eq(operatorOf(drawn[0]).balance, 1 ether, "the bond is back");
        eq(address(ledger).balance, 0, "nothing is left here");
    }

    function test_fourFailuresLeaveItAndTheRequesterFetches() public {
        (bytes32 id, uint256[] memory seats) = answering();
        for (uint256 i; i < 7; ++i) attestAs(seats[i], id, i > 3);
        expectStatusOf(id, ledger.closeStateRequest(id), IStateRequests.RequestStatus.Served);
        bytes memory confirm = abi.encodeCall(ledger.confirmState, (id));
        bytes memory reason = abi.encodeWithSelector(IStateRequests.NotEvaluator.selector, stranger);
        expectFailAt(address(ledger), stranger, confirm, reason);
        vm.prank(operatorOf(drawn[0]));
        ledger.confirmState(id);
        eq(operatorOf(drawn[0]).balance, 1 ether, "the bond is back");
        expectFailAt(
            address(ledger),
            operatorOf(drawn[0]),
            confirm,
            wrong(IStateRequests.RequestStatus.Fetched)
        );
    }

    function test_whoDoesNotFetchLosesItsBond() public {
        (bytes32 id, uint256[] memory seats) = answering();
        for (uint256 i; i < 7; ++i) attestAs(seats[i], id, true);
        ledger.closeStateRequest(id);
        bytes memory forfeit = abi.encodeCall(ledger.forfeitState, (id));
        uint256 until = block.timestamp + 300;
        bytes memory early = abi.encodeWithSelector(IStateRequests.RequestTooEarly.selector, until + 1);
        expectFailAt(address(ledger), stranger, forfeit, early);
        pass(301);
        bytes memory late = abi.encodeWithSelector(IStateRequests.RequestTooLate.selector, until);
        expectFailAt(address(ledger), operatorOf(drawn[0]), abi.encodeCall(ledger.confirmState, (id)), late);
        ledger.forfeitState(id);
        eq(operatorOf(drawn[0]).balance, 1 ether - STATE_BOND, "the bond is gone");
        eq(address(0xdead).balance, STATE_BOND, "burned");
    }

    function test_silenceIsNoFailure() public {
        (bytes32 id, uint256[] memory seats) = answering();
        for (uint256 i; i < 4; ++i) attestAs(seats[i], id, false);
        bytes memory close = abi.encodeCall(ledger.closeStateRequest, (id));
        uint256 next = block.timestamp + 31;
        bytes memory early = abi.encodeWithSelector(IStateRequests.RequestTooEarly.selector, next);
        expectFailAt(address(ledger), stranger, close, early);
        pass(31);
        bytes memory word = abi.encodeCall(ledger.attestState, (id, false));
        bytes memory late = abi.encodeWithSelector(IStateRequests.RequestTooLate.selector, next - 1);
        expectFailAt(address(ledger), set.seatAt(seats[5]).owner, word, late);
        expectStatusOf(id, ledger.closeStateRequest(id), IStateRequests.RequestStatus.Unanswered);
        eq(operatorOf(drawn[0]).balance, 1 ether, "the bond is back");
    }

    function test_oneThatServesItIsEnoughToFetchFrom() public {
        (bytes32 id, uint256[] memory seats) = answering();
        for (uint256 i; i < 5; ++i) attestAs(seats[i], id, i == 4);
        pass(31);
        expectStatusOf(id, ledger.closeStateRequest(id), IStateRequests.RequestStatus.Served);
    }

    function test_aRequestForWhichNobodyDrawsIsForfeited() public {
        bytes32 id = request(drawn[0]);
        uint256 last = block.number + 2 + 256;
        vm.roll(last);
        bytes memory forfeit = abi.encodeCall(ledger.forfeitState, (id));
        bytes memory early = abi.encodeWithSelector(IStateRequests.RequestTooEarly.selector, last + 1);
        expectFailAt(address(ledger), stranger, forfeit, early);
        vm.roll(last + 1);
        ledger.forfeitState(id);
        eq(
            uint256(ledger.stateRequestOf(id).status),
            uint256(IStateRequests.RequestStatus.Forfeited),
            "over"
        );
        eq(address(0xdead).balance, STATE_BOND, "burned");
    }

    function test_whoTakesNoBondBackKeepsNobodyFromARuling() public {
        (bytes32 id, uint256[] memory seats) = answering();
        for (uint256 i; i < 7; ++i) attestAs(seats[i], id, false);
        vm.etch(operatorOf(drawn[0]), hex"fe");
        expectStatusOf(id, ledger.closeStateRequest(id), IStateRequests.RequestStatus.Withheld);
        eq(address(0xdead).balance, STATE_BOND, "burned");
        eq(address(ledger).balance, 0, "nothing is left here");
    }

    function test_anAttesterAnswersOnceAndOnlyTheDrawnDo() public {
        (bytes32 id, uint256[] memory seats) = answering();
        attestAs(seats[0], id, true);
        bytes memory word = abi.encodeCall(ledger.attestState, (id, false));
        address first = set.seatAt(seats[0]).owner;
        bytes memory reason = abi.encodeWithSelector(IStateRequests.NotDrawn.selector, first);
        expectFailAt(address(ledger), first, word, reason);
        for (uint256 seat; seat < VALIDATORS; ++seat) {
            bool isDrawn;
            for (uint256 i; i < 7; ++i) isDrawn = isDrawn || seats[i] == seat;
            if (isDrawn) continue;
            address other = set.seatAt(seat).owner;
            reason = abi.encodeWithSelector(IStateRequests.NotDrawn.selector, other);
            expectFailAt(address(ledger), other, word, reason);
        }
    }

    function test_onlyDrawnEvaluatorsRequestOnceAndWithABond() public {
        bytes memory call = abi.encodeCall(ledger.requestState, (terms.pack(), workers[0], 3, 5));
        bytes memory reason = abi.encodeWithSelector(IStateRequests.NotEvaluator.selector, stranger);
        expectFailAt(address(ledger), stranger, call, reason);
        address operator = operatorOf(drawn[0]);
        reason = abi.encodeWithSelector(IStateRequests.BondWrong.selector, STATE_BOND);
        expectFailAt(address(ledger), operator, call, reason);
        bytes memory foreign = abi.encodeCall(ledger.requestState, (terms.pack(), stranger, 3, 5));
        reason = abi.encodeWithSelector(IStateRequests.NotSubmitter.selector, stranger);
        expectFailAt(address(ledger), operator, foreign, reason);
        bytes memory beyond = abi.encodeCall(ledger.requestState, (terms.pack(), workers[0], 12, 5));
        reason = abi.encodeWithSelector(IStateRequests.NotSubmitter.selector, workers[0]);
        expectFailAt(address(ledger), operator, beyond, reason);
        bytes32 id = request(drawn[0]);
        vm.prank(operatorOf(drawn[1]));
        (bool isDone, bytes memory answer) = address(ledger).call{value: STATE_BOND}(call);
        ok(!isDone, "once");
        eq(keccak256(answer), keccak256(wrong(IStateRequests.RequestStatus.Open)), "its own error");
        eq(uint256(ledger.stateRequestOf(id).drawn), 0, "nobody yet");
        bytes memory drawing = abi.encodeCall(ledger.drawStateAttesters, (bytes32(0)));
        expectFailAt(address(ledger), stranger, drawing, wrong(IStateRequests.RequestStatus.None));
    }

    function request(address evaluator) private returns (bytes32) {
        vm.prank(operatorOf(evaluator));
        return ledger.requestState{value: STATE_BOND}(terms.pack(), workers[0], 3, 5);
    }

    function answering() private returns (bytes32 id, uint256[] memory seats) {
        id = request(drawn[0]);
        pass(2);
        seats = ledger.drawStateAttesters(id);
    }

    function attestAs(uint256 seat, bytes32 id, bool isServed) private {
        address owner = set.seatAt(seat).owner;
        vm.prank(owner);
        ledger.attestState(id, isServed);
    }

    function expectStatusOf(
        bytes32 id,
        IStateRequests.RequestStatus returned,
        IStateRequests.RequestStatus expected
    ) private view {
        eq(uint256(returned), uint256(expected), "returned");
        eq(uint256(ledger.stateRequestOf(id).status), uint256(expected), "kept");
    }

    function wrong(IStateRequests.RequestStatus status) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IStateRequests.WrongRequest.selector, status);
    }
}
