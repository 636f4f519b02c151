// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../interfaces/IDisputeGame.sol";
import {IOpVerifier} from "../interfaces/IOpVerifier.sol";
import {MerklePaths} from "../libraries/MerklePaths.sol";

/// @title Whether what is shown in a dispute belongs to what was claimed: leaves of steps, tensors, programs.
library DisputeLeaves {
    uint256 private constant GIVEN = 255;
    uint256 private constant LOSS = 17;
    uint256 private constant PATHS = 11;

    /// @notice Hashes of the leaves before and after the step, as compute/train/commit.ts has them.
    function hashesOf(
        IDisputeGame.StepOpening calldata opening
    ) internal pure returns (bytes32 start, bytes32 end) {
        IDisputeGame.StepLeaf calldata last = opening.end;
        if (last.step != opening.start.step + 1) revert IDisputeGame.WrongHash();
        start = sha256(abi.encodePacked("quern/leaf/1", _stateOf(opening.start), opening.transcript));
        bytes32 transcript = sha256(abi.encodePacked("quern/transcript/1", last.folded, last.lossBits));
        end = sha256(abi.encodePacked("quern/leaf/1", _stateOf(last), transcript));
    }

    /// @notice The given tensors begin with the state before the step; the last tensors are what the leaf after it binds.
    function check(IDisputeGame.StepOpening calldata o, bytes32 programRoot) internal view {
        if (o.given == 0 || o.given >= o.total) revert IDisputeGame.OutOfRange(o.given, o.total);
        bytes32[][] calldata paths = o.paths;
        if (paths.length != PATHS) revert IDisputeGame.WrongCount(paths.length, PATHS);
        bytes32 none = MerklePaths.rootOf(0, 0, 0);
        bool hasM = o.start.m != none;
        bool hasV = o.start.v != none;
        bytes32 given = _put(o.start.p, 0, o, o.batch, paths[0]);
        if (hasM) given = _put(o.start.m, 1, o, given, paths[1]);
        if (hasV) given = _put(o.start.v, hasM ? 2 : 1, o, given, paths[2]);
        if (given != o.before) revert IDisputeGame.WrongProof();
        expectFinite(o.end.lossBits);
        _expect(o.end.p, o.total - 2, o, o.result, paths[3]);
        if (hasM) _expect(o.end.m, o.total - (hasV ? 4 : 3), o, o.result, paths[4]);
        else if (o.end.m != none) revert IDisputeGame.WrongProof();
        if (hasV) _expect(o.end.v, o.total - 3, o, o.result, paths[5]);
        else if (o.end.v != none) revert IDisputeGame.WrongProof();
        _expect(o.end.folded, o.total - 1, o, o.result, paths[6]);
        _expect(_rootOfWord(o.end.lossBits), o.lossEntry, o, o.result, paths[7]);
        if (o.loss.task.kind != LOSS) revert IDisputeGame.WrongProof();
        checkEntry(o.loss, o.lossEntry, o.total, paths[9], programRoot);
        bytes32 lastGiven = sha256(abi.encodePacked(GIVEN, o.lastGivenSize, uint256(0), uint256(0)));
        if (MerklePaths.listRoot(lastGiven, o.given - 1, o.total, paths[8]) != programRoot) {
            revert IDisputeGame.WrongProof();
        }
    }

    /// @notice What the step was given beside its state is what the claim says of that step.
    function checkBatch(
        IDisputeGame.StepOpening calldata o,
        uint256 step,
        IDisputeGame.Claim calldata claim
    ) internal view {
        bytes32 root = MerklePaths.listRoot(o.batch, step, claim.steps, o.paths[PATHS - 1]);
        if (root != claim.batchRoot) revert IDisputeGame.WrongBatch();
    }

    /// @notice Binary32 bits of a number.
    function expectFinite(uint32 bits) internal pure {
        if (bits & 0x7f800000 == 0x7f800000) revert IDisputeGame.NonFinite(bits);
    }

    /// @notice The entry stands at its place in the program.
    function checkEntry(
        IDisputeGame.Entry calldata entry,
        uint256 place,
        uint256 total,
        bytes32[] calldata path,
        bytes32 programRoot
    ) internal view {
        bytes32 leaf = sha256(
            abi.encodePacked(
                abi.encodePacked(entry.task.kind, entry.size, entry.task.sides.length, entry.task.sides),
                abi.encodePacked(entry.operands.length, entry.task.bases, entry.operands)
            )
        );
        if (MerklePaths.listRoot(leaf, place, total, path) != programRoot) revert IDisputeGame.WrongProof();
    }

    /// @notice The tensor stands at its place, and with nothing there the tensors before are the agreed ones.
    function checkTensor(
        IDisputeGame.TensorOpening calldata opening,
        uint256 place,
        bytes32 root
    ) internal view {
        bytes32 without = MerklePaths.listRoot(0, place, opening.total, opening.path);
        bytes32 with_ = MerklePaths.listRoot(root, place, opening.total, opening.path);
        if (without != opening.claims[0] || with_ != opening.claims[1]) revert IDisputeGame.WrongProof();
    }

    /// @notice The operands' leaves, each under the root of its tensor, and that among the tensors before.
    function operandsOf(
        IDisputeGame.Slice calldata slice,
        bytes32 prefix
    ) internal view returns (IOpVerifier.Leaf[] memory leaves) {
        leaves = new IOpVerifier.Leaf[](slice.openings.length);
        for (uint256 i; i < leaves.length; ++i) {
            IDisputeGame.Opening calldata opening = slice.openings[i];
            uint256 entry = slice.entry.operands[opening.operand];
            bytes32 found = MerklePaths.listRoot(opening.root, entry, slice.total, opening.entryPath);
            if (found != prefix) revert IDisputeGame.WrongProof();
            found = MerklePaths.bytesRoot(opening.words, opening.index, opening.sizeBytes, opening.path);
            if (found != opening.root) revert IDisputeGame.WrongProof();
            leaves[i] = IOpVerifier.Leaf(opening.operand, opening.index, opening.words);
        }
    }

    /// @dev The tree with `root` at a place that held nothing before.
    function _put(
        bytes32 root,
        uint256 entry,
        IDisputeGame.StepOpening calldata o,
        bytes32 tree,
        bytes32[] calldata path
    ) private view returns (bytes32) {
        if (MerklePaths.listRoot(0, entry, o.total, path) != tree) revert IDisputeGame.WrongProof();
        return MerklePaths.listRoot(root, entry, o.total, path);
    }

    function _expect(
        bytes32 root,
        uint256 entry,
        IDisputeGame.StepOpening calldata o,
        bytes32 tree,
        bytes32[] calldata path
    ) private view {
        if (MerklePaths.listRoot(root, entry, o.total, path) != tree) revert IDisputeGame.WrongProof();
    }

    function _stateOf(IDisputeGame.StepLeaf calldata leaf) private pure returns (bytes32) {
        return sha256(abi.encodePacked("quern/state/1", leaf.p, leaf.m, leaf.v, leaf.step));
    }

    /// @dev Root of a tensor of one value, whose bytes are little-endian.
    function _rootOfWord(uint32 bits) private pure returns (bytes32) {
        bits = ((bits & 0xff00ff) << 8) | ((bits >> 8) & 0xff00ff);
        bits = (bits << 16) | (bits >> 16);
        return MerklePaths.rootOf(0, 4, sha256(abi.encodePacked(bits)));
    }
}
