// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The slot of a job: its whole state machine and its first three workers.
/// @notice Low to high bits: status 4 | attempt 4 | panel 1 | sharePaid 1 | activeMask 8 | submittedMask 8 |
/// volunteers 7 | drawn 4 | panelStart 4 | committedMask 16 | revealedMask 16 | deadline 32 | seedHeight 32 |
/// worker ids 3 x 32. Together 233 bits.
library JobSlot {
    /// @param status IJobTypes.Status
    /// @param isSharePaid whether the evaluators' share of the reward is paid
    /// @param drawn evaluators drawn in this attempt
    /// @param panelStart index of the present panel's first evaluator
    /// @param revealedMask who revealed; once completed, who agreed
    /// @param ids numbers of workers 0 to 2
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
        job.status = slot & 0xf;
        job.attempt = (slot >> 4) & 0xf;
        job.panel = (slot >> 8) & 1;
        job.isSharePaid = (slot >> 9) & 1 == 1;
        job.activeMask = (slot >> 10) & 0xff;
        job.submittedMask = (slot >> 18) & 0xff;
        job.volunteers = (slot >> 26) & 0x7f;
        job.drawn = (slot >> 33) & 0xf;
        job.panelStart = (slot >> 37) & 0xf;
        job.committedMask = (slot >> 41) & 0xffff;
        job.revealedMask = (slot >> 57) & 0xffff;
        job.deadline = (slot >> 73) & 0xffffffff;
        job.seedHeight = (slot >> 105) & 0xffffffff;
        job.ids = slot >> 137;
    }

    function pack(Job memory job) internal pure returns (uint256 slot) {
        slot = job.status | (job.attempt << 4) | (job.panel << 8);
        if (job.isSharePaid) slot |= 1 << 9;
        slot |= (job.activeMask << 10) | (job.submittedMask << 18) | (job.volunteers << 26);
        slot |= (job.drawn << 33) | (job.panelStart << 37);
        slot |= (job.committedMask << 41) | (job.revealedMask << 57);
        slot |= (job.deadline << 73) | (job.seedHeight << 105) | (job.ids << 137);
    }

    /// @notice Number of set bits of a mask of at most 16 bits.
    function count(uint256 mask) internal pure returns (uint256 bits) {
        for (; mask != 0; mask &= mask - 1) ++bits;
    }

    /// @notice Bits `from` to `to` - 1.
    function range(uint256 from, uint256 to) internal pure returns (uint256) {
        return ((1 << to) - 1) & ~((1 << from) - 1);
    }
}
