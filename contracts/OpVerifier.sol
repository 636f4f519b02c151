// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOpVerifier} from "./interfaces/IOpVerifier.sol";
import {Dense} from "./operators/Dense.sol";
import {Images} from "./operators/Images.sol";
import {Learning} from "./operators/Learning.sol";
import {Machine} from "./operators/Machine.sol";
import {Norms} from "./operators/Norms.sol";
import {Tokens} from "./operators/Tokens.sol";

/// @title Implements IOpVerifier: the table of kinds. What a step of each does stands in `operators/`.
contract OpVerifier is IOpVerifier {
    uint256 private constant STEPS_MAX = 64;

    /// @inheritdoc IOpVerifier
    function lengthOf(Task calldata task, uint256 element) external pure returns (uint256 steps) {
        return _lengthOf(task, element);
    }

    /// @inheritdoc IOpVerifier
    function run(
        Task calldata task,
        uint256 element,
        State calldata state,
        uint256 from,
        uint256 to,
        Leaf[] calldata leaves
    ) external pure returns (State memory) {
        uint256 length = _lengthOf(task, element);
        if (from >= to || to > length || to - from > STEPS_MAX) revert BadSlice(from, to, length);
        Machine memory m;
        m.sides = task.sides;
        m.bases = task.bases;
        m.element = element;
        m.leaves = leaves;
        _unpack(state.lanes, m.lanes);
        _unpack(state.registers, m.r);
        if (task.kind == 0) {
            Dense.gemm(m, from, to);
        } else {
            function(Machine memory, uint256) internal pure step = _stepOf(task.kind);
            for (uint256 i = from; i < to; ++i) step(m, i);
        }
        return State(_packed(m.lanes), _packed(m.r));
    }

    function _unpack(uint256 packed, uint256[8] memory words) private pure {
        for (uint256 i; i < 8; ++i) words[i] = uint32(packed >> (32 * i));
    }

    function _packed(uint256[8] memory words) private pure returns (uint256 packed) {
        for (uint256 i; i < 8; ++i) packed |= words[i] << (32 * i);
    }

    function _stepOf(uint256 kind) private pure returns (function(Machine memory, uint256) internal pure) {
        if (kind < 20) return kind < 12 ? _denseStep(kind) : _lossStep(kind);
        if (kind < 32) return _imageStep(kind);
        return kind < 40 ? _normStep(kind) : _tokenStep(kind);
    }

    function _denseStep(uint256 kind) private pure returns (function(Machine memory, uint256) internal pure) {
        if (kind == 1) return Dense.add;
        if (kind == 2) return Dense.mul;
        if (kind == 3) return Dense.relu;
        if (kind == 4) return Dense.reluGradient;
        if (kind == 5) return Dense.gelu;
        if (kind == 6) return Dense.geluGradient;
        if (kind == 7) return Dense.silu;
        if (kind == 8) return Dense.siluGradient;
        if (kind == 9) return Dense.sumRows;
        if (kind == 10) return Dense.ternarySums;
        return Dense.ternary;
    }

    function _lossStep(uint256 kind) private pure returns (function(Machine memory, uint256) internal pure) {
        if (kind == 12) return Learning.probabilities;
        if (kind == 13) return Learning.crossEntropies;
        if (kind == 14) return Learning.crossEntropyGradient;
        if (kind == 15) return Learning.squaredErrors;
        if (kind == 16) return Learning.squaredErrorGradient;
        if (kind == 17) return Learning.meanOf;
        if (kind == 18) return Learning.aggregate;
        return Learning.fold;
    }

    function _imageStep(uint256 kind) private pure returns (function(Machine memory, uint256) internal pure) {
        if (kind == 20) return Images.conv;
        if (kind == 21) return Images.convInputGradient;
        if (kind == 22) return Images.convWeightGradient;
        if (kind == 23) return Images.maxPool;
        if (kind == 24) return Images.maxPoolGradient;
        if (kind == 25) return Images.averagePool;
        if (kind == 26) return Images.averagePoolGradient;
        if (kind == 27) return Images.globalAveragePool;
        if (kind == 28) return Images.globalAveragePoolGradient;
        if (kind == 29) return Learning.firstMoment;
        if (kind == 30) return Learning.secondMoment;
        return Learning.parameters;
    }

    function _normStep(uint256 kind) private pure returns (function(Machine memory, uint256) internal pure) {
        if (kind == 32) return Norms.rowMean;
        if (kind == 33) return Norms.rowScale;
        if (kind == 34) return Norms.rowNormal;
        if (kind == 35) return Norms.rowNormalGradient;
        if (kind == 36) return Norms.rowGainGradient;
        if (kind == 37) return Norms.channelSum;
        if (kind == 38) return Norms.channelScale;
        return Norms.channelNormal;
    }

    function _tokenStep(uint256 kind) private pure returns (function(Machine memory, uint256) internal pure) {
        if (kind == 40) return Norms.channelNormalGradient;
        if (kind == 41) return Tokens.gather;
        if (kind == 42) return Tokens.gatherGradient;
        if (kind == 43) return Tokens.embeddingBag;
        if (kind == 44) return Tokens.embeddingBagGradient;
        if (kind == 45) return Tokens.probabilities;
        if (kind == 46) return Tokens.scoreGradient;
        if (kind == 47) return Tokens.attend;
        if (kind == 48) return Tokens.attendBack;
        if (kind == 49) return Tokens.rotary;
        if (kind == 50) return Tokens.dropout;
        if (kind == 51) return Dense.geluErf;
        if (kind == 52) return Dense.geluErfGradient;
        revert UnknownKind(kind);
    }

    function _lengthOf(Task calldata task, uint256 element) private pure returns (uint256) {
        uint256 kind = task.kind;
        uint256[] calldata s = task.sides;
        unchecked {
            if (kind == 0) return s[1] + s[6];
            if (kind == 9 || kind == 15) return s[0];
            if (kind == 10 || kind == 11 || kind == 17 || kind == 18) return s[0] + 1;
            if (kind == 12 || kind == 13) return 2 * s[0] + 1;
            if (kind == 19) return 64;
            if (kind == 20) return s[15] * s[4] * s[5] + s[9];
            if (kind == 21) return ((s[3] * s[15]) / s[0]) * s[4] * s[5];
            if (kind == 22) return s[9] * s[7] * s[8];
            if (kind == 23 || kind == 24 || kind == 26) return s[4] * s[5];
            if (kind == 25) return s[4] * s[5] + 1;
            if (kind == 27 || kind == 32 || kind == 33) return s[0] + 1;
            if (kind == 35) return 2 * s[0] + 2;
            if (kind == 36) return s[2];
            if (kind == 37) return s[0] * s[2] + 1;
            if (kind == 42) return s[1];
            if (kind == 43) return s[1] + 1;
            if (kind == 44) return 2 * s[1] * s[3];
            if (kind > 44 && kind < 49) return _attentionLengthOf(kind, s, element);
            return 1;
        }
    }

    function _attentionLengthOf(
        uint256 kind,
        uint256[] calldata s,
        uint256 element
    ) private pure returns (uint256) {
        unchecked {
            if (kind > 46) {
                uint256 place = (element / (s[0] * s[2])) % s[1];
                return kind == 47 ? place + 1 : s[1] - place;
            }
            uint256 row = (element / s[1]) % s[1];
            if (element % s[1] > row) return 1;
            return (kind == 45 ? 2 : 1) * (row + 1) * (s[2] + 1) + 1;
        }
    }
}
