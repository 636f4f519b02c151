// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobTypes} from "../interfaces/IJobTypes.sol";

/// @title EIP-712 struct hashes of what operators sign, and the hash of terms.
library JobTypes {
    bytes32 internal constant OFFER = keccak256("Offer(bytes32 jobId,address worker,uint64 validUntil)");
    bytes32 internal constant ACCEPTANCE = keccak256(
        "Acceptance(bytes32 jobId,address worker,uint64 validUntil)"
    );
    bytes32 internal constant RESULT = keccak256(
        "Result(bytes32 jobId,uint32 attempt,bytes32 modelHash,bytes32 modelCidDigest,bytes32 segmentsRoot,bytes32 transcriptCidDigest)"
    );
    bytes32 internal constant VERDICT = keccak256(
        "Verdict(bytes32 jobId,uint32 attempt,bytes32 modelHash,bytes32 modelCidDigest,int64 metricMicros,uint128 segments,uint8 guiltyMask,uint8 withheldMask,bytes32 evidenceDigest,bytes32 salt)"
    );
    bytes32 internal constant ROUND_UPDATE = keccak256(
        "RoundUpdate(bytes32 jobId,uint32 attempt,uint32 round,bytes32 updateRoot,bytes32 cidDigest)"
    );
    uint256 private constant TERMS_BYTES = 29 * 32;
    uint256 private constant VERDICT_BYTES = 7 * 32;
    uint256 private constant RESULT_BYTES = 4 * 32;

    /// @notice keccak256(abi.encode(terms)). The encoding of a static struct is its calldata; words that are not clean
    /// hash to terms that nobody can post.
    function hashTerms(IJobTypes.Terms calldata terms) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, terms, TERMS_BYTES)
            digest := keccak256(free, TERMS_BYTES)
        }
    }

    /// @notice Emits JobPosted from the calldata of terms whose every field was read, hence clean, before.
    function emitPosted(bytes32 jobId, IJobTypes.Terms calldata terms) internal {
        bytes32 topic = IJobTypes.JobPosted.selector;
        address client = terms.client;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, terms, TERMS_BYTES)
            log3(free, TERMS_BYTES, topic, jobId, client)
        }
    }

    /// @notice keccak256(abi.encode(verdict)), of its calldata: see `VerdictRules.check`.
    function hashVerdict(IJobTypes.Verdict calldata verdict_) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, verdict_, VERDICT_BYTES)
            digest := keccak256(free, VERDICT_BYTES)
        }
    }

    /// @notice Emits VerdictRevealed from the calldata of a checked verdict.
    function emitRevealed(
        bytes32 jobId,
        uint256 attempt,
        address evaluator,
        IJobTypes.Verdict calldata verdict_
    ) internal {
        bytes32 topic = IJobTypes.VerdictRevealed.selector;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, attempt)
            calldatacopy(add(free, 32), verdict_, VERDICT_BYTES)
            log3(free, add(32, VERDICT_BYTES), topic, jobId, shr(96, shl(96, evaluator)))
        }
    }

    /// @notice Emits ResultSubmitted.
    function emitSubmitted(
        bytes32 jobId,
        uint256 attempt,
        address worker,
        IJobTypes.Result calldata result_
    ) internal {
        bytes32 topic = IJobTypes.ResultSubmitted.selector;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, attempt)
            calldatacopy(add(free, 32), result_, RESULT_BYTES)
            log3(free, add(32, RESULT_BYTES), topic, jobId, shr(96, shl(96, worker)))
        }
    }

    function offer(
        bool isAcceptance,
        bytes32 jobId,
        address worker,
        uint64 validUntil
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(isAcceptance ? ACCEPTANCE : OFFER, jobId, worker, validUntil));
    }

    function result(
        bytes32 jobId,
        uint256 attempt,
        IJobTypes.Result calldata result_
    ) internal pure returns (bytes32 digest) {
        bytes32 kind = RESULT;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, kind)
            mstore(add(free, 32), jobId)
            mstore(add(free, 64), attempt)
            calldatacopy(add(free, 96), result_, RESULT_BYTES)
            digest := keccak256(free, add(96, RESULT_BYTES))
        }
    }

    function verdict(
        bytes32 jobId,
        uint256 attempt,
        IJobTypes.Verdict calldata verdict_,
        bytes32 salt
    ) internal pure returns (bytes32 digest) {
        bytes32 kind = VERDICT;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, kind)
            mstore(add(free, 32), jobId)
            mstore(add(free, 64), attempt)
            calldatacopy(add(free, 96), verdict_, VERDICT_BYTES)
            mstore(add(free, add(96, VERDICT_BYTES)), salt)
            digest := keccak256(free, add(128, VERDICT_BYTES))
        }
    }

    function roundUpdate(
        bytes32 jobId,
        uint256 attempt,
        uint32 round,
        IJobTypes.RoundUpdate calldata update
    ) internal pure returns (bytes32) {
        return
            keccak256(abi.encode(ROUND_UPDATE, jobId, attempt, round, update.updateRoot, update.cidDigest));
    }

    /// @notice What a commitment hides.
    function commitment(
        bytes32 jobId,
        uint256 attempt,
        address evaluator,
        bytes32 verdictHash,
        bytes32 salt
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(jobId, attempt, evaluator, verdictHash, salt));
    }
}
