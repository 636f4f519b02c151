// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The slot of a job: its whole state machine, its first three workers and its first two evaluators.
/// @notice Low to high bits: status 4 | attempt 4 | panel 1 | sharePaid 1 | activeMask 8 | submittedMask 8 (while posted:
/// volunteers) | drawn 4 | panelStart 4 | committedMask 15 | revealedMask 15 | deadline 32 | seedHeight 32 (while
/// running: the seconds in which evaluators are to be drawn) | account ids 5 x 24 | proven mask 8 (workers that lost a
/// dispute about a claim).
library JobSlot {
    uint256 internal constant ID_BITS = 24;
    uint256 internal constant ID_MASK = (1 << ID_BITS) - 1;
    /// @dev Workers and evaluators whose ids stand in the slot.
    uint256 internal constant WORKERS_HERE = 3;
    uint256 internal constant EVALUATORS_HERE = 2;
    uint256 internal constant WORKERS_BITS = WORKERS_HERE * ID_BITS;
    uint256 internal constant WORKERS_MASK = (1 << WORKERS_BITS) - 1;
    uint256 private constant PROVEN_AT = 120;
    uint256 private constant POSTED = 1;

    /// @param status IJobTypes.Status
    /// @param isSharePaid whether the evaluators' share of the reward is paid
    /// @param drawn evaluators drawn in this attempt
    /// @param panelStart index of the present panel's first evaluator
    /// @param revealedMask who revealed; once completed, who agreed
    /// @param ids workers 0 to 2, then evaluators 0 and 1; above them the proven mask
    struct Job {
        uint256 status;
        uint256 attempt;
        uint256 panel;
        bool isSharePaid;
        uint256 activeMask;
        uint256 submittedMask;
        uint256 volunteers;
        uint256 drawn;
        uint256 panelStart;
        uint256 committedMask;
        uint256 revealedMask;
        uint256 deadline;
        uint256 seedHeight;
        uint256 ids;
    }

    function unpack(uint256 slot) internal pure returns (Job memory job) {
        fill(job, slot);
    }

    /// @notice Unpacks into memory that is there already.
    function fill(Job memory job, uint256 slot) internal pure {
        unchecked {
            job.status = slot & 0xf;
            job.attempt = (slot >> 4) & 0xf;
            job.panel = (slot >> 8) & 1;
            job.isSharePaid = (slot >> 9) & 1 == 1;
            job.activeMask = (slot >> 10) & 0xff;
            if (slot & 0xf == POSTED) job.volunteers = (slot >> 18) & 0xff;
            else job.submittedMask = (slot >> 18) & 0xff;
            job.drawn = (slot >> 26) & 0xf;
            job.panelStart = (slot >> 30) & 0xf;
            job.committedMask = (slot >> 34) & 0x7fff;
            job.revealedMask = (slot >> 49) & 0x7fff;
            job.deadline = (slot >> 64) & 0xffffffff;
            job.seedHeight = (slot >> 96) & 0xffffffff;
            job.ids = slot >> 128;
        }
    }

    function pack(Job memory job) internal pure returns (uint256 slot) {
        uint256 shared = job.status == POSTED ? job.volunteers : job.submittedMask;
        slot = job.status | (job.attempt << 4) | (job.panel << 8);
        if (job.isSharePaid) slot |= 1 << 9;
        slot |= (job.activeMask << 10) | (shared << 18) | (job.drawn << 26) | (job.panelStart << 30);
        slot |= (job.committedMask << 34) | (job.revealedMask << 49);
        slot |= (job.deadline << 64) | (job.seedHeight << 96) | (job.ids << 128);
    }

    /// @notice Whether the worker lost a dispute about a claim of this job.
    function isProven(Job memory job, uint256 worker) internal pure returns (bool) {
        return (job.ids >> (PROVEN_AT + worker)) & 1 == 1;
    }

    function setProven(Job memory job, uint256 worker) internal pure {
        job.ids |= 1 << (PROVEN_AT + worker);
    }

    /// @notice Workers that lost a dispute.
    function provenMask(Job memory job) internal pure returns (uint256) {
        return job.ids >> PROVEN_AT;
    }

    function statusOf(uint256 slot) internal pure returns (uint256) {
        return slot & 0xf;
    }

    function deadlineOf(uint256 slot) internal pure returns (uint256) {
        return (slot >> 64) & 0xffffffff;
    }

    function attemptOf(uint256 slot) internal pure returns (uint256) {
        return (slot >> 4) & 0xf;
    }

    function activeOf(uint256 slot) internal pure returns (uint256) {
        return (slot >> 10) & 0xff;
    }

    function submittedOf(uint256 slot) internal pure returns (uint256) {
        return (slot >> 18) & 0xff;
    }

    /// @notice Of a running job: seconds in which evaluators are to be drawn.
    function drawSecondsOf(uint256 slot) internal pure returns (uint256) {
        return (slot >> 96) & 0xffffffff;
    }

    function isSharePaidIn(uint256 slot) internal pure returns (bool) {
        return (slot >> 9) & 1 != 0;
    }

    /// @notice The slot of a running job once all its workers have submitted.
    function submitted(uint256 slot, uint256 seedHeight, uint256 deadline) internal pure returns (uint256) {
        uint256 kept = slot & ~(0xf | (uint256(0xff) << 18) | (uint256(type(uint64).max) << 64));
        return kept | 3 | (activeOf(slot) << 18) | (deadline << 64) | (seedHeight << 96);
    }

    /// @notice The slot of a job that is settled.
    function settled(uint256 slot) internal pure returns (uint256) {
        return (slot & ~(0xf | (uint256(type(uint32).max) << 64))) | 6;
    }

    /// @notice Id at a place of a list of ids, 24 bits each.
    function idAt(uint256 ids, uint256 place) internal pure returns (uint256) {
        unchecked {
            return (ids >> (place * ID_BITS)) & ID_MASK;
        }
    }

    /// @notice The list with an id written at a place that holds anything or nothing.
    function withId(uint256 ids, uint256 place, uint256 id) internal pure returns (uint256) {
        unchecked {
            uint256 shift = place * ID_BITS;
            return (ids & ~(ID_MASK << shift)) | (id << shift);
        }
    }

    /// @notice Number of set bits of a mask of at most 16 bits.
    function count(uint256 mask) internal pure returns (uint256 bits) {
        unchecked {
            for (; mask != 0; mask &= mask - 1) ++bits;
        }
    }

    /// @notice Bits `from` to `to` - 1.
    function range(uint256 from, uint256 to) internal pure returns (uint256) {
        unchecked {
            return ((1 << to) - 1) & ~((1 << from) - 1);
        }
    }
}
