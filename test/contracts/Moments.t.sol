// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {MerklePaths} from "../../contracts/libraries/MerklePaths.sol";
import {DisputeWorld} from "./DisputeWorld.sol";

/// @notice The step of an optimizer that carries moments: given are p, m, v and a batch; computed are the loss, m, v and p
/// after the step, and the folded gradients. Each tensor has one element.
contract MomentsTest is DisputeWorld {
    /// @dev Which moments the optimizer carries.
    bool private hasM;
    bool private hasV;
    uint64 private given;
    uint64 private total;
    bytes32 private none = MerklePaths.rootOf(0, 0, 0);
    bytes32 private other = keccak256("another tensor");

    function setUp() public {
        setUpMarket(3, 4);
        setUpDisputes();
        deposit(asserter, 900 ether);
        deposit(challenger, 900 ether);
    }

    function test_everyMixOfMomentsIsOpened() public {
        for (uint256 mix; mix < 4; ++mix) {
            carry(mix);
            IDisputeGame.StepOpening memory o = opening();
            (bytes32 id, bytes memory call, IDisputeGame.Position memory next) = openingMove(o);
            next.low = given;
            next.high = total;
            next.claims = keccak256(abi.encodePacked(o.before, o.result));
            next.phase = IDisputeGame.Phase.SplitTensors;
            vm.expectEmit(true, true, true, true);
            emit IDisputeGame.Moved(id, next);
            vm.prank(asserter);
            (bool success, ) = address(disputes).call(call);
            ok(success, "opened");
        }
    }

    function test_theMomentsBeforeAreThoseOfTheLeaf() public {
        for (uint256 mix = 1; mix < 4; ++mix) {
            carry(mix);
            IDisputeGame.StepOpening memory o = opening();
            if (hasM) {
                o.start.m = other;
                refused(o);
                o = opening();
                o.start.m = none;
                refused(o);
            }
            o = opening();
            if (hasV) {
                o.start.v = other;
                refused(o);
                o = opening();
                o.start.v = none;
                refused(o);
            }
        }
    }

    function test_theMomentsAfterAreThoseOfTheLeaf() public {
        for (uint256 mix; mix < 4; ++mix) {
            carry(mix);
            bytes32[4] memory wrong = [other, none, opening().end.p, opening().end.folded];
            for (uint256 i; i < 4; ++i) {
                IDisputeGame.StepOpening memory o = opening();
                if (o.end.m != wrong[i]) {
                    o.end.m = wrong[i];
                    refused(o);
                }
                o = opening();
                if (o.end.v != wrong[i]) {
                    o.end.v = wrong[i];
                    refused(o);
                }
            }
        }
    }

    function test_pathsOfMomentsAreTheirOwn() public {
        carry(3);
        for (uint256 i; i < 10; ++i) {
            IDisputeGame.StepOpening memory o = opening();
            o.paths[i][0] = other;
            refused(o);
        }
    }

    /// @dev The only tensor that is computed is not split.
    function test_aStepOfOneTensorIsOpenedAtOnce() public {
        carry(0);
        IDisputeGame.StepOpening memory o;
        bytes32[] memory roots = new bytes32[](3);
        (roots[0], roots[1], roots[2]) = (rootAt(0), rootAt(1), rootOfLoss());
        bytes32[] memory program = new bytes32[](3);
        (program[0], program[1], program[2]) = (givenLeaf(), givenLeaf(), leafOf(entryOf_(LOSS)));
        (o.start.p, o.start.m, o.start.v, o.start.step) = (roots[0], none, none, 7);
        (o.end.p, o.end.m, o.end.v, o.end.step) = (roots[1], none, none, 8);
        (o.end.folded, o.end.lossBits) = (roots[2], lossBits);
        (o.given, o.total, o.lossEntry, o.lastGivenSize) = (2, 3, 2, 1);
        o.loss = entryOf_(LOSS);
        o.result = listRootOf(roots);
        o.paths = new bytes32[][](11);
        o.paths[3] = pathIn(roots, 1);
        o.paths[6] = pathIn(roots, 2);
        o.paths[7] = o.paths[6];
        o.paths[8] = pathIn(program, 1);
        o.paths[9] = pathIn(program, 2);
        roots[2] = 0;
        o.before = listRootOf(roots);
        roots[0] = 0;
        o.batch = listRootOf(roots);
        o.paths[0] = pathIn(roots, 0);
        (bytes32 id, bytes memory call, IDisputeGame.Position memory next) = openingMoveOf(o, program);
        (next.low, next.high) = (2, 3);
        next.claims = keccak256(abi.encodePacked(o.before, o.result));
        next.phase = IDisputeGame.Phase.OpenTensor;
        vm.expectEmit(true, true, true, true);
        emit IDisputeGame.Moved(id, next);
        vm.prank(asserter);
        (bool success, ) = address(disputes).call(call);
        ok(success, "opened");
    }

    function carry(uint256 mix) private {
        (hasM, hasV) = (mix & 1 == 1, mix & 2 == 2);
        given = uint64(2 + (mix & 1) + (mix >> 1));
        total = 2 * given + 1;
    }

    function rootAt(uint256 entry) private pure returns (bytes32) {
        return MerklePaths.rootOf(0, 4, sha256(littleEndian(uint32(1000 + entry))));
    }

    function rootOfLoss() private view returns (bytes32) {
        return MerklePaths.rootOf(0, 4, sha256(littleEndian(lossBits)));
    }

    /// @dev Roots of the tensors from `from` on to `to`, nothing elsewhere.
    function rootsIn(uint256 from, uint256 to) private view returns (bytes32[] memory roots) {
        roots = new bytes32[](total);
        for (uint256 i = from; i < to; ++i) roots[i] = i == given ? rootOfLoss() : rootAt(i);
    }

    function givenLeaf() private pure returns (bytes32) {
        return sha256(abi.encodePacked(uint256(255), uint256(1), uint256(0), uint256(0)));
    }

    function programOf() private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](total);
        for (uint256 i; i < total; ++i) {
            leaves[i] = i < given ? givenLeaf() : keccak256(abi.encode("entry", i));
        }
        leaves[given] = leafOf(entryOf_(LOSS));
    }

    function opening() private view returns (IDisputeGame.StepOpening memory o) {
        bytes32[] memory all = rootsIn(0, total);
        o.start.p = all[0];
        o.start.m = hasM ? all[1] : none;
        o.start.v = hasV ? all[hasM ? 2 : 1] : none;
        o.start.step = 7;
        o.end.p = all[total - 2];
        o.end.v = hasV ? all[total - 3] : none;
        o.end.m = hasM ? all[hasV ? total - 4 : total - 3] : none;
        o.end.step = 8;
        o.end.folded = all[total - 1];
        o.end.lossBits = lossBits;
        (o.given, o.total, o.lossEntry, o.lastGivenSize) = (given, total, given, 1);
        o.before = listRootOf(rootsIn(0, given));
        o.result = listRootOf(all);
        o.batch = listRootOf(rootsIn(given - 1, given));
        o.loss = entryOf_(LOSS);
        o.paths = new bytes32[][](11);
        bytes32[] memory tree = rootsIn(given - 1, given);
        for (uint256 i; i < uint256(given) - 1; ++i) {
            uint256 path = i == 0 || hasM ? i : 2;
            o.paths[path] = pathIn(tree, i);
            tree[i] = all[i];
        }
        o.paths[3] = pathIn(all, total - 2);
        if (hasM) o.paths[4] = pathIn(all, hasV ? total - 4 : total - 3);
        if (hasV) o.paths[5] = pathIn(all, total - 3);
        o.paths[6] = pathIn(all, total - 1);
        o.paths[7] = pathIn(all, given);
        o.paths[8] = pathIn(programOf(), given - 1);
        o.paths[9] = pathIn(programOf(), given);
    }

    function openingMove(
        IDisputeGame.StepOpening memory o
    ) private returns (bytes32 id, bytes memory call, IDisputeGame.Position memory position) {
        return openingMoveOf(o, programOf());
    }

    uint256 private _claims;

    /// @dev A dispute about a claim of one step that these leaves bind, up to the opening of the step.
    function openingMoveOf(
        IDisputeGame.StepOpening memory o,
        bytes32[] memory program
    ) private returns (bytes32 id, bytes memory call, IDisputeGame.Position memory position) {
        IDisputeGame.Claim memory claim;
        claim.jobId = bytes32(++_claims);
        (claim.asserter, claim.client, claim.steps) = (asserter, client, 1);
        (claim.startLeaf, claim.endLeaf) = leafHashesOf(o.start, o.end);
        claim.programRoot = listRootOf(program);
        bytes32[] memory batches = new bytes32[](1);
        batches[0] = o.batch;
        claim.batchRoot = listRootOf(batches);
        claim.validUntil = uint64(block.timestamp + 1 hours);
        id = openAs(challenger, claim);
        position = startOf(claim);
        call = abi.encodeCall(disputes.openStep, (id, position, claim, o));
    }

    function refused(IDisputeGame.StepOpening memory o) private {
        (, bytes memory call, ) = openingMove(o);
        bytes memory reason = abi.encodeWithSelector(IDisputeGame.WrongProof.selector);
        expectFailAt(address(disputes), asserter, call, reason);
    }
}
