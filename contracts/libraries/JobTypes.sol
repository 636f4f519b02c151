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
        "Verdict(bytes32 jobId,uint32 attempt,bytes32 modelHash,bytes32 modelCidDigest,int64 metricMicros,uint128 segments,uint8 guiltyMask,uint8 withheldMask,uint16 lazyMask,bytes32 evidenceDigest)"
    );
    bytes32 internal constant ROUND_UPDATE = keccak256(
        "RoundUpdate(bytes32 jobId,uint32 attempt,uint32 round,bytes32 updateRoot,bytes32 cidDigest)"
    );
    uint256 private constant TERMS_BYTES = 6 * 32;
    uint256 private constant VERDICT_BYTES = 8 * 32;
    uint256 private constant RESULT_BYTES = 4 * 32;

    /// @notice keccak256(abi.encode(chainId, this contract, client, nonce, keccak256(abi.encode(terms)))).
    function idOf(
        IJobTypes.Terms calldata terms,
        address client,
        uint64 nonce
    ) internal view returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, terms, TERMS_BYTES)
            mstore(add(free, 128), keccak256(free, TERMS_BYTES))
            mstore(free, chainid())
            mstore(add(free, 32), address())
            mstore(add(free, 64), shr(96, shl(96, client)))
            mstore(add(free, 96), and(nonce, 0xffffffffffffffff))
            digest := keccak256(free, 160)
        }
    }

    /// @notice Emits JobPosted from the calldata of the terms.
    function emitPosted(bytes32 jobId, IJobTypes.Terms calldata terms) internal {
        bytes32 topic = IJobTypes.JobPosted.selector;
        uint256 parties = terms.parties;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, terms, TERMS_BYTES)
            log3(free, TERMS_BYTES, topic, jobId, shr(96, shl(96, parties)))
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

    /// @notice Emits JobOpened from the calldata of the terms and words whose low bits are the workers' owners.
    function emitOpened(
        bytes32 jobId,
        IJobTypes.Terms calldata terms,
        uint256 beaconHeight,
        uint256[] memory members
    ) internal {
        bytes32 topic = IJobTypes.JobOpened.selector;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, terms, TERMS_BYTES)
            let next := add(free, TERMS_BYTES)
            mstore(next, beaconHeight)
            mstore(add(next, 32), add(TERMS_BYTES, 64)) // where the list begins
            let count := mload(members)
            mstore(add(next, 64), count)
            next := add(next, 96)
            for {
                let end := add(next, shl(5, count))
            } lt(next, end) {
                next := add(next, 32)
            } {
                members := add(members, 32)
                mstore(next, shr(96, shl(96, mload(members))))
            }
            log2(free, sub(next, free), topic, jobId)
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

    /// @notice Emits JobAgreed from the calldata of a checked verdict.
    function emitAgreed(
        bytes32 jobId,
        IJobTypes.Verdict calldata verdict_,
        bytes32 heldOutKey,
        uint256 burnedWei,
        uint256[] memory postings
    ) internal {
        bytes32 topic = IJobTypes.JobAgreed.selector;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, verdict_, VERDICT_BYTES)
            let next := add(free, VERDICT_BYTES)
            mstore(next, heldOutKey)
            mstore(add(next, 32), burnedWei)
            mstore(add(next, 64), add(VERDICT_BYTES, 96)) // where the list begins
            let size := add(32, shl(5, mload(postings)))
            mcopy(add(next, 96), postings, size)
            log2(free, add(add(VERDICT_BYTES, 96), size), topic, jobId)
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
        uint256 validUntil
    ) internal pure returns (bytes32 digest) {
        bytes32 kind = isAcceptance ? ACCEPTANCE : OFFER;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, kind)
            mstore(add(free, 32), jobId)
            mstore(add(free, 64), shr(96, shl(96, worker)))
            mstore(add(free, 96), and(validUntil, 0xffffffffffffffff))
            digest := keccak256(free, 128)
        }
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
        IJobTypes.Verdict calldata verdict_
    ) internal pure returns (bytes32 digest) {
        bytes32 kind = VERDICT;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, kind)
            mstore(add(free, 32), jobId)
            mstore(add(free, 64), attempt)
            calldatacopy(add(free, 96), verdict_, VERDICT_BYTES)
            digest := keccak256(free, add(96, VERDICT_BYTES))
        }
    }

    /// @notice Where the EIP-712 encoding of results that share their model is prepared in memory.
    function resultFrame(
        bytes32 jobId,
        uint256 attempt,
        bytes32 modelHash,
        bytes32 modelCidDigest
    ) internal pure returns (uint256 frame) {
        bytes32 kind = RESULT;
        assembly ("memory-safe") {
            frame := mload(0x40)
            mstore(0x40, add(frame, 224))
            mstore(frame, kind)
            mstore(add(frame, 32), jobId)
            mstore(add(frame, 64), attempt)
            mstore(add(frame, 96), modelHash)
            mstore(add(frame, 128), modelCidDigest)
        }
    }

    /// @notice Emits ResultsSubmitted of results whose frame this is; uses the frame up.
    function emitAllSubmitted(uint256 frame, uint256 stage, IJobTypes.KeyResult[] calldata results) internal {
        bytes32 topic = IJobTypes.ResultsSubmitted.selector;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, stage)
            mcopy(add(free, 32), add(frame, 96), 64) // hash and CID of the model
            mstore(add(free, 96), 128) // where the list begins
            mstore(add(free, 128), results.length)
            let next := add(free, 160)
            let from := results.offset
            for {
                let end := add(next, shl(6, results.length))
            } lt(next, end) {
                next := add(next, 64)
            } {
                calldatacopy(next, from, 64)
                from := add(from, 128)
            }
            log2(free, sub(next, free), topic, mload(add(frame, 32)))
        }
    }

    /// @notice The EIP-712 hash of a result, in such a frame.
    function keyResult(
        uint256 frame,
        IJobTypes.KeyResult calldata result_
    ) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            calldatacopy(add(frame, 160), result_, 64)
            digest := keccak256(frame, 224)
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
