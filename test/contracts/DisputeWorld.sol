// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {IOpVerifier} from "../../contracts/interfaces/IOpVerifier.sol";
import {MerklePaths} from "../../contracts/libraries/MerklePaths.sol";
import {World} from "./World.sol";

/// @dev A step of five tensors (p and a batch are given; the loss, p after the step, the folded gradients), its trees, and
/// both players' moves. An element of p after the step has 100 terms of `MockVerifier`.
abstract contract DisputeWorld is World {
    uint256 internal constant TOTAL = 5;
    uint256 internal constant GIVEN = 2;
    uint256 internal constant LOSS = 2;
    uint256 internal constant AFTER = 3;
    /// @dev Five leaves: the second node above them has one child.
    uint256 internal constant ELEMENTS = 4 * 512 + 3;
    uint256 internal constant LAST_LEAF = 4;
    uint256 internal constant TERMS = 100;
    uint256 internal constant STEPS = 40;
    /// @dev The step of the claim whose tensors these are.
    uint256 internal constant STEP = 7;

    /// @dev Who signs claims: a worker's operator.
    address internal asserter;
    address internal challenger = address(0xCAFE);
    address internal second = address(0xBEEF);

    /// @dev What may be a lie. The elements of the last leaf of p after the step.
    uint32[3] internal values;
    uint32 internal lossBits = 2;
    uint256 internal afterSize = ELEMENTS;
    uint8 internal afterKind = 31;
    uint64 internal stepAfter = uint64(STEP + 1);

    function setUpDisputes() internal {
        asserter = operatorOf(workers[0]);
        for (uint256 i; i < 3; ++i) values[i] = uint32((4 * 512 + i + 1) * TERMS);
        deposit(asserter, 100 ether);
        deposit(challenger, 100 ether);
        deposit(second, 100 ether);
    }

    function deposit(address account, uint256 amountWei) internal {
        give(account, amountWei);
        vm.startPrank(account);
        token.approve(address(disputes), amountWei);
        disputes.deposit(amountWei);
        vm.stopPrank();
    }

    function claimOf(bytes32 jobId, uint256 steps) internal view returns (IDisputeGame.Claim memory claim) {
        claim.jobId = jobId;
        claim.asserter = asserter;
        claim.client = client;
        claim.steps = uint64(steps);
        bytes32[] memory leaves = leavesOf(steps);
        claim.startLeaf = leaves[0];
        claim.endLeaf = leaves[steps];
        claim.programRoot = listRootOf(programLeaves());
        claim.batchRoot = listRootOf(batchesOf(steps));
        claim.validUntil = uint64(block.timestamp + 1 hours);
    }

    function signClaim(IDisputeGame.Claim memory claim) internal view returns (bytes memory) {
        return signatureOf(operatorKey[workers[0]], typedHash(address(disputes), idOf(claim)));
    }

    function idOf(IDisputeGame.Claim memory claim) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "Claim(bytes32 jobId,uint32 attempt,uint32 segment,uint32 round,address asserter,address client,uint64 steps,bytes32 startLeaf,bytes32 endLeaf,bytes32 programRoot,bytes32 batchRoot,uint64 validUntil)"
        );
        return keccak256(abi.encode(kind, claim));
    }

    function openAs(address by, IDisputeGame.Claim memory claim) internal returns (bytes32 id) {
        bytes memory signature = signClaim(claim);
        vm.prank(by);
        return disputes.open(claim, signature);
    }

    function startOf(
        IDisputeGame.Claim memory claim
    ) internal pure returns (IDisputeGame.Position memory position) {
        position.phase = claim.steps == 1 ? IDisputeGame.Phase.OpenStep : IDisputeGame.Phase.SplitSteps;
        position.high = claim.steps;
        position.claims = keccak256(abi.encodePacked(claim.startLeaf, claim.endLeaf));
    }

    /// @dev Leaf hashes of a claim's steps: those of this step at its place, anything elsewhere.
    function leavesOf(uint256 steps) internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](steps + 1);
        for (uint256 i; i <= steps; ++i) leaves[i] = keccak256(abi.encode("leaf", i));
        uint256 place = placeIn(steps);
        (leaves[place], leaves[place + 1]) = leafHashes();
    }

    function placeIn(uint256 steps) internal pure returns (uint256) {
        return steps > STEP ? STEP : 0;
    }

    function batchesOf(uint256 steps) internal view returns (bytes32[] memory batches) {
        batches = new bytes32[](steps);
        for (uint256 i; i < steps; ++i) batches[i] = keccak256(abi.encode("batch", i));
        batches[placeIn(steps)] = listRootOf(givenLeaves(0));
    }

    function leafHashes() internal view returns (bytes32 start, bytes32 end) {
        return leafHashesOf(startLeaf(), endLeaf());
    }

    /// @dev Hashes of the leaves before and after a step, the transcript before it being zero.
    function leafHashesOf(
        IDisputeGame.StepLeaf memory before,
        IDisputeGame.StepLeaf memory last
    ) internal pure returns (bytes32 start, bytes32 end) {
        bytes32 transcript = sha256(abi.encodePacked("quern/transcript/1", last.folded, last.lossBits));
        start = sha256(abi.encodePacked("quern/leaf/1", stateHash(before), bytes32(0)));
        end = sha256(abi.encodePacked("quern/leaf/1", stateHash(last), transcript));
    }

    function stateHash(IDisputeGame.StepLeaf memory leaf) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("quern/state/1", leaf.p, leaf.m, leaf.v, leaf.step));
    }

    function startLeaf() internal view returns (IDisputeGame.StepLeaf memory leaf) {
        leaf.p = tensorRoots()[0];
        leaf.m = MerklePaths.rootOf(0, 0, 0);
        leaf.v = leaf.m;
        leaf.step = uint64(STEP);
    }

    function endLeaf() internal view returns (IDisputeGame.StepLeaf memory leaf) {
        bytes32[] memory roots = tensorRoots();
        leaf = startLeaf();
        leaf.p = roots[AFTER];
        leaf.step = stepAfter;
        leaf.folded = roots[TOTAL - 1];
        leaf.lossBits = lossBits;
    }

    /// @dev Roots of the five tensors.
    function tensorRoots() internal view returns (bytes32[] memory roots) {
        roots = new bytes32[](TOTAL);
        roots[0] = MerklePaths.rootOf(0, 4, sha256(hex"01020304"));
        roots[1] = MerklePaths.rootOf(0, 4, sha256(hex"05060708"));
        roots[LOSS] = MerklePaths.rootOf(0, 4, sha256(littleEndian(lossBits)));
        roots[AFTER] = MerklePaths.rootOf(0, 4 * afterSize, topOfAfter());
        roots[TOTAL - 1] = MerklePaths.rootOf(0, 4, sha256(littleEndian(1)));
    }

    function topOfAfter() internal view returns (bytes32) {
        return sha256(abi.encodePacked(nodesOfAfter()));
    }

    function nodesOfAfter() internal view returns (bytes32[] memory nodes) {
        bytes32 empty = sha256(new bytes(2048));
        nodes = new bytes32[](2);
        nodes[0] = sha256(abi.encodePacked(empty, empty, empty, empty));
        nodes[1] = sha256(wordsOfAfter());
    }

    function wordsOfAfter() internal view returns (bytes memory) {
        return abi.encodePacked(littleEndian(values[0]), littleEndian(values[1]), littleEndian(values[2]));
    }

    function littleEndian(uint32 bits) internal pure returns (bytes memory) {
        return abi.encodePacked(uint8(bits), uint8(bits >> 8), uint8(bits >> 16), uint8(bits >> 24));
    }

    /// @dev Leaves of the tree of tensors, of which the first `count` are there.
    function prefixLeaves(uint256 count) internal view returns (bytes32[] memory leaves) {
        leaves = tensorRoots();
        for (uint256 i = count; i < TOTAL; ++i) leaves[i] = 0;
    }

    /// @dev What is given: the batch, and the first `parts` of the state.
    function givenLeaves(uint256 parts) internal view returns (bytes32[] memory leaves) {
        leaves = prefixLeaves(GIVEN);
        if (parts == 0) leaves[0] = 0;
    }

    function entryOf_(uint256 place) internal view returns (IDisputeGame.Entry memory entry) {
        uint8[5] memory kinds = [255, 255, 17, afterKind, 19];
        entry.task.kind = kinds[place];
        entry.size = place == AFTER ? afterSize : 1;
        if (place < GIVEN) return entry;
        entry.task.sides = new uint256[](1);
        entry.task.sides[0] = place == AFTER ? TERMS : 1;
        entry.task.bases = new uint256[](1);
        entry.operands = new uint256[](1);
    }

    function programLeaves() internal view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](TOTAL);
        for (uint256 i; i < TOTAL; ++i) leaves[i] = leafOf(entryOf_(i));
    }

    function leafOf(IDisputeGame.Entry memory entry) internal pure returns (bytes32) {
        IOpVerifier.Task memory task = entry.task;
        bytes memory head = abi.encodePacked(task.kind, entry.size, task.sides.length, task.sides);
        return sha256(abi.encodePacked(head, entry.operands.length, task.bases, entry.operands));
    }

    function stepOpening(uint256 steps) internal view returns (IDisputeGame.StepOpening memory o) {
        bytes32[] memory all = prefixLeaves(TOTAL);
        o.start = startLeaf();
        o.end = endLeaf();
        o.given = uint64(GIVEN);
        o.total = uint64(TOTAL);
        o.lossEntry = uint64(LOSS);
        o.before = listRootOf(prefixLeaves(GIVEN));
        o.result = listRootOf(all);
        o.lastGivenSize = 1;
        o.batch = listRootOf(givenLeaves(0));
        o.loss = entryOf_(LOSS);
        o.paths = new bytes32[][](11);
        o.paths[0] = pathIn(givenLeaves(0), 0);
        o.paths[3] = pathIn(all, AFTER);
        o.paths[6] = pathIn(all, TOTAL - 1);
        o.paths[7] = pathIn(all, LOSS);
        o.paths[8] = pathIn(programLeaves(), GIVEN - 1);
        o.paths[9] = pathIn(programLeaves(), LOSS);
        o.paths[10] = pathIn(batchesOf(steps), placeIn(steps));
    }

    function tensorOpening(uint256 place) internal view returns (IDisputeGame.TensorOpening memory o) {
        o.claims[0] = listRootOf(prefixLeaves(place));
        o.claims[1] = listRootOf(prefixLeaves(place + 1));
        o.top = topOfAfter();
        o.total = uint64(TOTAL);
        o.entry = entryOf_(place);
        o.path = pathIn(prefixLeaves(place + 1), place);
        o.programPath = pathIn(programLeaves(), place);
    }

    /// @dev The state of an element's computation behind so many terms; the last one ends in what was said.
    function stateAt(uint256 element, uint256 term) internal view returns (IOpVerifier.State memory state) {
        state = IOpVerifier.State(term, (element + 1) * term);
        if (term == TERMS) state.registers = values[element - 4 * 512];
    }

    function hashAt(uint256 element, uint256 term) internal view returns (bytes32) {
        IOpVerifier.State memory state = stateAt(element, term);
        return keccak256(abi.encodePacked(state.lanes, state.registers));
    }

    function elementOpening(uint256 element) internal view returns (IDisputeGame.ElementOpening memory o) {
        o.result = stateAt(element, TERMS);
        o.total = uint64(TOTAL);
        o.entry = entryOf_(AFTER);
        o.programPath = pathIn(programLeaves(), AFTER);
    }

    function sliceOf(
        IDisputeGame.Position memory position
    ) internal view returns (IDisputeGame.Slice memory slice) {
        slice.entry = entryOf_(AFTER);
        slice.programPath = pathIn(programLeaves(), AFTER);
        slice.total = uint64(TOTAL);
        slice.before = stateAt(position.place, position.low);
        slice.result = hashAt(position.place, position.high);
        slice.openings = new IDisputeGame.Opening[](1);
        IDisputeGame.Opening memory opening = slice.openings[0];
        opening.words = hex"01020304";
        opening.root = tensorRoots()[0];
        opening.sizeBytes = 4;
        opening.entryPath = pathIn(prefixLeaves(AFTER), 0);
        opening.path = new bytes32[](0);
    }

    /// @dev What the asserter says at the parts of a range.
    function partsOf(
        IDisputeGame.Position memory position,
        uint256 steps
    ) internal view returns (bytes32[] memory parts) {
        uint256 size = position.high - position.low;
        uint256 count = size < 32 ? size : 32;
        parts = new bytes32[](count + 1);
        bytes32[] memory leaves = leavesOf(steps);
        for (uint256 i; i <= count; ++i) {
            uint256 place = position.low + (size * i) / count;
            IDisputeGame.Phase phase = position.phase;
            if (phase == IDisputeGame.Phase.SplitSteps || phase == IDisputeGame.Phase.PickStep) {
                parts[i] = leaves[place];
            } else if (phase == IDisputeGame.Phase.SplitTensors || phase == IDisputeGame.Phase.PickTensor) {
                parts[i] = listRootOf(prefixLeaves(place));
            } else {
                parts[i] = hashAt(position.place, place);
            }
        }
    }

    function nextSlice(
        IDisputeGame.Position memory position,
        bytes32[] memory claims,
        uint256 part
    ) internal pure {
        uint256 parts = claims.length - 1;
        uint256 size = position.high - position.low;
        uint256 low = position.low;
        position.low = uint64(low + (size * part) / parts);
        position.high = uint64(low + (size * (part + 1)) / parts);
        position.claims = keccak256(abi.encodePacked(claims[part], claims[part + 1]));
    }

    /// @dev Root and path of the lists of base/crypto/merkle.ts, written out here on their own.
    function listRootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        bytes32[] memory level = hashesOf(leaves);
        while (level.length > 1) level = above(level);
        return sha256(abi.encodePacked(uint8(2), uint8(1), uint64(leaves.length), level[0]));
    }

    function pathIn(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory path) {
        bytes32[] memory level = hashesOf(leaves);
        bytes32[] memory found = new bytes32[](16);
        uint256 count;
        for (; level.length > 1; index /= 2) {
            if (index ^ 1 < level.length) found[count++] = level[index ^ 1];
            level = above(level);
        }
        path = new bytes32[](count);
        for (uint256 i; i < count; ++i) path[i] = found[i];
    }

    function hashesOf(bytes32[] memory leaves) private pure returns (bytes32[] memory hashes) {
        hashes = new bytes32[](leaves.length);
        for (uint256 i; i < leaves.length; ++i) hashes[i] = sha256(abi.encodePacked(uint8(0), leaves[i]));
    }

    function above(bytes32[] memory level) private pure returns (bytes32[] memory next) {
        next = new bytes32[]((level.length + 1) / 2);
        for (uint256 i; i < next.length; ++i) {
            next[i] =
                2 * i + 1 == level.length
                    ? level[2 * i]
                    : sha256(abi.encodePacked(uint8(1), level[2 * i], level[2 * i + 1]));
        }
    }
}
