// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobManager} from "../interfaces/IJobManager.sol";
import {Calls} from "../libraries/Calls.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {Member} from "../libraries/Member.sol";
import {VerdictRules} from "../libraries/VerdictRules.sol";
import {JobVerdicts} from "./JobVerdicts.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobPanel} from "./JobPanel.sol";

/// @title Evaluators: drawing, commitments, reveals, and what follows from an agreed verdict.
abstract contract JobAttestation is JobPanel, IJobManager {
    using TermsWords for Terms;
    using Member for uint256;
    using Member for uint256[];

    /// @dev Evaluators of a further panel.
    uint256 private constant PANEL_NEXT = 7;
    /// @dev Selector, terms and verdict.
    uint256 private constant JUDGE_BYTES = 4 + (6 + 8) * 32;
    /// @dev Drawings of one panel, when drawn evaluators have no stake free.
    uint256 private constant TRIES = 4;

    /// @inheritdoc IJobManager
    function drawEvaluators(Terms calldata terms) external returns (address[] memory evaluators) {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Submitted);
        if (block.timestamp > job.deadline) revert TooLate(job.deadline);
        uint256 drawnBefore = job.drawn;
        evaluators = _drawPanel(jobId, terms, job).owners();
        if (evaluators.length == 0) revert NoCandidates();
        job.status = uint256(Status.Attesting);
        job.panelStart = drawnBefore;
        job.deadline = block.timestamp + terms.commitSeconds();
        _save(jobId, job);
        emit EvaluatorsDrawn(jobId, uint32(job.attempt), uint8(job.panel), evaluators, uint64(job.deadline));
    }

    /// @inheritdoc IJobManager
    function previewEvaluators(Terms calldata terms) external view returns (address[] memory evaluators) {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Submitted);
        return _preview(jobId, terms, job, _excluded(jobId, terms, job)).owners();
    }

    /// @inheritdoc IJobManager
    function commitVerdict(Terms calldata terms, bytes32 commitment) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Attesting);
        (uint256 index, address owner) = _evaluatorIndex(jobId, job);
        if (_hasAllCommitted(job) || (job.committedMask >> index) & 1 == 1) revert AlreadyDone(owner);
        if (block.timestamp > job.deadline) revert TooLate(job.deadline);
        if (commitment == 0) revert BadCommitment();
        job.committedMask |= 1 << index;
        if (_hasAllCommitted(job)) job.deadline = block.timestamp + terms.revealSeconds();
        _setVerdict(jobId, job.attempt, index, bytes16(commitment));
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
        bytes16 verdictHash = _reveal(jobId, job, verdict, salt);
        VerdictRules.check(verdict, job.submittedMask, terms.segmentCount());
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
        if (_verdictOf(jobId, job.attempt, first) != bytes16(JobTypes.hashVerdict(verdict)))
            revert BadVerdict();
        Payment memory payment = _payment(jobId, job, agreed);
        payment.workers = _workerIds(jobId, job, terms.workerCount());
        payment.workerMask = job.submittedMask;
        payment.segments = verdict.segments;
        _end(jobId, job, Status.Settled);
        emit JobSettled(jobId);
        _payOut(terms, job, payment);
    }

    /// @dev Draws until the panel is full, passing over who has no stake free, and locks stake.
    function _drawPanel(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job
    ) private returns (uint256[] memory all) {
        bytes32 seed = randomness.seed(job.seedHeight);
        uint256[] memory excluded = _excluded(jobId, terms, job);
        uint256 wanted = _wanted(terms, job);
        for (uint256 turn; turn < TRIES && wanted > 0; ++turn) {
            bytes32 turnSeed = _drawSeed(seed, jobId, job.attempt, job.panel, turn);
            uint256[] memory members = _drawOnce(terms, turnSeed, wanted, excluded);
            uint256 found = members.length;
            if (found == 0) break;
            bool isLast = found < wanted; // nobody else is there
            uint256 locked = staking.lock(members, terms.evaluatorStakeGwei());
            if (locked != JobSlot.range(0, found)) {
                excluded = _joined(excluded, _idsOf(members));
                members = _keep(members, locked);
            }
            _addEvaluators(jobId, job, members);
            wanted -= members.length;
            all = all.length == 0 ? members : _joined(all, members);
            if (isLast) break;
        }
    }

    /// @dev Whether all drawn evaluators revealed this clean verdict.
    function _isUnanimous(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        Verdict calldata verdict,
        bytes16 verdictHash
    ) private view returns (bool) {
        uint256 all = JobSlot.range(0, job.drawn);
        return
            VerdictRules.removedBy(verdict) | verdict.lazyMask == 0 &&
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
    ) private returns (bytes16) {
        (uint256 index, address owner) = _evaluatorIndex(jobId, job);
        if ((job.revealedMask >> index) & 1 == 1) revert AlreadyDone(owner);
        VerdictRules.checkLazy(verdict, job.drawn, index);
        bytes32 verdictHash = JobTypes.hashVerdict(verdict);
        bytes32 commitment = JobTypes.commitment(jobId, job.attempt, owner, verdictHash, salt);
        if (
            (job.committedMask >> index) & 1 == 0 ||
            _verdictOf(jobId, job.attempt, index) != bytes16(commitment)
        ) revert BadCommitment();
        _setVerdict(jobId, job.attempt, index, bytes16(verdictHash));
        job.revealedMask |= 1 << index;
        JobTypes.emitRevealed(jobId, job.attempt, owner, verdict);
        return bytes16(verdictHash);
    }

    /// @dev Numbers of workers and of already drawn evaluators: nobody of them can be drawn.
    function _excluded(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job
    ) private view returns (uint256[] memory ids) {
        ids = _workerIds(jobId, job, terms.workerCount());
        if (job.drawn != 0) ids = _joined(ids, _evaluatorIds(jobId, job, JobSlot.range(0, job.drawn)));
    }

    function _preview(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        uint256[] memory excluded
    ) private view returns (uint256[] memory) {
        bytes32 seed = _drawSeed(randomness.seed(job.seedHeight), jobId, job.attempt, job.panel, 0);
        return _drawOnce(terms, seed, _wanted(terms, job), excluded);
    }

    function _drawOnce(
        Terms calldata terms,
        bytes32 seed,
        uint256 wanted,
        uint256[] memory excluded
    ) private view returns (uint256[] memory) {
        return pool.drawSlate(seed, wanted, terms.slateVersion(), terms.client(), excluded);
    }

    /// @dev The first panel of a job of which nobody is drawn yet.
    function _firstPanel(
        bytes32 jobId,
        Terms calldata terms,
        uint256 slot,
        uint256 workers
    ) internal view returns (uint256[] memory) {
        bytes32 seed = randomness.seed((slot >> 96) & 0xffffffff);
        return Calls.drawSlate(pool, terms, _drawSeed(seed, jobId, JobSlot.attemptOf(slot), 0, 0), workers);
    }

    function _wanted(Terms calldata terms, JobSlot.Job memory job) private pure returns (uint256) {
        return job.panel == 0 ? terms.evaluatorCount() : PANEL_NEXT;
    }

    /// @dev keccak256(abi.encode(seed, jobId, attempt, panel, turn)).
    function _drawSeed(
        bytes32 seed,
        bytes32 jobId,
        uint256 attempt,
        uint256 panel,
        uint256 turn
    ) private pure returns (bytes32 mixed) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, seed)
            mstore(add(free, 32), jobId)
            mstore(add(free, 64), attempt)
            mstore(add(free, 96), panel)
            mstore(add(free, 128), turn)
            mixed := keccak256(free, 160)
        }
    }

    function _checkRevealTime(Terms calldata terms, JobSlot.Job memory job) private view {
        (uint256 from, uint256 until) = _revealWindow(terms, job);
        if (block.timestamp < from) revert TooEarly(from);
        if (block.timestamp > until) revert TooLate(until);
    }

    /// @dev The members whose bit is set, in the same memory.
    function _keep(uint256[] memory members, uint256 mask) private pure returns (uint256[] memory) {
        uint256 count;
        for (uint256 i; i < members.length; ++i) if ((mask >> i) & 1 == 1) members[count++] = members[i];
        assembly ("memory-safe") {
            mstore(members, count)
        }
        return members;
    }

    function _idsOf(uint256[] memory members) private pure returns (uint256[] memory ids) {
        ids = new uint256[](members.length);
        for (uint256 i; i < members.length; ++i) ids[i] = members[i].id();
    }

    function _joined(uint256[] memory a, uint256[] memory b) private pure returns (uint256[] memory both) {
        both = new uint256[](a.length + b.length);
        for (uint256 i; i < a.length; ++i) both[i] = a[i];
        for (uint256 i; i < b.length; ++i) both[a.length + i] = b[i];
    }
}
