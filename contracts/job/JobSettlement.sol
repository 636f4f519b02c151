// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccountSlot} from "../libraries/AccountSlot.sol";
import {Gwei} from "../libraries/Gwei.sol";
import {JobSlot} from "../libraries/JobSlot.sol";
import {Posting} from "../libraries/Posting.sol";
import {Shares} from "../libraries/Shares.sol";
import {JobBase} from "./JobBase.sol";

/// @title Where the money of a job goes. Callers save the job's new state before they call.
abstract contract JobSettlement is JobBase {
    using Posting for uint256[];

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

    /// @dev Money that moves on together in one call to staking, and its event.
    struct Book {
        uint256[] postings;
        address[] accounts;
        uint256[] amountsWei;
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
        Book memory book = _open(payment.workers.length + payment.evaluators.length);
        book.burnGwei = reward - workerPot - share;
        book.refundGwei = Gwei.fromWei(terms.auditDepositWei) - _auditSpent(payment.jobId, job);
        _postWorkers(book, payment, workerPot, Gwei.fromWei(terms.workerStakeWei));
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
        Book memory book = _open(payment.evaluators.length + 1);
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
        uint256[] memory ids,
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
        Book memory book = _open(1);
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

    function _postWorkers(
        Book memory book,
        Payment memory payment,
        uint64 pot,
        uint64 unlockGwei
    ) private pure {
        uint64[8] memory parts = Shares.bySegments(pot, payment.segments);
        uint256 mask = payment.workerMask;
        for (uint256 i; i < payment.workers.length; ++i) {
            if ((mask >> i) & 1 == 0) continue;
            _post(book, payment.workers[i], unlockGwei, parts[i], AccountSlot.COMPLETED);
        }
    }

    function _postEvaluators(Book memory book, Payment memory payment, uint64 pot) private pure {
        uint256 count = payment.evaluators.length;
        for (uint256 i; i < count; ++i) {
            uint64 part = Shares.evenly(pot, count, i);
            _post(book, payment.evaluators[i], payment.unlockGwei, part, payment.fact);
        }
    }

    /// @dev Room for so many receivers, and the client's refund.
    function _open(uint256 size) private pure returns (Book memory book) {
        book.postings = new uint256[](2 * size + 2);
        book.accounts = new address[](size);
        book.amountsWei = new uint256[](size);
    }

    function _post(
        Book memory book,
        address account,
        uint64 unlockGwei,
        uint64 creditGwei,
        uint8 fact
    ) private pure {
        if (unlockGwei == 0 && creditGwei == 0 && fact == 0) return;
        uint256 place = book.count;
        book.postings.write(place, account, fact, unlockGwei, creditGwei);
        book.accounts[place] = account;
        book.amountsWei[place] = Gwei.toWei(creditGwei);
        book.count = place + 1;
    }

    /// @dev Writes the event and moves the money.
    function _close(bytes32 jobId, address client, Book memory book, bool isOver) private {
        uint256 count = book.count;
        address[] memory accounts = book.accounts;
        uint256[] memory amountsWei = book.amountsWei;
        uint256[] memory postings = book.postings;
        uint64 refundGwei = book.refundGwei;
        if (refundGwei != 0) postings.write(count, client, 0, 0, refundGwei);
        assembly ("memory-safe") {
            mstore(accounts, count)
            mstore(amountsWei, count)
            mstore(postings, mul(2, add(count, iszero(iszero(refundGwei)))))
        }
        emit PaymentDistributed(
            jobId,
            accounts,
            amountsWei,
            Gwei.toWei(refundGwei),
            Gwei.toWei(book.burnGwei)
        );
        staking.settle(postings, book.burnGwei, isOver);
    }
}
