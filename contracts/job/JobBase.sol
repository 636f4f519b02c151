// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IEvaluatorPool} from "../interfaces/IEvaluatorPool.sol";
import {IJobTypes} from "../interfaces/IJobTypes.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {Domain} from "./Domain.sol";

/// @title What all parts of the job manager share: storage, identifiers, signatures, views.
abstract contract JobBase is IJobTypes, IParameters, Domain {
    using JobSlot for uint256;
    using JobSlot for JobSlot.Job;

    /// @dev From a request to the height whose randomness answers it.
    uint256 internal constant SEED_BLOCKS = 2;
    uint8 internal constant MATCH_VOLUNTEER = 0;
    uint256 private constant ID_BITS = 32;
    uint256 private constant ID_MASK = type(uint32).max;
    /// @dev Workers whose numbers stand in the job's first slot.
    uint256 private constant IDS_FIRST = 3;
    uint256 private constant IDS_PER_SLOT = 8;
    uint256 internal constant WORKERS_MAX = 8;

    address public immutable token;
    IWorkerRegistry public immutable registry;
    IStaking public immutable staking;
    IEvaluatorPool public immutable pool;
    IRandomness public immutable randomness;
    address public immutable timelock;

    Parameters internal _parameters;
    mapping(bytes32 jobId => uint256 slot) private _slots;
    /// @dev auditSpentGwei 64 | numbers of workers 3 to 7, 32 bits each.
    mapping(bytes32 jobId => uint256 slot) private _more;
    /// @dev Numbers of accounts, eight a slot.
    mapping(bytes32 jobId => mapping(uint256 place => uint256)) private _evaluators;
    mapping(bytes32 jobId => mapping(uint256 place => uint256)) private _volunteers;
    /// @dev Key: attempt << 8 | index. A commitment until the reveal, then the verdict's hash.
    mapping(bytes32 jobId => mapping(uint256 key => bytes32)) internal _verdicts;
    /// @dev deadline 32 | mask 8 | closed 1; key: hash of (jobId, attempt, round).
    mapping(bytes32 key => uint256 slot) internal _rounds;

    constructor(
        address token_,
        IWorkerRegistry registry_,
        IStaking staking_,
        IEvaluatorPool pool_,
        IRandomness randomness_,
        address timelock_
    ) {
        token = token_;
        registry = registry_;
        staking = staking_;
        pool = pool_;
        randomness = randomness_;
        timelock = timelock_;
        _parameters = Parameters({
            burnBpsMin: 500,
            evaluatorBpsMin: 0,
            reporterBpsMax: 4000,
            slashBurnBpsMin: 1000,
            windowSecondsMin: 1,
            windowSecondsMax: 30 days,
            stakeMinGwei: 1e9,
            pausedUntil: 0
        });
    }

    /// @inheritdoc IParameters
    function parameters() public view returns (Parameters memory) {
        return _parameters;
    }

    /// @dev Runs a call with the court's code on this contract's storage.
    function _inCourt(bytes memory call) internal virtual;

    function _jobId(Terms calldata terms) internal view returns (bytes32) {
        return
            keccak256(
                abi.encode(block.chainid, address(this), terms.client, terms.nonce, JobTypes.hashTerms(terms))
            );
    }

    /// @dev Lets the evaluators be drawn; the caller saves the job.
    function _openEvaluation(bytes32 jobId, Terms calldata terms, JobSlot.Job memory job) internal {
        job.status = uint256(Status.Submitted);
        job.seedHeight = block.number + SEED_BLOCKS;
        job.deadline = block.timestamp + terms.drawSeconds;
        emit EvaluationOpened(jobId, uint32(job.attempt), uint64(job.seedHeight));
    }

    /// @dev Saves the last status of a job.
    function _end(bytes32 jobId, JobSlot.Job memory job, Status status) internal {
        job.status = uint256(status);
        job.deadline = 0;
        _save(jobId, job);
    }

    /// @dev The job of the terms; reverts unless it has the status.
    function _load(
        Terms calldata terms,
        Status status
    ) internal view returns (bytes32 jobId, JobSlot.Job memory job) {
        jobId = _jobId(terms);
        job = _slots[jobId].unpack();
        if (job.status != uint256(status)) revert WrongStatus(Status(job.status));
    }

    function _loadAny(bytes32 jobId) internal view returns (JobSlot.Job memory) {
        return _slots[jobId].unpack();
    }

    function _isKnown(bytes32 jobId) internal view returns (bool) {
        return _slots[jobId] != 0;
    }

    function _save(bytes32 jobId, JobSlot.Job memory job) internal {
        _slots[jobId] = job.pack();
    }

    /// @dev The part of the audit deposit that earlier attestations got; nothing before the share is paid.
    function _auditSpent(bytes32 jobId, JobSlot.Job memory job) internal view returns (uint64) {
        return job.isSharePaid ? uint64(_more[jobId]) : 0;
    }

    function _addAuditSpent(bytes32 jobId, uint64 amountGwei) internal {
        if (amountGwei != 0) _more[jobId] += amountGwei;
    }

    /// @dev Fixes the workers; their order is their index.
    function _setWorkers(bytes32 jobId, JobSlot.Job memory job, uint32[] memory ids) internal {
        uint256 more;
        for (uint256 i; i < ids.length; ++i) {
            if (i < IDS_FIRST) job.ids |= uint256(ids[i]) << (i * ID_BITS);
            else more |= uint256(ids[i]) << (64 + (i - IDS_FIRST) * ID_BITS);
        }
        if (more != 0) _more[jobId] = more;
    }

    /// @dev Numbers of the assigned workers, at most `countMax`.
    function _workerIds(
        bytes32 jobId,
        JobSlot.Job memory job,
        uint256 countMax
    ) internal view returns (uint32[] memory ids) {
        ids = new uint32[](countMax);
        uint256 more = countMax > IDS_FIRST ? _more[jobId] >> 64 : 0;
        uint256 all = job.ids | (more << (IDS_FIRST * ID_BITS));
        uint256 count;
        for (; count < countMax; ++count) {
            ids[count] = uint32(all & ID_MASK);
            if (ids[count] == 0) break;
            all >>= ID_BITS;
        }
        assembly ("memory-safe") {
            mstore(ids, count)
        }
    }

    /// @dev The workers of a mask.
    function _workersIn(
        bytes32 jobId,
        JobSlot.Job memory job,
        uint256 mask
    ) internal view returns (uint32[] memory ids) {
        return _pick(_workerIds(jobId, job, WORKERS_MAX), mask);
    }

    function _addVolunteer(bytes32 jobId, JobSlot.Job memory job, uint32 id) internal {
        _append(_volunteers[jobId], job.volunteers, id);
        ++job.volunteers;
    }

    function _volunteerIds(bytes32 jobId, uint256 count) internal view returns (uint32[] memory ids) {
        ids = new uint32[](count);
        for (uint256 i; i < count; ++i) ids[i] = _at(_volunteers[jobId], i);
    }

    function _addEvaluators(bytes32 jobId, JobSlot.Job memory job, uint32[] memory ids) internal {
        for (uint256 i; i < ids.length; ++i) _append(_evaluators[jobId], job.drawn + i, ids[i]);
        job.drawn += ids.length;
    }

    /// @dev Numbers of the drawn evaluators of a mask.
    function _evaluatorIds(bytes32 jobId, uint256 mask) internal view returns (uint32[] memory ids) {
        ids = new uint32[](JobSlot.count(mask));
        uint256 found;
        for (uint256 i; mask >> i != 0; ++i) {
            if ((mask >> i) & 1 == 1) ids[found++] = _at(_evaluators[jobId], i);
        }
    }

    /// @dev Index of the sender's owner among the drawn evaluators of the present panel.
    function _evaluatorIndex(
        bytes32 jobId,
        JobSlot.Job memory job
    ) internal view returns (uint256 index, address owner) {
        uint32 id;
        (owner, id, ) = registry.operatorOf(msg.sender);
        if (id == 0) revert NotParty(msg.sender);
        for (index = job.panelStart; index < job.drawn; ++index) {
            if (_at(_evaluators[jobId], index) == id) return (index, owner);
        }
        revert NotParty(msg.sender);
    }

    /// @dev Index of an operator's owner among the active workers.
    function _workerIndex(
        uint32[] memory ids,
        uint256 activeMask,
        address operator
    ) internal view returns (uint256 index, address owner) {
        uint32 id;
        (owner, id, ) = registry.operatorOf(operator);
        if (id == 0) revert NotParty(operator);
        for (; index < ids.length; ++index) {
            if (ids[index] == id && (activeMask >> index) & 1 == 1) return (index, owner);
        }
        revert NotParty(operator);
    }

    /// @dev Reverts with BadSignature unless the operator, a key or an ERC-1271 contract, signed.
    function _checkSignature(address operator, bytes32 structHash, bytes calldata signature) internal view {
        bytes32 digest = _typedHash(structHash);
        if (!SignatureChecker.isValidSignatureNowCalldata(operator, digest, signature)) {
            revert BadSignature(operator);
        }
    }

    function _verdictKey(uint256 attempt, uint256 index) internal pure returns (uint256) {
        return (attempt << 8) | index;
    }

    function _pick(uint32[] memory ids, uint256 mask) private pure returns (uint32[] memory picked) {
        picked = new uint32[](JobSlot.count(mask));
        uint256 found;
        for (uint256 i; i < ids.length; ++i) if ((mask >> i) & 1 == 1) picked[found++] = ids[i];
    }

    function _at(mapping(uint256 => uint256) storage list, uint256 index) private view returns (uint32) {
        return uint32(list[index / IDS_PER_SLOT] >> ((index % IDS_PER_SLOT) * ID_BITS));
    }

    /// @dev Writes entry `index`; what stands at and above it in its slot is from an earlier attempt.
    function _append(mapping(uint256 => uint256) storage list, uint256 index, uint32 id) private {
        uint256 shift = (index % IDS_PER_SLOT) * ID_BITS;
        uint256 slot = list[index / IDS_PER_SLOT];
        list[index / IDS_PER_SLOT] = (slot & ((1 << shift) - 1)) | (uint256(id) << shift);
    }
}
