// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDisputeGame} from "../../contracts/interfaces/IDisputeGame.sol";
import {DisputeWorld} from "./DisputeWorld.sol";

/// @dev One dispute at a time about the step of `DisputeWorld`, move by move.
abstract contract DisputePlay is DisputeWorld {
    IDisputeGame.Claim internal claim;
    IDisputeGame.Position internal at;
    bytes32 internal id;
    /// @dev Which element of the last leaf is disputed, and which part of its terms.
    uint256 internal element = 2;
    uint256 internal termsPart;

    function begin(IDisputeGame.Claim memory claim_) internal {
        id = openAs(challenger, claim_);
        claim = claim_;
        at = startOf(claim_);
    }

    /// @dev The usual move of whose turn it is, and where it leads.
    function moveOf()
        internal
        view
        returns (address by, bytes memory call, IDisputeGame.Position memory next)
    {
        IDisputeGame.Phase phase = at.phase;
        if (phase == IDisputeGame.Phase.OpenStep) return openStepMove();
        if (phase == IDisputeGame.Phase.OpenTensor) return openTensorMove();
        if (phase == IDisputeGame.Phase.OpenNode || phase == IDisputeGame.Phase.PickNode) return nodeMove();
        if (phase == IDisputeGame.Phase.OpenLeaf || phase == IDisputeGame.Phase.PickElement)
            return leafMove();
        if (phase == IDisputeGame.Phase.OpenElement) return openElementMove();
        return rangeMove();
    }

    function make() internal {
        (address by, bytes memory call, IDisputeGame.Position memory next) = moveOf();
        vm.prank(by);
        (bool success, bytes memory answer) = address(disputes).call(call);
        if (!success) {
            assembly ("memory-safe") {
                revert(add(answer, 32), mload(answer))
            }
        }
        at = next;
    }

    function playTo(IDisputeGame.Phase phase) internal {
        while (at.phase != phase) make();
    }

    /// @dev Plays until the disputed terms are few enough to be computed.
    function playToProof() internal {
        playTo(IDisputeGame.Phase.SplitSlice);
        make();
        make();
    }

    function proveCall() internal view returns (bytes memory) {
        return abi.encodeCall(disputes.prove, (id, at, claim, sliceOf(at)));
    }

    function refuteCall() internal view returns (bytes memory) {
        return abi.encodeCall(disputes.refute, (id, at, claim, sliceOf(at)));
    }

    function rangeMove()
        private
        view
        returns (address by, bytes memory call, IDisputeGame.Position memory next)
    {
        next = at;
        bytes32[] memory parts = partsOf(at, claim.steps);
        bool isSplit =
            at.phase == IDisputeGame.Phase.SplitSteps ||
                at.phase == IDisputeGame.Phase.SplitTensors ||
                at.phase == IDisputeGame.Phase.SplitSlice;
        if (isSplit) {
            next.phase = IDisputeGame.Phase(uint8(at.phase) + 1);
            next.claims = keccak256(abi.encodePacked(parts));
            return (asserter, abi.encodeCall(disputes.split, (id, at, parts)), next);
        }
        uint256 part = partOf(parts.length - 1);
        nextSlice(next, parts, part);
        bool isNarrow = next.high - next.low == 1 && at.phase != IDisputeGame.Phase.PickSlice;
        next.phase = IDisputeGame.Phase(isNarrow ? uint8(at.phase) + 1 : uint8(at.phase) - 1);
        return (challenger, abi.encodeCall(disputes.pick, (id, at, parts, part)), next);
    }

    /// @dev The part in which the step, the tensor or the terms lie.
    function partOf(uint256 parts) private view returns (uint256 part) {
        if (at.phase == IDisputeGame.Phase.PickSlice) return termsPart < parts ? termsPart : parts - 1;
        uint256 target = at.phase == IDisputeGame.Phase.PickStep ? placeIn(claim.steps) : AFTER;
        uint256 size = at.high - at.low;
        while (at.low + (size * (part + 1)) / parts <= target) ++part;
    }

    function openStepMove()
        private
        view
        returns (address by, bytes memory call, IDisputeGame.Position memory next)
    {
        IDisputeGame.StepOpening memory o = stepOpening(claim.steps);
        next = at;
        next.low = uint64(GIVEN);
        next.high = uint64(TOTAL);
        next.claims = keccak256(abi.encodePacked(o.before, o.result));
        next.phase = IDisputeGame.Phase.SplitTensors;
        return (asserter, abi.encodeCall(disputes.openStep, (id, at, claim, o)), next);
    }

    function openTensorMove()
        private
        view
        returns (address by, bytes memory call, IDisputeGame.Position memory next)
    {
        IDisputeGame.TensorOpening memory o = tensorOpening(at.low);
        next = at;
        next.prefix = o.claims[0];
        next.entry = at.low;
        next.sizeBytes = uint64(4 * afterSize);
        next.node = o.top;
        next.height = 2;
        next.phase = IDisputeGame.Phase.OpenNode;
        return (asserter, abi.encodeCall(disputes.openTensor, (id, at, claim, o)), next);
    }

    function childrenOf() internal view returns (bytes32[] memory children) {
        children = nodesOfAfter();
        if (at.height == 2) return children;
        children[0] = children[1];
        assembly ("memory-safe") {
            mstore(children, 1)
        }
    }

    function nodeMove()
        private
        view
        returns (address by, bytes memory call, IDisputeGame.Position memory next)
    {
        next = at;
        bytes32[] memory children = childrenOf();
        if (at.phase == IDisputeGame.Phase.OpenNode) {
            next.phase = IDisputeGame.Phase.PickNode;
            next.claims = keccak256(abi.encodePacked(children));
            return (asserter, abi.encodeCall(disputes.openNode, (id, at, children)), next);
        }
        uint256 child = children.length - 1;
        next.node = children[child];
        next.height = at.height - 1;
        next.place = uint64(at.place * 4 + child);
        next.phase = next.height == 0 ? IDisputeGame.Phase.OpenLeaf : IDisputeGame.Phase.OpenNode;
        return (challenger, abi.encodeCall(disputes.pickNode, (id, at, children, child)), next);
    }

    function leafMove()
        private
        view
        returns (address by, bytes memory call, IDisputeGame.Position memory next)
    {
        next = at;
        bytes memory words = wordsOfAfter();
        if (at.phase == IDisputeGame.Phase.OpenLeaf) {
            next.phase = IDisputeGame.Phase.PickElement;
            return (asserter, abi.encodeCall(disputes.openLeaf, (id, at, words)), next);
        }
        next.value = values[element];
        next.place = uint64(at.place * 512 + element);
        next.phase = IDisputeGame.Phase.OpenElement;
        return (challenger, abi.encodeCall(disputes.pickElement, (id, at, words, element)), next);
    }

    function openElementMove()
        private
        view
        returns (address by, bytes memory call, IDisputeGame.Position memory next)
    {
        next = at;
        next.low = 0;
        next.high = uint64(TERMS);
        next.claims = keccak256(abi.encodePacked(hashAt(at.place, 0), hashAt(at.place, TERMS)));
        next.phase = IDisputeGame.Phase.SplitSlice;
        bytes memory data = abi.encodeCall(disputes.openElement, (id, at, claim, elementOpening(at.place)));
        return (asserter, data, next);
    }
}
