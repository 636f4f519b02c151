// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DisputeBonds} from "./dispute/DisputeBonds.sol";
import {DisputeLeaves} from "./dispute/DisputeLeaves.sol";
import {IDisputeGame} from "./interfaces/IDisputeGame.sol";
import {IHolds} from "./interfaces/IHolds.sol";
import {IOpVerifier} from "./interfaces/IOpVerifier.sol";
import {IWorkerRegistry} from "./interfaces/IWorkerRegistry.sol";
import {Domain} from "./job/Domain.sol";
import {MerklePaths} from "./libraries/MerklePaths.sol";
import {Signatures} from "./libraries/Signatures.sol";

/// @title Implements IDisputeGame.
contract DisputeGame is DisputeBonds, Domain {
    bytes32 private constant CLAIM_TYPE = keccak256(
        "Claim(bytes32 jobId,uint32 attempt,uint32 segment,uint32 round,address asserter,address client,"
        "uint64 steps,bytes32 startLeaf,bytes32 endLeaf,bytes32 programRoot,bytes32 batchRoot,"
        "uint64 validUntil)"
    );
    uint256 private constant PARTS = 32;
    uint256 private constant TERMS_MAX = 64;
    uint256 private constant LEVELS = 4;
    /// @dev Within this time after a claim was lost anyone may have its stake taken.
    uint64 private constant LOSS_SECONDS = 1 days;

    /// @dev Three slots: clocks, who challenges, and the hash of where the game stands, zero where none runs.
    struct Dispute {
        address asserter;
        uint40 lastMoveAt;
        uint24 asserterLeft;
        uint24 challengerLeft;
        uint8 levels; // bonds of the asserter, and 16 times those of the challenger
        address challenger;
        uint64 openUntil;
        bool isLost;
        uint24 worker; // number of the account whose stake answers for the claim; zero for none
        bytes32 position;
    }

    /// @dev Why a worker's stake stays where it is.
    /// @param open disputes
    /// @param until unix seconds until which a lost claim holds it
    struct Hold {
        uint32 open;
        uint64 until;
    }

    IOpVerifier public immutable verifier;
    IWorkerRegistry public immutable registry;
    /// @notice Seconds that each side has for all of its moves together.
    uint24 public immutable clockSeconds;

    mapping(bytes32 id => Dispute) private _disputes;
    mapping(uint256 worker => Hold) private _holds;

    constructor(
        IOpVerifier verifier_,
        address token_,
        IWorkerRegistry registry_,
        uint256 bondWei_,
        uint24 clockSeconds_,
        uint256 thawSeconds_
    ) DisputeBonds(token_, bondWei_, thawSeconds_) {
        verifier = verifier_;
        registry = registry_;
        clockSeconds = clockSeconds_;
    }

    /// @inheritdoc IDisputeGame
    function lossOf(
        Claim calldata claim
    ) external view returns (bytes32 id, uint256 worker, address challenger) {
        id = _idOf(claim);
        Dispute storage dispute = _disputes[id];
        if (dispute.isLost) (worker, challenger) = (dispute.worker, dispute.challenger);
    }

    /// @inheritdoc IHolds
    function isHeld(address owner) external view returns (bool) {
        Hold memory held = _holds[registry.idOf(owner)];
        return held.open != 0 || block.timestamp < held.until;
    }

    /// @inheritdoc IDisputeGame
    function open(Claim calldata claim, bytes calldata signature) external returns (bytes32 id) {
        id = _idOf(claim);
        Dispute storage dispute = _disputes[id];
        if (msg.sender == claim.asserter) revert SelfDispute();
        if (claim.steps == 0 || claim.startLeaf == claim.endLeaf) revert BadClaim();
        if (dispute.isLost) revert AlreadyLost();
        if (dispute.position != 0) revert AlreadyDisputed(id);
        uint256 until = dispute.openUntil > claim.validUntil ? dispute.openUntil : claim.validUntil;
        if (block.timestamp > until) revert ClaimExpired(until);
        if (!Signatures.isSignedBy(claim.asserter, _typedHash(id), signature)) {
            revert BadSignature(claim.asserter);
        }
        dispute.asserter = claim.asserter;
        dispute.lastMoveAt = uint40(block.timestamp);
        dispute.asserterLeft = clockSeconds;
        dispute.challengerLeft = clockSeconds;
        uint32 worker = registry.holderOf(claim.asserter);
        // Nobody escapes by keeping no balance: then its stake alone answers.
        bool hasBond = worker == 0 || _hasBonds(claim.asserter, 1);
        dispute.levels = hasBond ? 0x11 : 0x10;
        dispute.challenger = msg.sender;
        dispute.worker = uint24(worker);
        if (worker != 0) ++_holds[worker].open;
        if (hasBond) _takeBonds(claim.asserter, 1);
        _takeBonds(msg.sender, 1);
        emit Disputed(id, claim.asserter, msg.sender, claim);
        Position memory position;
        position.phase = claim.steps == 1 ? Phase.OpenStep : Phase.SplitSteps;
        position.high = claim.steps;
        position.claims = _pairHash(claim.startLeaf, claim.endLeaf);
        dispute.position = keccak256(abi.encode(position));
    }

    /// @inheritdoc IDisputeGame
    function split(bytes32 id, Position calldata position, bytes32[] calldata claims) external {
        Dispute storage dispute = _begin(id, position);
        Phase phase = position.phase;
        if (phase != Phase.SplitSteps && phase != Phase.SplitTensors && phase != Phase.SplitSlice) {
            revert WrongPhase(phase);
        }
        uint256 parts = _partsOf(position);
        if (parts < 2) revert WrongPhase(phase);
        if (claims.length != parts + 1) revert WrongCount(claims.length, parts + 1);
        if (_pairHash(claims[0], claims[parts]) != position.claims) revert WrongHash();
        emit Split(id, claims);
        Position memory next = position;
        next.phase = Phase(uint8(phase) + 1);
        next.claims = keccak256(abi.encodePacked(claims));
        dispute.position = keccak256(abi.encode(next));
    }

    /// @inheritdoc IDisputeGame
    function pick(bytes32 id, Position calldata position, bytes32[] calldata claims, uint256 part) external {
        Dispute storage dispute = _begin(id, position);
        Phase phase = position.phase;
        if (phase != Phase.PickStep && phase != Phase.PickTensor && phase != Phase.PickSlice) {
            revert WrongPhase(phase);
        }
        if (keccak256(abi.encodePacked(claims)) != position.claims) revert WrongHash();
        uint256 parts = claims.length - 1;
        if (part >= parts) revert OutOfRange(part, parts);
        Position memory next = position;
        uint256 size = position.high - position.low;
        next.low = uint64(position.low + (size * part) / parts);
        next.high = uint64(position.low + (size * (part + 1)) / parts);
        next.claims = _pairHash(claims[part], claims[part + 1]);
        bool isNarrow = next.high - next.low == 1 && phase != Phase.PickSlice;
        next.phase = Phase(isNarrow ? uint8(phase) + 1 : uint8(phase) - 1);
        _store(id, dispute, next);
    }

    /// @inheritdoc IDisputeGame
    function openStep(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        StepOpening calldata opening
    ) external {
        Dispute storage dispute = _begin(id, position);
        _expect(position, Phase.OpenStep);
        _expectClaim(id, claim);
        (bytes32 start, bytes32 end) = DisputeLeaves.hashesOf(opening);
        if (_pairHash(start, end) != position.claims) revert WrongHash();
        DisputeLeaves.check(opening, claim.programRoot);
        DisputeLeaves.checkBatch(opening, position.low, claim);
        Position memory next = position;
        next.low = opening.given;
        next.high = opening.total;
        next.claims = _pairHash(opening.before, opening.result);
        next.phase = opening.total - opening.given == 1 ? Phase.OpenTensor : Phase.SplitTensors;
        _store(id, dispute, next);
    }

    /// @inheritdoc IDisputeGame
    function openTensor(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        TensorOpening calldata opening
    ) external {
        Dispute storage dispute = _begin(id, position);
        _expect(position, Phase.OpenTensor);
        _expectClaim(id, claim);
        if (_pairHash(opening.claims[0], opening.claims[1]) != position.claims) revert WrongHash();
        DisputeLeaves.checkEntry(
            opening.entry,
            position.low,
            opening.total,
            opening.programPath,
            claim.programRoot
        );
        uint256 sizeBytes = opening.entry.size * 4;
        if (sizeBytes == 0) revert EmptyTensor(position.low);
        DisputeLeaves.checkTensor(opening, position.low, MerklePaths.rootOf(0, sizeBytes, opening.top));
        Position memory next = position;
        next.prefix = opening.claims[0];
        next.entry = position.low;
        next.sizeBytes = uint64(sizeBytes);
        next.node = opening.top;
        next.height = uint64(MerklePaths.heightOf(sizeBytes));
        next.phase = next.height == 0 ? Phase.OpenLeaf : Phase.OpenNode;
        _store(id, dispute, next);
    }

    /// @inheritdoc IDisputeGame
    function openNode(bytes32 id, Position calldata position, bytes32[] calldata children) external {
        Dispute storage dispute = _begin(id, position);
        _expect(position, Phase.OpenNode);
        uint256 below = MerklePaths.widthAt(position.height - 1, position.sizeBytes);
        uint256 expected = below - uint256(position.place) * 4;
        if (expected > 4) expected = 4;
        if (children.length != expected) revert WrongCount(children.length, expected);
        // A single child rises unhashed.
        bytes32 node = expected == 1 ? children[0] : sha256(abi.encodePacked(children));
        if (node != position.node) revert WrongHash();
        emit Opened(id, children);
        Position memory next = position;
        next.phase = Phase.PickNode;
        next.claims = keccak256(abi.encodePacked(children));
        _store(id, dispute, next);
    }

    /// @inheritdoc IDisputeGame
    function pickNode(
        bytes32 id,
        Position calldata position,
        bytes32[] calldata children,
        uint256 child
    ) external {
        Dispute storage dispute = _begin(id, position);
        _expect(position, Phase.PickNode);
        if (keccak256(abi.encodePacked(children)) != position.claims) revert WrongHash();
        if (child >= children.length) revert OutOfRange(child, children.length);
        Position memory next = position;
        next.node = children[child];
        next.height = position.height - 1;
        next.place = uint64(position.place * 4 + child);
        next.phase = next.height == 0 ? Phase.OpenLeaf : Phase.OpenNode;
        _store(id, dispute, next);
    }

    /// @inheritdoc IDisputeGame
    function openLeaf(bytes32 id, Position calldata position, bytes calldata words) external {
        Dispute storage dispute = _begin(id, position);
        _expect(position, Phase.OpenLeaf);
        if (MerklePaths.hashOf(words) != position.node) revert WrongHash();
        uint256 expected = MerklePaths.leafBytes(position.place, position.sizeBytes);
        if (words.length != expected) revert WrongCount(words.length, expected);
        emit LeafOpened(id, words);
        Position memory next = position;
        next.phase = Phase.PickElement;
        _store(id, dispute, next);
    }

    /// @inheritdoc IDisputeGame
    function pickElement(
        bytes32 id,
        Position calldata position,
        bytes calldata words,
        uint256 element
    ) external {
        Dispute storage dispute = _begin(id, position);
        _expect(position, Phase.PickElement);
        if (MerklePaths.hashOf(words) != position.node) revert WrongHash();
        if (element >= words.length / 4) revert OutOfRange(element, words.length / 4);
        uint32 bits = uint32(bytes4(words[element * 4:]));
        bits = ((bits & 0xff00ff) << 8) | ((bits >> 8) & 0xff00ff);
        Position memory next = position;
        next.value = (bits << 16) | (bits >> 16);
        next.place = uint64(position.place * (MerklePaths.LEAF_BYTES / 4) + element);
        next.phase = Phase.OpenElement;
        _store(id, dispute, next);
    }

    /// @inheritdoc IDisputeGame
    function openElement(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        ElementOpening calldata opening
    ) external {
        Dispute storage dispute = _begin(id, position);
        _expect(position, Phase.OpenElement);
        _expectClaim(id, claim);
        DisputeLeaves.checkEntry(
            opening.entry,
            position.entry,
            opening.total,
            opening.programPath,
            claim.programRoot
        );
        if (uint32(opening.result.registers) != position.value) revert WrongHash();
        if (_isState(opening.entry.task.kind)) DisputeLeaves.expectFinite(position.value);
        bytes32[] memory ends = new bytes32[](2);
        ends[0] = _stateHash(IOpVerifier.State(0, 0));
        ends[1] = _stateHash(opening.result);
        emit Opened(id, ends);
        Position memory next = position;
        next.low = 0;
        next.high = uint64(verifier.lengthOf(opening.entry.task, position.place));
        next.claims = _pairHash(ends[0], ends[1]);
        next.phase = Phase.SplitSlice;
        _store(id, dispute, next);
    }

    /// @inheritdoc IDisputeGame
    function prove(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        Slice calldata slice
    ) external {
        Dispute storage dispute = _disputes[id];
        _expectPosition(dispute, position);
        _expectTurn(dispute, position); // its bonds of this level are taken: it opened the element
        if (_compute(id, position, claim, slice) != slice.result) revert WrongResult();
        _decide(id, dispute, claim.client, true);
    }

    /// @inheritdoc IDisputeGame
    function refute(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        Slice calldata slice
    ) external {
        Dispute storage dispute = _disputes[id];
        _expectPosition(dispute, position);
        if (_compute(id, position, claim, slice) == slice.result) revert RightResult();
        _decide(id, dispute, claim.client, false);
    }

    /// @inheritdoc IDisputeGame
    function expire(bytes32 id, Position calldata position, Claim calldata claim) external {
        Dispute storage dispute = _disputes[id];
        _expectPosition(dispute, position);
        _expectClaim(id, claim);
        bool isAsserters = _isAsserters(position.phase);
        uint256 left = isAsserters ? dispute.asserterLeft : dispute.challengerLeft;
        uint256 used = block.timestamp - dispute.lastMoveAt;
        if (used <= left) revert ClockRuns(left - used);
        _decide(id, dispute, claim.client, !isAsserters);
    }

    /// @dev Hash of the state behind the disputed terms, from operands that both sides agree on.
    function _compute(
        bytes32 id,
        Position calldata position,
        Claim calldata claim,
        Slice calldata slice
    ) private view returns (bytes32) {
        _expect(position, Phase.SplitSlice);
        _expectClaim(id, claim);
        if (position.high - position.low > TERMS_MAX) revert SliceTooLong(position.high - position.low);
        if (_pairHash(_stateHash(slice.before), slice.result) != position.claims) revert WrongHash();
        DisputeLeaves.checkEntry(
            slice.entry,
            position.entry,
            slice.total,
            slice.programPath,
            claim.programRoot
        );
        IOpVerifier.State memory found = verifier.run(
            slice.entry.task,
            position.place,
            slice.before,
            position.low,
            position.high,
            DisputeLeaves.operandsOf(slice, position.prefix)
        );
        return _stateHash(found);
    }

    /// @dev Moments and parameters: what a step carries on.
    function _isState(uint256 kind) private pure returns (bool) {
        return kind >= 29 && kind <= 31;
    }

    /// @dev Checks position, turn and clock, then takes the bonds of the level from who moves.
    function _begin(bytes32 id, Position calldata position) private returns (Dispute storage dispute) {
        dispute = _disputes[id];
        _expectPosition(dispute, position);
        (bool isAsserters, uint256 left) = _expectTurn(dispute, position);
        uint256 level = _levelOf(position.phase);
        uint256 levels = dispute.levels;
        uint256 taken = isAsserters ? levels & 15 : levels >> 4;
        if (isAsserters) dispute.asserterLeft = uint24(left);
        else dispute.challengerLeft = uint24(left);
        if (level > taken) {
            dispute.levels = uint8(isAsserters ? (levels & 0xf0) | level : (levels & 15) | (level << 4));
        }
        dispute.lastMoveAt = uint40(block.timestamp);
        if (level > taken) _takeBonds(msg.sender, level - taken);
    }

    function _store(bytes32 id, Dispute storage dispute, Position memory next) private {
        dispute.position = keccak256(abi.encode(next));
        emit Moved(id, next);
    }

    function _decide(bytes32 id, Dispute storage dispute, address client, bool isAsserters) private {
        dispute.position = 0;
        // A lost challenge leaves room for a better one.
        if (isAsserters) dispute.openUntil = uint64(block.timestamp + clockSeconds);
        else dispute.isLost = true;
        (address asserter, address challenger) = (dispute.asserter, dispute.challenger);
        (uint256 own, uint256 other) = (dispute.levels & 15, dispute.levels >> 4);
        _settle(
            id,
            isAsserters
                ? Outcome(asserter, challenger, client, own, other)
                : Outcome(challenger, asserter, client, other, own)
        );
        if (dispute.worker != 0) _release(dispute.worker, !isAsserters);
    }

    function _release(uint256 worker, bool isLost) private {
        Hold storage held = _holds[worker];
        --held.open;
        if (isLost) held.until = uint64(block.timestamp) + LOSS_SECONDS;
    }

    function _expectPosition(Dispute storage dispute, Position calldata position) private view {
        if (dispute.position == 0) revert WrongPhase(Phase.Over);
        if (keccak256(abi.encode(position)) != dispute.position) revert WrongPosition();
    }

    /// @dev Whose turn it is, and the seconds that are left after this move.
    function _expectTurn(
        Dispute storage dispute,
        Position calldata position
    ) private view returns (bool isAsserters, uint256 left) {
        isAsserters = _isAsserters(position.phase);
        if (msg.sender != (isAsserters ? dispute.asserter : dispute.challenger)) {
            revert NotYourTurn(msg.sender);
        }
        uint256 used = block.timestamp - dispute.lastMoveAt;
        left = isAsserters ? dispute.asserterLeft : dispute.challengerLeft;
        if (used > left) revert ClockExpired();
        left -= used;
    }

    function _expect(Position calldata position, Phase phase) private pure {
        if (position.phase != phase) revert WrongPhase(position.phase);
    }

    function _expectClaim(bytes32 id, Claim calldata claim) private pure {
        if (_idOf(claim) != id) revert BadClaim();
    }

    function _partsOf(Position calldata position) private pure returns (uint256) {
        uint256 size = position.high - position.low;
        return size < PARTS ? size : PARTS;
    }

    /// @dev Steps, tensors, the tree of a tensor, the terms of an element: a bond each.
    function _levelOf(Phase phase) private pure returns (uint256) {
        if (phase < Phase.OpenStep) return 1;
        if (phase < Phase.OpenTensor) return 2;
        return phase < Phase.OpenElement ? 3 : LEVELS;
    }

    function _isAsserters(Phase phase) private pure returns (bool) {
        return
            phase != Phase.PickStep &&
            phase != Phase.PickTensor &&
            phase != Phase.PickNode &&
            phase != Phase.PickElement &&
            phase != Phase.PickSlice;
    }

    function _pairHash(bytes32 low, bytes32 high) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(low, high));
    }

    function _stateHash(IOpVerifier.State memory state) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(state.lanes, state.registers));
    }

    function _idOf(Claim calldata claim) private pure returns (bytes32) {
        return keccak256(abi.encode(CLAIM_TYPE, claim));
    }
}
