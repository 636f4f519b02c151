// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccountSlot} from "../libraries/AccountSlot.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {Shares} from "../libraries/Shares.sol";
import {VerdictRules} from "../libraries/VerdictRules.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobPanel} from "./JobPanel.sol";

/// @title What follows from verdicts that are not unanimous and clean.
abstract contract JobVerdicts is JobPanel {
    using TermsWords for Terms;

    /// @notice Called in the manager's place when the last commitment of a panel is opened: acts on the verdict if it has
    /// its quorum. Where another verdict has it, `completeJob` or `slash` may follow at once; where none has,
    /// a further panel is drawn.
    function judge(Terms calldata terms, Verdict calldata verdict) external {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Attesting);
        if (!_hasAllRevealed(job)) revert TooEarly(job.deadline);
        if (_conclude(jobId, terms, job, verdict, bytes16(JobTypes.hashVerdict(verdict)))) return;
        if (job.panel == 0 && _verdictWithQuorum(jobId, terms, job) == 0) _redraw(jobId, terms, job);
    }

    /// @dev See IJobManager.
    function completeJob(Terms calldata terms, Verdict calldata verdict) external {
        if (VerdictRules.removedBy(verdict) != 0) revert BadVerdict();
        _concludeLate(terms, verdict);
    }

    /// @dev See IJobManager.
    function slash(Terms calldata terms, Verdict calldata verdict) external {
        if (VerdictRules.removedBy(verdict) == 0) revert BadVerdict();
        _concludeLate(terms, verdict);
    }

    function _concludeLate(Terms calldata terms, Verdict calldata verdict) private {
        (bytes32 jobId, JobSlot.Job memory job) = _load(terms, Status.Attesting);
        (uint256 from, uint256 until) = _revealWindow(terms, job);
        bool isOver = block.timestamp > until || (block.timestamp >= from && _hasAllRevealed(job));
        if (!isOver) revert TooEarly(until + 1);
        if (!_conclude(jobId, terms, job, verdict, bytes16(JobTypes.hashVerdict(verdict)))) revert NoQuorum();
    }

    /// @dev Everybody of the panel that committed has revealed.
    function _hasAllRevealed(JobSlot.Job memory job) private pure returns (bool) {
        return (job.committedMask & ~job.revealedMask) & JobSlot.range(job.panelStart, job.drawn) == 0;
    }

    /// @dev Hash of the verdict on which enough evaluators agree; zero when there is none.
    function _verdictWithQuorum(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job
    ) internal view returns (bytes16) {
        for (uint256 i; i < job.drawn; ++i) {
            if ((job.revealedMask >> i) & 1 == 0) continue;
            bytes16 verdictHash = _verdictOf(jobId, job.attempt, i);
            if (_hasQuorum(terms, job, _agreeing(jobId, job, verdictHash))) return verdictHash;
        }
        return 0;
    }

    /// @dev Acts on the verdict if enough evaluators agree on it.
    function _conclude(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        Verdict calldata verdict,
        bytes16 verdictHash
    ) private returns (bool) {
        uint256 agreed = _agreeing(jobId, job, verdictHash);
        if (!_hasQuorum(terms, job, agreed)) return false;
        (uint256[] memory silentIds, uint256[] memory outvotedIds) = _losers(jobId, job, verdict, agreed);
        uint256[] memory deceivedIds = _evaluatorIds(jobId, job, _deceived(job, verdict, agreed));
        uint256 attempt = job.attempt;
        if (VerdictRules.removedBy(verdict) == 0) {
            job.status = uint256(Status.Completed);
            job.revealedMask = agreed;
            job.deadline = 0;
            _save(jobId, job);
            emit JobCompleted(jobId, verdict.modelHash, verdict.modelCidDigest, verdict.metricMicros);
        } else {
            _remove(jobId, terms, job, verdict, agreed);
        }
        _slashEvaluators(jobId, terms, attempt, silentIds, false);
        _slashEvaluators(jobId, terms, attempt, outvotedIds, true);
        if (deceivedIds.length != 0) _punish(deceivedIds, 0, terms.evaluatorStakeGwei(), 0);
        return true;
    }

    /// @dev Who said nothing, and who is outvoted or called lazy. An earlier panel's silent ones have paid already.
    function _losers(
        bytes32 jobId,
        JobSlot.Job memory job,
        Verdict calldata verdict,
        uint256 agreed
    ) private view returns (uint256[] memory silentIds, uint256[] memory outvotedIds) {
        uint256 panel = JobSlot.range(job.panelStart, job.drawn);
        uint256 lazy = verdict.lazyMask & (panel | job.revealedMask);
        uint256 outvoted = (job.revealedMask & ~agreed & ~_deceived(job, verdict, agreed)) | lazy;
        silentIds = _evaluatorIds(jobId, job, panel & ~job.revealedMask & ~lazy);
        outvotedIds = _evaluatorIds(jobId, job, outvoted);
    }

    /// @dev Outvoted members of an earlier panel beside a lazy one: they trusted its tags, as the rules have it. They get
    /// their lock back and no pay.
    function _deceived(
        JobSlot.Job memory job,
        Verdict calldata verdict,
        uint256 agreed
    ) private pure returns (uint256) {
        uint256 earlier = JobSlot.range(0, job.panelStart);
        if (verdict.lazyMask & earlier == 0) return 0;
        return earlier & job.revealedMask & ~agreed & ~uint256(verdict.lazyMask);
    }

    /// @dev Removes the named workers, pays the evaluators that agreed, and starts the next attempt, or ends the job when
    /// nobody is left.
    function _remove(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        Verdict calldata verdict,
        uint256 agreed
    ) private {
        uint64 slashed = _slashWorkers(jobId, terms, job, verdict);
        Payment memory payment = _payment(jobId, job, agreed);
        job.activeMask = job.submittedMask & ~VerdictRules.removedBy(verdict);
        bool isOver = job.activeMask == 0;
        uint64 fromDeposit = _payReporters(terms, job, payment, slashed, isOver);
        _addAuditSpent(jobId, fromDeposit);
        job.isSharePaid = true;
        _restart(jobId, terms, job, 0);
    }

    function _slashWorkers(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        Verdict calldata verdict
    ) private returns (uint64 slashed) {
        uint64 stake = terms.workerStakeGwei();
        for (uint256 kind; kind < 2; ++kind) {
            uint256 mask = kind == 0 ? verdict.guiltyMask : verdict.withheldMask;
            if (mask == 0) continue;
            (address[] memory owners, uint256[] memory amounts, uint64 total) = _punish(
                _pick(_workerIds(jobId, job, WORKERS_MAX), mask),
                kind == 0 ? stake : Shares.ofBps(stake, terms.timeoutBps()),
                stake,
                kind == 0 ? AccountSlot.INVALID : AccountSlot.TIMED_OUT
            );
            slashed += total;
            emit WorkersSlashed(jobId, uint32(job.attempt), owners, amounts, verdict.evidenceDigest);
        }
    }

    function _pick(uint256[] memory ids, uint256 mask) internal pure returns (uint256[] memory picked) {
        picked = new uint256[](JobSlot.count(mask));
        uint256 found;
        for (uint256 i; i < ids.length; ++i) if ((mask >> i) & 1 == 1) picked[found++] = ids[i];
    }

    /// @dev Silent evaluators lose a part of their lock, outvoted ones all of it.
    function _slashEvaluators(
        bytes32 jobId,
        Terms calldata terms,
        uint256 attempt,
        uint256[] memory ids,
        bool isOutvoted
    ) internal {
        if (ids.length == 0) return;
        uint64 stake = terms.evaluatorStakeGwei();
        (address[] memory owners, uint256[] memory amounts, uint64 total) = _punish(
            ids,
            isOutvoted ? stake : Shares.ofBps(stake, terms.timeoutBps()),
            stake,
            isOutvoted ? AccountSlot.INVALID : AccountSlot.TIMED_OUT
        );
        emit EvaluatorsSlashed(jobId, uint32(attempt), owners, amounts);
        _splitSlashed(jobId, terms, total, 0, false);
    }

    /// @dev Lets a further panel be drawn.
    function _redraw(bytes32 jobId, Terms calldata terms, JobSlot.Job memory job) internal {
        uint256 silent = JobSlot.range(job.panelStart, job.drawn) & ~job.revealedMask;
        job.status = uint256(Status.Submitted);
        job.panel = 1;
        job.panelStart = job.drawn;
        job.seedHeight = block.number + SEED_BLOCKS;
        job.deadline = block.timestamp + terms.drawSeconds();
        _save(jobId, job);
        emit RedrawOpened(jobId, uint32(job.attempt), 1, uint64(job.seedHeight));
        _slashEvaluators(jobId, terms, job.attempt, _evaluatorIds(jobId, job, silent), false);
    }
}
