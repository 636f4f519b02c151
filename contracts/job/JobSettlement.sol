// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccountSlot} from "../libraries/AccountSlot.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {Posting} from "../libraries/Posting.sol";
import {Shares} from "../libraries/Shares.sol";
import {TermsWords} from "../libraries/TermsWords.sol";
import {JobBase} from "./JobBase.sol";

/// @title Where the money of a job goes. Callers save the job's new state before they call.
abstract contract JobSettlement is JobBase {
    using TermsWords for Terms;
    /// @dev Which lock a posting releases.
    uint256 internal constant LOCK_WORKER = 1;
    uint256 private constant LOCK_EVALUATOR = 2;

    /// @dev What is paid at one moment of a job.
    /// @param workers numbers by worker index
    /// @param hasLocks whether the evaluators' stake is locked
    /// @param fact what is noted of the evaluators
    struct Payment {
        bytes32 jobId;
        uint256[] workers;
        uint256 workerMask;
        uint128 segments;
        address[] evaluators;
        bool hasLocks;
        uint8 fact;
    }

    /// @dev A lost claim, and what ends by it.
    /// @param worker number of the account that lost it
    /// @param released evaluators whose panel ends
    /// @param endsJob whether nobody is left to go on
    struct Proven {
        bytes32 claimId;
        uint256 worker;
        address reporter;
        address[] released;
        bool endsJob;
        uint64 refundGwei;
    }

    /// @dev Money that moves on together in one call to staking, and its event.
    struct Book {
        uint256[] postings;
        uint256 count;
        uint64 refundGwei;
        uint64 burnGwei;
    }

    /// @dev Pays everything that is left of a job: workers of the mask by credited segments, evaluators evenly, the
    /// client's refund, the burn. Without evaluators their unpaid share is refunded.
    /// @return refundGwei what the client gets back
    function _payOut(
        Terms calldata terms,
        JobSlot.Job memory job,
        Payment memory payment
    ) internal returns (uint64 refundGwei) {
        Book memory book = _bookOf(terms, payment, job.isSharePaid, _auditSpent(payment.jobId, job));
        refundGwei = book.refundGwei;
        _close(payment.jobId, terms, book, true);
    }

    /// @dev Who gets what of all that is left of a job.
    function _bookOf(
        Terms calldata terms,
        Payment memory payment,
        bool isSharePaid,
        uint64 auditSpentGwei
    ) private view returns (Book memory book) {
        unchecked {
            uint64 reward = terms.rewardGwei();
            uint64 workerPot = Shares.ofBps(reward, terms.workerBps());
            uint64 share = Shares.ofBps(reward, terms.evaluatorBps());
            uint256 agreed = payment.evaluators.length;
            book.postings = new uint256[](payment.workers.length + agreed + 1);
            book.burnGwei = reward - workerPot - share; // the bps are at most all of it
            book.refundGwei = terms.auditDepositGwei() - auditSpentGwei;
            _postWorkers(book, payment, workerPot);
            if (agreed != 0) {
                _postAgreed(terms, book, payment, share, isSharePaid);
            } else if (!isSharePaid) {
                book.refundGwei += share;
            }
        }
    }

    /// @dev The evaluators' share, and what the deposit adds.
    function _postAgreed(
        Terms calldata terms,
        Book memory book,
        Payment memory payment,
        uint64 share,
        bool isSharePaid
    ) private pure {
        (uint64 pot, uint64 fromDeposit) = Shares.evaluatorPot(
            share,
            terms.evaluatorCount(),
            isSharePaid,
            payment.evaluators.length,
            book.refundGwei
        );
        book.refundGwei -= fromDeposit;
        _postEvaluators(book, payment, pot);
    }

    /// @dev Pays the evaluators of a verdict that names workers, out of the share, the deposit and the slashed
    /// stake, of which the client gets its part; the rest of that is burned. Where no worker is left, the client
    /// gets what remains of the escrow.
    /// @return fromDeposit what the audit deposit paid
    function _payReporters(
        Terms calldata terms,
        JobSlot.Job memory job,
        Payment memory payment,
        uint64 slashedGwei,
        bool isOver
    ) internal returns (uint64 fromDeposit) {
        uint64 share = Shares.ofBps(terms.rewardGwei(), terms.evaluatorBps());
        uint64 depositLeft = terms.auditDepositGwei() - _auditSpent(payment.jobId, job);
        uint64 pot;
        (pot, fromDeposit) = Shares.evaluatorPot(
            share,
            terms.evaluatorCount(),
            job.isSharePaid,
            payment.evaluators.length,
            depositLeft
        );
        Book memory book;
        book.postings = new uint256[](payment.evaluators.length + 2);
        uint64 reporters = Shares.ofBps(slashedGwei, terms.reporterBps());
        uint64 harmed = Shares.ofBps(slashedGwei, terms.clientBps());
        book.burnGwei = slashedGwei - reporters - harmed;
        _postEvaluators(book, payment, pot + reporters);
        _post(book, Posting.pack(terms.client(), harmed, 0, 0));
        if (isOver) book.refundGwei = terms.rewardGwei() - share + depositLeft - fromDeposit;
        _close(payment.jobId, terms, book, isOver);
    }

    /// @dev Takes stake of each account and releases its lock.
    function _punish(
        uint256[] memory ids,
        uint64 amountGwei,
        uint64 unlockGwei,
        uint8 fact
    ) internal returns (address[] memory owners, uint256[] memory amountsWei, uint64 totalGwei) {
        owners = _ownersOf(ids);
        amountsWei = new uint256[](owners.length);
        for (uint256 i; i < owners.length; ++i) {
            uint64 taken = staking.slash(owners[i], amountGwei, unlockGwei, fact);
            amountsWei[i] = Gwei.toWei(taken);
            totalGwei += taken;
        }
    }

    /// @dev Splits slashed stake that nobody reported: the client's part, the rest burned. `refundGwei` goes to the
    /// client as well.
    function _splitSlashed(
        bytes32 jobId,
        Terms calldata terms,
        uint64 slashedGwei,
        uint64 refundGwei,
        bool isOver
    ) internal {
        Book memory book;
        book.postings = new uint256[](2);
        uint64 harmed = Shares.ofBps(slashedGwei, terms.clientBps());
        book.burnGwei = slashedGwei - harmed;
        book.refundGwei = refundGwei;
        _post(book, Posting.pack(terms.client(), harmed, 0, 0));
        _close(jobId, terms, book, isOver);
    }

    /// @dev Splits stake that a proof took, and releases evaluators.
    function _splitProven(
        bytes32 jobId,
        Terms calldata terms,
        Proven memory proven,
        uint64 slashedGwei
    ) internal {
        Book memory book;
        book.postings = new uint256[](proven.released.length + 3);
        uint64 found = Shares.ofBps(slashedGwei, terms.reporterBps());
        uint64 harmed = Shares.ofBps(slashedGwei, terms.clientBps());
        book.burnGwei = slashedGwei - found - harmed;
        book.refundGwei = proven.refundGwei;
        _post(book, Posting.pack(proven.reporter, found, 0, 0));
        _post(book, Posting.pack(terms.client(), harmed, 0, 0));
        for (uint256 i; i < proven.released.length; ++i) {
            _post(book, Posting.pack(proven.released[i], 0, 0, LOCK_EVALUATOR));
        }
        _close(jobId, terms, book, proven.endsJob);
    }

    /// @dev The next attempt with the workers that are still active; the end of the job where there are none.
    /// @param refundGwei what the client gets back then
    function _restart(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job,
        uint64 refundGwei
    ) internal {
        job.submittedMask = 0;
        job.committedMask = 0;
        job.revealedMask = 0;
        job.drawn = 0;
        job.panel = 0;
        job.panelStart = 0;
        if (job.activeMask == 0) {
            Status from = Status(job.status);
            _end(jobId, job, Status.Expired);
            emit JobExpired(jobId, from, Gwei.toWei(refundGwei));
            return;
        }
        ++job.attempt;
        job.status = uint256(Status.Running);
        job.deadline = block.timestamp + terms.runSeconds();
        job.seedHeight = terms.drawSeconds();
        _save(jobId, job);
        emit AttemptStarted(jobId, uint32(job.attempt), uint8(job.activeMask), uint64(job.deadline));
    }

    /// @dev Escrow of a job that nothing but attestations was paid from.
    function _unpaid(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job
    ) internal view returns (uint64) {
        uint64 reward = terms.rewardGwei();
        uint64 deposit = terms.auditDepositGwei();
        if (!job.isSharePaid) return reward + deposit;
        return reward - Shares.ofBps(reward, terms.evaluatorBps()) + deposit - _auditSpent(jobId, job);
    }

    function _postWorkers(Book memory book, Payment memory payment, uint64 pot) private view {
        unchecked {
            uint64[8] memory parts = Shares.bySegments(pot, payment.segments);
            uint256 mask = payment.workerMask;
            for (uint256 i; i < payment.workers.length; ++i) {
                if ((mask >> i) & 1 == 0) continue;
                address owner = _owners[payment.workers[i]];
                _post(book, Posting.pack(owner, parts[i], AccountSlot.COMPLETED, LOCK_WORKER));
            }
        }
    }

    function _postEvaluators(Book memory book, Payment memory payment, uint64 pot) private pure {
        unchecked {
            uint256 count = payment.evaluators.length;
            uint256 lock = payment.hasLocks ? LOCK_EVALUATOR : 0;
            for (uint256 i; i < count; ++i) {
                uint64 part = Shares.evenly(pot, count, i);
                _post(book, Posting.pack(payment.evaluators[i], part, payment.fact, lock));
            }
        }
    }

    function _post(Book memory book, uint256 posting) private pure {
        if (posting >> 160 != 0) book.postings[book.count++] = posting;
    }

    /// @dev Writes the event and moves the money.
    function _close(bytes32 jobId, Terms calldata terms, Book memory book, bool isOver) private {
        _emitPaid(jobId, book);
        _addRefund(terms, book);
        staking.settle(book.postings, terms.amounts >> 128, book.burnGwei, isOver);
    }

    function _emitPaid(bytes32 jobId, Book memory book) private {
        uint256[] memory postings = book.postings;
        uint256 count = book.count;
        assembly ("memory-safe") {
            mstore(postings, count)
        }
        emit PaymentDistributed(jobId, postings, Gwei.toWei(book.refundGwei), Gwei.toWei(book.burnGwei));
    }

    /// @dev Adds the client's refund as the last posting, and cuts the list to its length.
    function _addRefund(Terms calldata terms, Book memory book) private pure {
        uint256[] memory postings = book.postings;
        uint256 count = book.count;
        uint256 refund = Posting.pack(terms.client(), book.refundGwei, 0, 0);
        if (book.refundGwei != 0) ++count;
        assembly ("memory-safe") {
            mstore(postings, count)
        }
        if (book.refundGwei != 0) postings[count - 1] = refund;
    }
}
