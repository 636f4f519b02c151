// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEvaluatorPool} from "../interfaces/IEvaluatorPool.sol";
import {IJobTypes} from "../interfaces/IJobTypes.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IRandomness} from "../interfaces/IRandomness.sol";
import {IStaking} from "../interfaces/IStaking.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {Member} from "../libraries/Member.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {Domain} from "./Domain.sol";

/// @title What all parts of the job manager share: storage, identifiers, signatures, views.
abstract contract JobBase is IJobTypes, IParameters, Domain {
    using JobSlot for uint256;
    using JobSlot for JobSlot.Job;
    using Member for uint256;
    using Signatures for address;
    using TermsWords for Terms;

    /// @dev From a request to the height whose randomness answers it.
    uint256 internal constant SEED_BLOCKS = 2;
    uint256 internal constant MATCH_VOLUNTEER = 0;
    uint256 private constant IDS_PER_SLOT = 10;
    uint256 internal constant WORKERS_MAX = 8;

    address public immutable token;
    IWorkerRegistry public immutable registry;
    IStaking public immutable staking;
    IEvaluatorPool public immutable pool;
    IRandomness public immutable randomness;
    address public immutable timelock;

    Parameters internal _parameters;
    mapping(bytes32 jobId => uint256 slot) internal _slots;
    /// @dev auditSpentGwei 64 | numbers of workers 3 to 7, 24 bits each.
    mapping(bytes32 jobId => uint256 slot) internal _more;
    /// @dev Numbers of evaluators from the third on, and of volunteers, ten a slot.
    mapping(bytes32 jobId => mapping(uint256 place => uint256)) private _evaluators;
    mapping(bytes32 jobId => mapping(uint256 place => uint256)) private _volunteers;
    /// @dev Key: attempt << 8 | index / 2. A commitment until the reveal, then the verdict's hash; 128 bits each.
    mapping(bytes32 jobId => mapping(uint256 key => uint256)) private _verdicts;
    /// @dev deadline 32 | mask 8 | closed 1; key: hash of (jobId, attempt, round).
    mapping(bytes32 key => uint256 slot) internal _rounds;
    /// @dev Copies of the registry's, see `IMembers`.
    mapping(address operator => uint256 member) internal _members;
    mapping(uint256 id => address owner) internal _owners;

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

    /// @dev The parameters in one word, their fields from the low bits on.
    function _bounds() internal view returns (uint256 word) {
        assembly ("memory-safe") {
            word := sload(_parameters.slot)
        }
    }

    /// @dev Runs a call with the court's code on this contract's storage.
    function _inCourt(bytes memory call) internal virtual;

    function _jobId(Terms calldata terms) internal view returns (bytes32) {
        return JobTypes.idOf(terms, terms.client(), terms.nonce());
    }

    /// @dev Lets the evaluators be drawn; the caller saves the job.
    function _openEvaluation(bytes32 jobId, Terms calldata terms, JobSlot.Job memory job) internal {
        _toEvaluation(terms, job);
        emit EvaluationOpened(jobId, uint32(job.attempt), uint64(job.seedHeight));
    }

    function _toEvaluation(Terms calldata terms, JobSlot.Job memory job) internal view {
        unchecked {
            job.status = uint256(Status.Submitted);
            job.seedHeight = block.number + SEED_BLOCKS;
            job.deadline = block.timestamp + terms.drawSeconds();
        }
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
        JobSlot.fill(job, _slots[jobId]);
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
    function _setWorkers(bytes32 jobId, JobSlot.Job memory job, uint256[] memory members) internal {
        job.ids = _idsOf(jobId, members);
    }

    /// @dev Numbers of the workers whose place is in the job's slot; notes those of the others.
    function _idsOf(bytes32 jobId, uint256[] memory members) internal returns (uint256 ids) {
        unchecked {
            uint256 more;
            for (uint256 i = members.length; i != 0;) {
                uint256 id = members[--i].id();
                if (i < JobSlot.WORKERS_HERE) ids = (ids << JobSlot.ID_BITS) | id;
                else more = (more << JobSlot.ID_BITS) | id;
            }
            if (more != 0) _more[jobId] = more << 64;
        }
    }

    /// @dev Numbers of the assigned workers, at most `countMax`.
    function _workerIds(
        bytes32 jobId,
        JobSlot.Job memory job,
        uint256 countMax
    ) internal view returns (uint256[] memory ids) {
        ids = new uint256[](countMax);
        uint256 more = countMax > JobSlot.WORKERS_HERE ? _more[jobId] >> 64 : 0;
        uint256 count;
        for (; count < countMax; ++count) {
            uint256 id =
                count < JobSlot.WORKERS_HERE ? job.ids.idAt(count) : more.idAt(count - JobSlot.WORKERS_HERE);
            if (id == 0) break;
            ids[count] = id;
        }
        assembly ("memory-safe") {
            mstore(ids, count)
        }
    }

    function _addVolunteer(bytes32 jobId, JobSlot.Job memory job, uint256 id) internal {
        _write(_volunteers[jobId], job.volunteers, id);
        ++job.volunteers;
    }

    function _volunteerIds(bytes32 jobId, uint256 count) internal view returns (uint256[] memory ids) {
        ids = new uint256[](count);
        for (uint256 i; i < count; ++i) ids[i] = _read(_volunteers[jobId], i);
    }

    function _addEvaluators(bytes32 jobId, JobSlot.Job memory job, uint256[] memory members) internal {
        for (uint256 i; i < members.length; ++i) {
            uint256 id = members[i].id();
            uint256 place = job.drawn;
            if (place < JobSlot.EVALUATORS_HERE) job.ids = job.ids.withId(JobSlot.WORKERS_HERE + place, id);
            else _write(_evaluators[jobId], place - JobSlot.EVALUATORS_HERE, id);
            ++job.drawn;
        }
    }

    function _evaluatorId(
        bytes32 jobId,
        JobSlot.Job memory job,
        uint256 place
    ) internal view returns (uint256) {
        return
            place < JobSlot.EVALUATORS_HERE
                ? job.ids.idAt(JobSlot.WORKERS_HERE + place)
                : _read(_evaluators[jobId], place - JobSlot.EVALUATORS_HERE);
    }

    /// @dev Numbers of the drawn evaluators of a mask.
    function _evaluatorIds(
        bytes32 jobId,
        JobSlot.Job memory job,
        uint256 mask
    ) internal view returns (uint256[] memory ids) {
        ids = new uint256[](JobSlot.count(mask));
        uint256 found;
        for (uint256 i; mask >> i != 0; ++i) {
            if ((mask >> i) & 1 == 1) ids[found++] = _evaluatorId(jobId, job, i);
        }
    }

    function _ownersOf(uint256[] memory ids) internal view returns (address[] memory owners) {
        unchecked {
            owners = new address[](ids.length);
            for (uint256 i; i < ids.length; ++i) owners[i] = _owners[ids[i]];
        }
    }

    /// @dev Index of the sender's owner among the drawn evaluators of the present panel.
    function _evaluatorIndex(
        bytes32 jobId,
        JobSlot.Job memory job
    ) internal view returns (uint256 index, address owner) {
        uint256 member = _members[msg.sender];
        uint256 id = member.id();
        if (id == 0) revert NotParty(msg.sender);
        for (index = job.panelStart; index < job.drawn; ++index) {
            if (_evaluatorId(jobId, job, index) == id) return (index, member.owner());
        }
        revert NotParty(msg.sender);
    }

    /// @dev Index of an operator's owner among the active workers.
    function _workerIndex(
        uint256[] memory ids,
        uint256 activeMask,
        address operator
    ) internal view returns (uint256 index, address owner) {
        uint256 member = _members[operator];
        uint256 id = member.id();
        if (id == 0) revert NotParty(operator);
        for (; index < ids.length; ++index) {
            if (ids[index] == id && (activeMask >> index) & 1 == 1) return (index, member.owner());
        }
        revert NotParty(operator);
    }

    /// @dev Reverts with BadSignature unless the operator, a key or an ERC-1271 contract, signed. Who sends the call
    /// needs no signature.
    function _checkSigned(address operator, bytes32 structHash, bytes calldata signature) internal view {
        if (operator == msg.sender) return;
        if (!operator.isSignedBy(_typedHash(structHash), signature)) revert BadSignature(operator);
    }

    /// @dev Of an evaluator's commitment, and later of its verdict's hash, 128 bits are kept, two to a slot: a second
    /// preimage costs 2^128 tries, and a collision helps nobody who must agree with others.
    function _verdictOf(bytes32 jobId, uint256 attempt, uint256 index) internal view returns (bytes16) {
        return bytes16(bytes32(_verdicts[jobId][_verdictKey(attempt, index)] << (128 * (index & 1))));
    }

    function _setVerdict(bytes32 jobId, uint256 attempt, uint256 index, bytes16 half) internal {
        uint256 key = _verdictKey(attempt, index);
        uint256 shift = 128 * (index & 1);
        uint256 kept = _verdicts[jobId][key] & (uint256(type(uint128).max) << shift);
        _verdicts[jobId][key] = kept | (uint256(bytes32(half)) >> shift);
    }

    function _verdictKey(uint256 attempt, uint256 index) private pure returns (uint256) {
        return (attempt << 8) | (index >> 1);
    }

    function _read(mapping(uint256 => uint256) storage list, uint256 place) private view returns (uint256) {
        return list[place / IDS_PER_SLOT].idAt(place % IDS_PER_SLOT);
    }

    /// @dev What stands at a place may be from an earlier attempt.
    function _write(mapping(uint256 => uint256) storage list, uint256 place, uint256 id) private {
        uint256 slot = list[place / IDS_PER_SLOT];
        list[place / IDS_PER_SLOT] = slot.withId(place % IDS_PER_SLOT, id);
    }
}
