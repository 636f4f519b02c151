// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The slot of an account: stake, lock, earnings, reputation.
/// @notice Low to high bits: active 64 | locked 64 | earnings 64 | pooled 1 | completed 16 | timeouts 8 | invalids 8 |
/// score 16 (offset by 1000) | week of the score 15.
library AccountSlot {
    uint256 private constant AMOUNT = type(uint64).max;
    uint256 private constant POOLED = 1 << 192;
    uint256 private constant FACTS_AT = 193;
    /// @dev One more completed, ten more of score.
    uint256 private constant COMPLETED_STEP = (1 << FACTS_AT) | (10 << (FACTS_AT + 32));
    int256 private constant SCORE_MIN = -1000;
    int256 private constant SCORE_MAX = 30_000;

    uint8 internal constant COMPLETED = 1;
    uint8 internal constant TIMED_OUT = 2;
    uint8 internal constant INVALID = 3;

    struct Facts {
        uint256 completed;
        uint256 timeouts;
        uint256 invalids;
        int256 score;
    }

    function active(uint256 slot) internal pure returns (uint64) {
        return uint64(slot);
    }

    function locked(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 64);
    }

    function earnings(uint256 slot) internal pure returns (uint64) {
        return uint64(slot >> 128);
    }

    /// @notice Active stake that is not locked.
    function free(uint256 slot) internal pure returns (uint256) {
        unchecked {
            return (slot & AMOUNT) - ((slot >> 64) & AMOUNT);
        }
    }

    function isPooled(uint256 slot) internal pure returns (bool) {
        return slot & POOLED != 0;
    }

    function withActive(uint256 slot, uint64 amount) internal pure returns (uint256) {
        return (slot & ~AMOUNT) | amount;
    }

    function withLocked(uint256 slot, uint64 amount) internal pure returns (uint256) {
        return (slot & ~(AMOUNT << 64)) | (uint256(amount) << 64);
    }

    function withEarnings(uint256 slot, uint64 amount) internal pure returns (uint256) {
        return (slot & ~(AMOUNT << 128)) | (uint256(amount) << 128);
    }

    function withPooled(uint256 slot, bool pooled) internal pure returns (uint256) {
        return pooled ? slot | POOLED : slot & ~POOLED;
    }

    /// @notice Releases a lock; never more than there is, since a slash may have cut it.
    function unlock(uint256 slot, uint256 amount) internal pure returns (uint256) {
        unchecked {
            uint256 held = (slot >> 64) & AMOUNT;
            if (amount < held) held = amount;
            return slot - (held << 64);
        }
    }

    /// @notice Adds earnings. Reverts where they would leave 64 bits.
    function credited(uint256 slot, uint256 amount) internal pure returns (uint256) {
        unchecked {
            assert(amount <= AMOUNT - ((slot >> 128) & AMOUNT));
            return slot + (amount << 128);
        }
    }

    /// @notice Takes up to `amount` of the active stake; the lock never stays above it.
    function take(uint256 slot, uint64 amount) internal pure returns (uint256 rest, uint64 taken) {
        uint64 held = active(slot);
        taken = amount < held ? amount : held;
        rest = withActive(slot, held - taken);
        if (locked(rest) > held - taken) rest = withLocked(rest, held - taken);
    }

    /// @notice Notes a fact: 1 completed, 2 timed out, 3 invalid. Counters stop at their largest value.
    /// @param week weeks since 1970
    function note(uint256 slot, uint256 fact, uint256 week) internal pure returns (uint256) {
        if (fact == 0) return slot;
        unchecked {
            // Most facts: one more job done in a week that is noted already, with nothing near its end.
            if (fact == COMPLETED && slot >> (FACTS_AT + 48) == week && week != 0) {
                uint256 word = slot >> FACTS_AT;
                bool hasRoom =
                    word & 0xffff != 0xffff && (word >> 32) & 0xffff <= uint256(SCORE_MAX - SCORE_MIN - 10);
                if (hasRoom) return slot + COMPLETED_STEP;
            }
            return _noted(slot, fact, week);
        }
    }

    function _noted(uint256 slot, uint256 fact, uint256 week) private pure returns (uint256) {
        unchecked {
            uint256 counts = (slot >> FACTS_AT) & 0xffffffff;
            int256 score = _scoreAt(slot, week);
            if (fact == COMPLETED) {
                if (counts & 0xffff != 0xffff) ++counts;
                score += 10;
            } else if (fact == TIMED_OUT) {
                if (counts & 0xff0000 != 0xff0000) counts += 0x10000;
                score -= 20;
            } else {
                if (counts >> 24 != 0xff) counts += 0x1000000;
                score -= 50;
            }
            if (score < SCORE_MIN) score = SCORE_MIN;
            if (score > SCORE_MAX) score = SCORE_MAX;
            uint256 word = counts | (uint256(score - SCORE_MIN) << 32) | ((week & 0x7fff) << 48);
            return (slot & ((1 << FACTS_AT) - 1)) | (word << FACTS_AT);
        }
    }

    /// @notice Facts of an account, the score as of `week`: a positive one loses 1 % a week.
    function factsOf(uint256 slot, uint256 week) internal pure returns (Facts memory facts) {
        uint256 word = slot >> FACTS_AT;
        facts.completed = word & 0xffff;
        facts.timeouts = (word >> 16) & 0xff;
        facts.invalids = (word >> 24) & 0xff;
        facts.score = _scoreAt(slot, week);
    }

    function _scoreAt(uint256 slot, uint256 week) private pure returns (int256 score) {
        unchecked {
            uint256 word = slot >> FACTS_AT;
            uint256 noted = (word >> 48) & 0x7fff;
            if (noted == 0) return 0;
            score = int256((word >> 32) & 0xffff) + SCORE_MIN;
            if (score > 0 && week > noted) {
                uint256 weeks_ = week - noted < 100 ? week - noted : 100;
                score -= (score * int256(weeks_)) / 100;
            }
        }
    }
}
