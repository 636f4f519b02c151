// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobManager} from "../interfaces/IJobManager.sol";
import {AccountSlot} from "../libraries/AccountSlot.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {Member} from "../libraries/Member.sol";
import {Signatures} from "../libraries/Signatures.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {VerdictRules} from "../libraries/VerdictRules.sol";
import {JobAttestation} from "./JobAttestation.sol";
import {JobMatching} from "./JobMatching.sol";

/// @title A job in three calls, where everybody agrees and signs with a key. Contracts that are operators, and whoever
/// does not agree, take the direct way, which is open at every step.
abstract contract JobCooperation is JobMatching, JobAttestation {
    using JobSlot for uint256;
    using Member for uint256;
    using Member for uint256[];
    using TermsWords for Terms;

    /// @inheritdoc IJobManager
    function openJob(Terms calldata terms, KeyConsent[] calldata consents) external returns (bytes32 jobId) {
        if (terms.matchMode() == MATCH_VOLUNTEER) revert BadTerms(14);
        jobId = _checkPosted(terms);
        uint256[] memory members = _consenting(jobId, terms, consents);
        unchecked {
            uint256 slot = uint256(Status.Running) | (JobSlot.range(0, members.length) << 10);
            slot |= (block.timestamp + terms.runSeconds()) << 64;
            _slots[jobId] = slot | (_idsOf(jobId, members) << 128);
            emit JobOpened(jobId, terms, uint64(block.number + SEED_BLOCKS), members.owners());
        }
        staking.open(
            members,
            terms.workerStakeGwei(),
            terms.client(),
            terms.rewardGwei() + terms.auditDepositGwei(),
            terms.slateVersion(),
            terms.evaluatorCount()
        );
    }

    /// @inheritdoc IJobManager
    function submitResults(
        Terms calldata terms,
        bytes32 modelHash,
        bytes32 modelCidDigest,
        KeyResult[] calldata results
    ) external {
        bytes32 jobId = _jobId(terms);
        uint256 slot = _slotIn(jobId, uint256(Status.Running));
        unchecked {
            uint256 mask = slot.activeOf() & ~slot.submittedOf();
            if (results.length != JobSlot.count(mask)) revert TooFewWorkers(results.length);
            Roots[] memory roots = _checkResults(
                jobId,
                slot,
                JobTypes.resultFrame(jobId, slot.attemptOf(), modelHash, modelCidDigest),
                results
            );
            uint256 height = block.number + SEED_BLOCKS;
            _slots[jobId] = slot.submitted(height, block.timestamp + terms.drawSeconds());
            uint256 stage = slot.attemptOf() | (mask << 32) | (height << 64);
            emit ResultsSubmitted(jobId, stage, modelHash, modelCidDigest, roots);
        }
    }

    /// @inheritdoc IJobManager
    function settleJob(
        Terms calldata terms,
        Verdict calldata verdict,
        bytes32 heldOutKey,
        KeyOpening[] calldata openings
    ) external {
        bytes32 jobId = _jobId(terms);
        uint256 slot = _slotIn(jobId, uint256(Status.Submitted));
        if ((slot >> 8) & 1 != 0 || VerdictRules.removedBy(verdict) != 0) revert BadVerdict();
        VerdictRules.check(verdict, slot.submittedOf(), terms.segmentCount());
        uint256[] memory workers = _idsIn(jobId, slot, terms.workerCount());
        uint256[] memory drawn = _firstPanel(jobId, terms, slot, workers);
        _checkOpenings(jobId, terms, slot, verdict, openings, drawn);
        _slots[jobId] = slot.settled();
        Book memory book = _shareOut(jobId, terms, slot, verdict.segments, workers, drawn);
        JobTypes.emitAgreed(jobId, verdict, heldOutKey, Gwei.toWei(book.burnGwei), book.postings);
        _settle(terms, book, true);
    }

    /// @dev The slot of a job of this status whose deadline has not passed.
    function _slotIn(bytes32 jobId, uint256 status) private view returns (uint256 slot) {
        slot = _slots[jobId];
        if (slot.statusOf() != status) revert WrongStatus(Status(slot.statusOf()));
        if (block.timestamp > slot.deadlineOf()) revert TooLate(slot.deadlineOf());
    }

    /// @dev Numbers of the workers, by index; of the first three where the job cannot have more.
    function _idsIn(
        bytes32 jobId,
        uint256 slot,
        uint256 countMax
    ) private view returns (uint256[] memory ids) {
        unchecked {
            ids = new uint256[](WORKERS_MAX);
            uint256 rest = (slot >> 128) & ((1 << (JobSlot.WORKERS_HERE * JobSlot.ID_BITS)) - 1);
            uint256 count;
            for (; rest != 0; rest >>= JobSlot.ID_BITS) ids[count++] = rest & JobSlot.ID_MASK;
            if (countMax > JobSlot.WORKERS_HERE) {
                rest = _more[jobId] >> 64;
                for (; rest != 0; rest >>= JobSlot.ID_BITS) ids[count++] = rest & JobSlot.ID_MASK;
            }
            assembly ("memory-safe") {
                mstore(ids, count)
            }
        }
    }

    /// @dev The workers that have not submitted signed these results, in their order.
    function _checkResults(
        bytes32 jobId,
        uint256 slot,
        uint256 frame,
        KeyResult[] calldata results
    ) private view returns (Roots[] memory roots) {
        unchecked {
            uint256 waiting = slot.activeOf() & ~slot.submittedOf();
            uint256[] memory ids = _idsIn(
                jobId,
                slot,
                waiting >> JobSlot.WORKERS_HERE == 0 ? 0 : WORKERS_MAX
            );
            bytes32 separator = domainSeparator();
            uint256 count = results.length;
            roots = new Roots[](count);
            uint256 index;
            for (uint256 i; i < count; ++i) {
                while ((waiting >> index) & 1 == 0) ++index;
                KeyResult calldata result = results[i];
                bytes32 structHash = JobTypes.keyResult(frame, result);
                address signer = Signatures.signerOf(separator, structHash, result.r, result.vs);
                if (_members[signer].id() != ids[index]) revert BadSignature(signer);
                Roots memory root = roots[i];
                (root.segmentsRoot, root.transcriptCidDigest) = (
                    result.segmentsRoot,
                    result.transcriptCidDigest
                );
                ++index;
            }
        }
    }

    /// @dev All drawn evaluators signed the verdict, in their order.
    function _checkOpenings(
        bytes32 jobId,
        Terms calldata terms,
        uint256 slot,
        Verdict calldata verdict,
        KeyOpening[] calldata openings,
        uint256[] memory drawn
    ) private view {
        unchecked {
            uint256 count = drawn.length;
            if (count != openings.length || !VerdictRules.isQuorum(count, count, terms.evaluatorCount())) {
                revert NoQuorum();
            }
            bytes32 structHash = JobTypes.verdict(jobId, slot.attemptOf(), verdict);
            bytes32 separator = domainSeparator();
            for (uint256 i; i < count; ++i) {
                KeyOpening calldata opening = openings[i];
                address signer = Signatures.signerOf(separator, structHash, opening.r, opening.vs);
                if (_members[signer].id() != drawn[i].id()) revert BadSignature(signer);
            }
        }
    }

    /// @dev Who gets what of all that is left of a job whose evaluators have no locks, the client's refund last.
    function _shareOut(
        bytes32 jobId,
        Terms calldata terms,
        uint256 slot,
        uint128 segments,
        uint256[] memory workers,
        uint256[] memory drawn
    ) private view returns (Book memory book) {
        unchecked {
            Payment memory payment;
            payment.workers = workers;
            payment.workerMask = slot.submittedOf();
            payment.segments = segments;
            payment.evaluators = drawn.owners();
            payment.fact = AccountSlot.COMPLETED;
            bool isSharePaid = (slot >> 9) & 1 == 1;
            book = _bookOf(terms, payment, isSharePaid, isSharePaid ? uint64(_more[jobId]) : 0);
            _addRefund(terms, book);
        }
    }

    /// @dev The workers whose keys signed, one word each.
    function _consenting(
        bytes32 jobId,
        Terms calldata terms,
        KeyConsent[] calldata consents
    ) private view returns (uint256[] memory members) {
        unchecked {
            uint256 count = consents.length;
            if (count < terms.workerCountMin() || count > terms.workerCount()) revert TooFewWorkers(count);
            members = new uint256[](count);
            uint256 reward = _rewardOf(terms);
            bytes32 separator = domainSeparator();
            for (uint256 i; i < count; ++i) {
                KeyConsent calldata consent = consents[i];
                uint256 signer = consent.signer;
                address operator = address(uint160(signer));
                uint256 member = _admitted(operator, terms, reward);
                members[i] = member;
                _checkNew(members, i);
                bytes32 structHash = _consentHash(jobId, terms, member, uint64(signer >> 160));
                address who = Signatures.signerOf(separator, structHash, consent.r, consent.vs);
                if (who != operator || who == address(0)) revert BadSignature(operator);
            }
        }
    }
}
