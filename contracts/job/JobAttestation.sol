// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobManager} from "../interfaces/IJobManager.sol";
import {AccountSlot} from "../libraries/AccountSlot.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {VerdictRules} from "../libraries/VerdictRules.sol";
import {JobVerdicts} from "./JobVerdicts.sol";
import {JobPanel} from "./JobPanel.sol";

/// @title Evaluators: drawing, commitments, reveals, and what follows from an agreed verdict.
abstract contract JobAttestation is JobPanel, IJobManager {
    /// @dev Evaluators of a further panel.
    uint256 private constant PANEL_NEXT = 7;
    /// @dev Selector, terms and verdict.
    uint256 private constant JUDGE_BYTES = 4 + (29 + 7) * 32;
    /// @dev Drawings of one panel, when drawn evaluators have no stake free.
    uint256 private constant TRIES = 4;

    /// @inheritdoc IJobManager
    function drawEvaluators(Terms calldata terms) external returns (address[] memory evaluators) {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Submitted);
        if (block.timestamp > job.deadline) revert TooLate(job.deadline);
        bytes32 seed = randomness.seed(job.seedHeight);
        address[] memory excluded = _parties(jobId, terms, job);
        uint256 wanted = job.panel == 0 ? terms.evaluatorCount : PANEL_NEXT;
        uint64 stake = Gwei.fromWei(terms.evaluatorStakeWei);
        uint256 drawnBefore = job.drawn;
        for (uint256 turn; turn < TRIES && wanted > 0; ++turn) {
            (address[] memory owners, uint32[] memory ids) = pool.drawSlate(
                _drawSeed(seed, jobId, job, turn),
                wanted,
                terms.slateVersion,
                excluded
            );
            if (owners.length == 0) break;
            excluded = _concat(excluded, owners);
            uint256 locked = staking.lock(owners, stake);
            (owners, ids) = _keep(owners, ids, locked);
            _addEvaluators(jobId, job, ids);
            evaluators = _concat(evaluators, owners);
            wanted -= owners.length;
        }
        if (evaluators.length == 0) revert NoCandidates();
        job.status = uint256(Status.Attesting);
        job.panelStart = drawnBefore;
        job.deadline = block.timestamp + terms.commitSeconds;
        _save(jobId, job);
        emit EvaluatorsDrawn(jobId, uint32(job.attempt), uint8(job.panel), evaluators, uint64(job.deadline));
    }

    /// @inheritdoc IJobManager
    function previewEvaluators(Terms calldata terms) external view returns (address[] memory evaluators) {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Submitted);
        return _preview(jobId, terms, job, _parties(jobId, terms, job));
    }

    /// @inheritdoc IJobManager
    function commitVerdict(Terms calldata terms, bytes32 commitment) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Attesting);
        (uint256 index, address owner) = _evaluatorIndex(jobId, job);
        if (_hasAllCommitted(job) || (job.committedMask >> index) & 1 == 1) revert AlreadyDone(owner);
        if (block.timestamp > job.deadline) revert TooLate(job.deadline);
        if (commitment == 0) revert BadCommitment();
        job.committedMask |= 1 << index;
        if (_hasAllCommitted(job)) job.deadline = block.timestamp + terms.revealSeconds;
        _verdicts[jobId][_verdictKey(job.attempt, index)] = commitment;
        _save(jobId, job);
        emit VerdictCommitted(jobId, uint32(job.attempt), owner, commitment);
    }

    /// @inheritdoc IJobManager
    function revealVerdict(
        Terms calldata terms,
        Verdict calldata verdict,
        bytes32 salt,
        bytes32 heldOutKey
    ) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Attesting);
        _checkRevealTime(terms, job);
        bytes32 verdictHash = _reveal(jobId, job, verdict, salt);
        VerdictRules.check(verdict, job.submittedMask, terms.segmentCount);
        if (heldOutKey != 0) emit HeldOutKey(jobId, heldOutKey);
        uint256 panel = JobSlot.range(job.panelStart, job.drawn);
        bool isLast = (job.committedMask & ~job.revealedMask) & panel == 0;
        if (!isLast || !_isUnanimous(jobId, terms, job, verdict, verdictHash)) {
            _save(jobId, job);
            if (isLast) _inCourt(bytes.concat(JobVerdicts.judge.selector, msg.data[4:JUDGE_BYTES]));
            return;
        }
        job.status = uint256(Status.Completed);
        job.deadline = 0;
        _save(jobId, job);
        emit JobCompleted(jobId, verdict.modelHash, verdict.modelCidDigest, verdict.metricMicros);
    }

    /// @inheritdoc IJobManager
    function distributePayment(Terms calldata terms, Verdict calldata verdict) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Completed);
        uint256 agreed = job.revealedMask;
        uint256 first = JobSlot.count((agreed & (~agreed + 1)) - 1);
        if (_verdicts[jobId][_verdictKey(job.attempt, first)] != JobTypes.hashVerdict(verdict)) {
            revert BadVerdict();
        }
        Payment memory payment = _payment(jobId, terms, agreed);
        payment.workers = registry.ownersOf(_workerIds(jobId, job, terms.workerCount));
        payment.workerMask = job.submittedMask;
        payment.segments = verdict.segments;
        _end(jobId, job, Status.Settled);
        emit JobSettled(jobId);
        _payOut(terms, job, payment);
    }

    /// @inheritdoc IJobManager
    function settleJob(
        Terms calldata terms,
        Verdict calldata verdict,
        bytes32 heldOutKey,
        Opening[] calldata openings
    ) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Submitted);
        if (block.timestamp > job.deadline) revert TooLate(job.deadline);
        if (job.panel != 0 || VerdictRules.removedBy(verdict) != 0) revert BadVerdict();
        VerdictRules.check(verdict, job.submittedMask, terms.segmentCount);
        address[] memory parties = _parties(jobId, terms, job);
        Payment memory payment;
        payment.jobId = jobId;
        payment.evaluators = _preview(jobId, terms, job, parties);
        _checkOpenings(jobId, terms, job.attempt, verdict, openings, payment.evaluators);
        payment.workers = _withoutFirst(parties);
        payment.workerMask = job.submittedMask;
        payment.segments = verdict.segments;
        payment.fact = AccountSlot.COMPLETED;
        _end(jobId, job, Status.Settled);
        if (heldOutKey != 0) emit HeldOutKey(jobId, heldOutKey);
        emit JobCompleted(jobId, verdict.modelHash, verdict.modelCidDigest, verdict.metricMicros);
        emit JobSettled(jobId);
        _payOut(terms, job, payment);
    }

    /// @dev Whether all drawn evaluators revealed this clean verdict.
    function _isUnanimous(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        Verdict calldata verdict,
        bytes32 verdictHash
    ) private view returns (bool) {
        uint256 all = JobSlot.range(0, job.drawn);
        return
            VerdictRules.removedBy(verdict) == 0 &&
            job.revealedMask == all &&
            _agreeing(jobId, job, verdictHash) == all &&
            _hasQuorum(terms, job, all);
    }

    /// @dev Opens the sender's commitment and puts the verdict's hash in its place.
    function _reveal(
        bytes32 jobId,
        JobSlot.Job memory job,
        Verdict calldata verdict,
        bytes32 salt
    ) private returns (bytes32 verdictHash) {
        (uint256 index, address owner) = _evaluatorIndex(jobId, job);
        if ((job.revealedMask >> index) & 1 == 1) revert AlreadyDone(owner);
        uint256 key = _verdictKey(job.attempt, index);
        verdictHash = JobTypes.hashVerdict(verdict);
        bytes32 commitment = JobTypes.commitment(jobId, job.attempt, owner, verdictHash, salt);
        if ((job.committedMask >> index) & 1 == 0 || _verdicts[jobId][key] != commitment)
            revert BadCommitment();
        _verdicts[jobId][key] = verdictHash;
        job.revealedMask |= 1 << index;
        emit VerdictRevealed(jobId, uint32(job.attempt), owner, verdict);
    }

    function _checkOpenings(
        bytes32 jobId,
        Terms calldata terms,
        uint256 attempt,
        Verdict calldata verdict,
        Opening[] calldata openings,
        address[] memory evaluators
    ) private {
        uint256 count = evaluators.length;
        if (count != openings.length || !VerdictRules.isQuorum(count, count, terms.evaluatorCount)) {
            revert NoQuorum();
        }
        for (uint256 i; i < count; ++i) {
            Opening calldata opening = openings[i];
            (address owner, , ) = registry.operatorOf(opening.operator);
            if (owner != evaluators[i]) revert NotParty(opening.operator);
            bytes32 structHash = JobTypes.verdict(jobId, attempt, verdict, opening.salt);
            _checkSignature(opening.operator, structHash, opening.signature);
            emit VerdictRevealed(jobId, uint32(attempt), owner, verdict);
        }
    }

    /// @dev Client, workers and already drawn evaluators: nobody of them can be drawn.
    function _parties(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job
    ) private view returns (address[] memory parties) {
        parties = new address[](1);
        parties[0] = terms.client;
        parties = _concat(parties, registry.ownersOf(_workerIds(jobId, job, terms.workerCount)));
        if (job.drawn == 0) return parties;
        uint256 drawn = JobSlot.range(0, job.drawn);
        return _concat(parties, registry.ownersOf(_evaluatorIds(jobId, drawn)));
    }

    function _preview(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        address[] memory parties
    ) private view returns (address[] memory owners) {
        bytes32 seed = _drawSeed(randomness.seed(job.seedHeight), jobId, job, 0);
        uint256 wanted = job.panel == 0 ? terms.evaluatorCount : PANEL_NEXT;
        (owners, ) = pool.drawSlate(seed, wanted, terms.slateVersion, parties);
    }

    function _drawSeed(
        bytes32 seed,
        bytes32 jobId,
        JobSlot.Job memory job,
        uint256 turn
    ) private pure returns (bytes32) {
        return keccak256(abi.encode(seed, jobId, job.attempt, job.panel, turn));
    }

    function _checkRevealTime(Terms calldata terms, JobSlot.Job memory job) private view {
        (uint256 from, uint256 until) = _revealWindow(terms, job);
        if (block.timestamp < from) revert TooEarly(from);
        if (block.timestamp > until) revert TooLate(until);
    }

    /// @dev The accounts whose bit is set, and their numbers.
    function _keep(
        address[] memory owners,
        uint32[] memory ids,
        uint256 mask
    ) private pure returns (address[] memory, uint32[] memory) {
        uint256 count;
        for (uint256 i; i < owners.length; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            owners[count] = owners[i];
            ids[count] = ids[i];
            ++count;
        }
        assembly ("memory-safe") {
            mstore(owners, count)
            mstore(ids, count)
        }
        return (owners, ids);
    }

    function _concat(address[] memory a, address[] memory b) private pure returns (address[] memory both) {
        both = new address[](a.length + b.length);
        for (uint256 i; i < a.length; ++i) both[i] = a[i];
        for (uint256 i; i < b.length; ++i) both[a.length + i] = b[i];
    }

    function _withoutFirst(address[] memory list) private pure returns (address[] memory rest) {
        rest = new address[](list.length - 1);
        for (uint256 i; i < rest.length; ++i) rest[i] = list[i + 1];
    }
}
