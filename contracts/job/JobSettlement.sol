// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IStaking} from "../interfaces/IStaking.sol";
import {AccountSlot} from "../libraries/AccountSlot.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {Shares} from "../libraries/Shares.sol";
import {JobBase} from "./JobBase.sol";

/// @title Where the money of a job goes. Callers save the job's new state before they call.
abstract contract JobSettlement is JobBase {
    /// @dev What is paid at one moment of a job.
    /// @param unlockGwei lock of each evaluator to release
    /// @param fact what is noted of the evaluators
    struct Payment {
        bytes32 jobId;
        address[] workers;
        uint256 workerMask;
        uint128 segments;
        address[] evaluators;
        uint64 unlockGwei;
        uint8 fact;
    }

    /// @dev Money that moves on together in one call to staking.
    struct Book {
        IStaking.Posting[] postings;
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
        uint64 reward = Gwei.fromWei(terms.rewardWei);
        uint64 workerPot = Shares.ofBps(reward, terms.workerBps);
        uint64 share = Shares.ofBps(reward, terms.evaluatorBps);
        Book memory book = _open(payment.workers.length + payment.evaluators.length + 1);
        book.burnGwei = reward - workerPot - share;
        book.refundGwei = Gwei.fromWei(terms.auditDepositWei) - _auditSpent(payment.jobId, job);
        uint64[8] memory parts = Shares.bySegments(workerPot, payment.segments);
        uint64 unlock = Gwei.fromWei(terms.workerStakeWei);
        for (uint256 i; i < payment.workers.length; ++i) {
            if ((payment.workerMask >> i) & 1 == 0) continue;
            _post(book, payment.workers[i], unlock, parts[i], AccountSlot.COMPLETED);
        }
        uint256 agreed = payment.evaluators.length;
        if (agreed == 0) {
            if (!job.isSharePaid) book.refundGwei += share;
        } else {
            (uint64 pot, uint64 fromDeposit) = Shares.evaluatorPot(
                share,
                terms.evaluatorCount,
                job.isSharePaid,
                agreed,
                book.refundGwei
            );
            book.refundGwei -= fromDeposit;
            _postEvaluators(book, payment, pot);
        }
        refundGwei = book.refundGwei;
        _close(payment.jobId, terms.client, book, true);
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
        uint64 share = Shares.ofBps(Gwei.fromWei(terms.rewardWei), terms.evaluatorBps);
        uint64 depositLeft = Gwei.fromWei(terms.auditDepositWei) - _auditSpent(payment.jobId, job);
        uint64 pot;
        (pot, fromDeposit) = Shares.evaluatorPot(
            share,
            terms.evaluatorCount,
            job.isSharePaid,
            payment.evaluators.length,
            depositLeft
        );
        Book memory book = _open(payment.evaluators.length + 2);
        uint64 reporters = Shares.ofBps(slashedGwei, terms.reporterBps);
        uint64 harmed = Shares.ofBps(slashedGwei, terms.clientBps);
        book.burnGwei = slashedGwei - reporters - harmed;
        _postEvaluators(book, payment, pot + reporters);
        _post(book, terms.client, 0, harmed, 0);
        if (isOver) book.refundGwei = Gwei.fromWei(terms.rewardWei) - share + depositLeft - fromDeposit;
        _close(payment.jobId, terms.client, book, isOver);
    }

    /// @dev Takes stake of each account and releases its lock.
    function _punish(
        uint32[] memory ids,
        uint64 amountGwei,
        uint64 unlockGwei,
        uint8 fact
    ) internal returns (address[] memory owners, uint256[] memory amountsWei, uint64 totalGwei) {
        owners = registry.ownersOf(ids);
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
        Book memory book = _open(2);
        uint64 harmed = Shares.ofBps(slashedGwei, terms.clientBps);
        book.burnGwei = slashedGwei - harmed;
        book.refundGwei = refundGwei;
        _post(book, terms.client, 0, harmed, 0);
        _close(jobId, terms.client, book, isOver);
    }

    /// @dev Escrow of a job that nothing but attestations was paid from.
    function _unpaid(
        bytes32 jobId,
        Terms calldata terms,
        JobSlot.Job memory job
    ) internal view returns (uint64) {
        uint64 reward = Gwei.fromWei(terms.rewardWei);
        uint64 deposit = Gwei.fromWei(terms.auditDepositWei);
        if (!job.isSharePaid) return reward + deposit;
        return reward - Shares.ofBps(reward, terms.evaluatorBps) + deposit - _auditSpent(jobId, job);
    }

    function _postEvaluators(Book memory book, Payment memory payment, uint64 pot) private pure {
        uint256 count = payment.evaluators.length;
        for (uint256 i; i < count; ++i) {
            uint64 part = Shares.evenly(pot, count, i);
            _post(book, payment.evaluators[i], payment.unlockGwei, part, payment.fact);
        }
    }

    function _open(uint256 size) private pure returns (Book memory book) {
        book.postings = new IStaking.Posting[](size);
    }

    function _post(
        Book memory book,
        address account,
        uint64 unlockGwei,
        uint64 creditGwei,
        uint8 fact
    ) private pure {
        if (unlockGwei == 0 && creditGwei == 0 && fact == 0) return;
        IStaking.Posting memory posting = book.postings[book.count];
        posting.account = account;
        posting.unlockGwei = unlockGwei;
        posting.creditGwei = creditGwei;
        posting.fact = fact;
        ++book.count;
    }

    /// @dev Writes the event and moves the money.
    function _close(bytes32 jobId, address client, Book memory book, bool isOver) private {
        uint256 count = book.count;
        address[] memory accounts = new address[](count);
        uint256[] memory amountsWei = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            accounts[i] = book.postings[i].account;
            amountsWei[i] = Gwei.toWei(book.postings[i].creditGwei);
        }
        emit PaymentDistributed(
            jobId,
            accounts,
            amountsWei,
            Gwei.toWei(book.refundGwei),
            Gwei.toWei(book.burnGwei)
        );
        _post(book, client, 0, book.refundGwei, 0);
        IStaking.Posting[] memory postings = book.postings;
        count = book.count;
        assembly ("memory-safe") {
            mstore(postings, count)
        }
        staking.settle(postings, book.burnGwei, isOver);
    }
}
