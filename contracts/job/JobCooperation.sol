// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IJobManager} from "../interfaces/IJobManager.sol";
import {AccountSlot} from "../libraries/AccountSlot.sol";
import {Calls} from "../libraries/Calls.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {JobTypes} from "../libraries/JobTypes.sol";
import {Member} from "../libraries/Member.sol";
import {Posting} from "../libraries/Posting.sol";
import {Shares} from "../libraries/Shares.sol";
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
    using TermsWords for Terms;

    /// @inheritdoc IJobManager
    function openJob(Terms calldata terms, KeyConsent[] calldata consents) external returns (bytes32 jobId) {
        if (terms.matchMode() == MATCH_VOLUNTEER) revert BadTerms(14);
        jobId = _checkPosted(terms);
        (uint256[] memory members, uint256 ids) = _consenting(jobId, terms, consents);
        unchecked {
            uint256 slot = uint256(Status.Running) | (JobSlot.range(0, consents.length) << 10);
            slot |= ((block.timestamp + terms.runSeconds()) << 64) | (terms.drawSeconds() << 96);
            _slots[jobId] = slot | ((ids & JobSlot.WORKERS_MASK) << 128);
            if (ids > JobSlot.WORKERS_MASK) _more[jobId] = (ids >> JobSlot.WORKERS_BITS) << 64;
            JobTypes.emitOpened(jobId, terms, block.number + SEED_BLOCKS, members);
        }
        Calls.open(staking, terms, members);
    }

    /// @inheritdoc IJobManager
    function submitResults(
        bytes32 jobId,
        bytes32 modelHash,
        bytes32 modelCidDigest,
        KeyResult[] calldata results
    ) external {
        uint256 slot = _slotIn(jobId, uint256(Status.Running));
        unchecked {
            uint256 frame = JobTypes.resultFrame(jobId, slot.attemptOf(), modelHash, modelCidDigest);
            _checkResults(jobId, slot, frame, results);
            uint256 height = block.number + SEED_BLOCKS;
            _slots[jobId] = slot.submitted(height, block.timestamp + slot.drawSecondsOf());
            uint256 mask = slot.activeOf() & ~slot.submittedOf();
            JobTypes.emitAllSubmitted(frame, slot.attemptOf() | (mask << 32) | (height << 64), results);
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
        if ((slot >> 8) & 1 != 0 || VerdictRules.removedBy(verdict) | verdict.lazyMask != 0) {
            revert BadVerdict();
        }
        VerdictRules.check(verdict, slot.submittedOf(), terms.segmentCount());
        uint256 ids = _idsIn(jobId, slot, terms.workerCount() > JobSlot.WORKERS_HERE);
        uint256[] memory drawn = _firstPanel(jobId, terms, slot, ids);
        _checkOpenings(jobId, terms, slot, verdict, openings, drawn);
        _slots[jobId] = slot.settled();
        (uint256[] memory postings, uint64 burnGwei) = _shareOut(
            jobId,
            terms,
            slot,
            verdict.segments,
            ids,
            drawn
        );
        JobTypes.emitAgreed(jobId, verdict, heldOutKey, Gwei.toWei(burnGwei), postings);
        Calls.settle(staking, terms, postings, burnGwei);
    }

    /// @dev The slot of a job of this status whose deadline has not passed.
    function _slotIn(bytes32 jobId, uint256 status) private view returns (uint256 slot) {
        slot = _slots[jobId];
        if (slot.statusOf() != status) revert WrongStatus(Status(slot.statusOf()));
        if (block.timestamp > slot.deadlineOf()) revert TooLate(slot.deadlineOf());
    }

    /// @dev Numbers of the workers in one word, index 0 lowest; those of the first three only unless all are wanted.
    function _idsIn(bytes32 jobId, uint256 slot, bool areAll) private view returns (uint256 ids) {
        unchecked {
            ids = (slot >> 128) & JobSlot.WORKERS_MASK;
            if (areAll) ids |= (_more[jobId] >> 64) << JobSlot.WORKERS_BITS;
        }
    }

    /// @dev The workers that have not submitted signed these results, in their order.
    function _checkResults(
        bytes32 jobId,
        uint256 slot,
        uint256 frame,
        KeyResult[] calldata results
    ) private view {
        unchecked {
            uint256 waiting = slot.activeOf() & ~slot.submittedOf();
            uint256 ids = _idsIn(jobId, slot, waiting >> JobSlot.WORKERS_HERE != 0);
            bytes32 separator = domainSeparator();
            uint256 count;
            for (; waiting != 0; waiting >>= 1) {
                if (waiting & 1 != 0) {
                    if (count == results.length) revert TooFewWorkers(count);
                    KeyResult calldata result = results[count++];
                    bytes32 structHash = JobTypes.keyResult(frame, result);
                    address signer = Signatures.signerOf(separator, structHash, result.r, result.vs);
                    if (_members[signer].id() != ids & JobSlot.ID_MASK) revert BadSignature(signer);
                }
                ids >>= JobSlot.ID_BITS;
            }
            if (count != results.length) revert TooFewWorkers(results.length);
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

    /// @dev Who gets what of all that is left of a job whose evaluators have no locks, the client's refund last: what
    /// `_bookOf` and `_addRefund` write for a clean verdict of the whole first panel.
    function _shareOut(
        bytes32 jobId,
        Terms calldata terms,
        uint256 slot,
        uint128 segments,
        uint256 ids,
        uint256[] memory drawn
    ) private view returns (uint256[] memory postings, uint64 burnGwei) {
        unchecked {
            uint64 reward = terms.rewardGwei();
            uint64 workerPot = Shares.ofBps(reward, terms.workerBps());
            uint64 share = Shares.ofBps(reward, terms.evaluatorBps());
            burnGwei = reward - workerPot - share; // the bps are at most all of it
            uint64 refund = terms.auditDepositGwei();
            if (slot.isSharePaidIn()) {
                refund -= uint64(_more[jobId]);
                uint64 fromDeposit;
                (share, fromDeposit) = Shares.evaluatorPot(
                    share,
                    terms.evaluatorCount(),
                    true,
                    drawn.length,
                    refund
                );
                refund -= fromDeposit;
            }
            postings = new uint256[](WORKERS_MAX + drawn.length + 1);
            uint256 count = _postCredits(postings, ids, slot.submittedOf(), segments, workerPot);
            for (uint256 i; i < drawn.length; ++i) {
                uint64 part = Shares.evenly(share, drawn.length, i);
                postings[count++] = Posting.pack(drawn[i].owner(), part, AccountSlot.COMPLETED, 0);
            }
            if (refund != 0) postings[count++] = Posting.pack(terms.client(), refund, 0, 0);
            assembly ("memory-safe") {
                mstore(postings, count)
            }
        }
    }

    /// @dev Postings of the workers of the mask, by credited segments, as `Shares.bySegments` splits the pot.
    function _postCredits(
        uint256[] memory postings,
        uint256 ids,
        uint256 mask,
        uint256 segments,
        uint64 pot
    ) private view returns (uint256 count) {
        unchecked {
            uint256 total = Shares.totalOf(segments); // above 0 in a checked verdict
            uint64 left = pot;
            for (; mask != 0; mask >>= 1) {
                if (mask & 1 != 0) {
                    uint64 part;
                    if (segments & 0xffff != 0) {
                        part =
                            segments >> 16 == 0 ? left : uint64((uint256(pot) * (segments & 0xffff)) / total);
                        left -= part;
                    }
                    address owner = _owners[ids & JobSlot.ID_MASK];
                    postings[count++] = Posting.pack(owner, part, AccountSlot.COMPLETED, LOCK_WORKER);
                }
                segments >>= 16;
                ids >>= JobSlot.ID_BITS;
            }
        }
    }

    /// @dev The workers whose keys signed, one word each, and their numbers in one word.
    function _consenting(
        bytes32 jobId,
        Terms calldata terms,
        KeyConsent[] calldata consents
    ) private view returns (uint256[] memory members, uint256 ids) {
        unchecked {
            uint256 count = consents.length;
            if (count < terms.workerCountMin() || count > terms.workerCount()) revert TooFewWorkers(count);
            members = new uint256[](count);
            uint256 reward = _rewardOf(terms);
            bytes32 separator = domainSeparator();
            for (uint256 i; i < count; ++i) {
                KeyConsent calldata consent = consents[i];
                uint256 member = _admitted(address(uint160(consent.signer)), terms, reward);
                members[i] = member;
                ids |= _newId(ids, member) << (i * JobSlot.ID_BITS);
                _checkConsent(jobId, terms, separator, consent, member);
            }
        }
    }

    /// @dev Nobody works twice in a job.
    function _newId(uint256 ids, uint256 member) private pure returns (uint256 id) {
        unchecked {
            id = member.id();
            for (; ids != 0; ids >>= JobSlot.ID_BITS) {
                if (ids & JobSlot.ID_MASK == id) revert AlreadyDone(member.owner());
            }
        }
    }

    function _checkConsent(
        bytes32 jobId,
        Terms calldata terms,
        bytes32 separator,
        KeyConsent calldata consent,
        uint256 member
    ) private view {
        uint256 signer = consent.signer;
        bytes32 structHash = _consentHash(jobId, terms, member, uint64(signer >> 160));
        address who = Signatures.signerOf(separator, structHash, consent.r, consent.vs);
        if (who != address(uint160(signer)) || who == address(0))
            revert BadSignature(address(uint160(signer)));
    }
}
