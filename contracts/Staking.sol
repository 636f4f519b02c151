// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Time} from "@openzeppelin/contracts/utils/types/Time.sol";
import {IHolds} from "./interfaces/IHolds.sol";
import {IEvaluatorPool} from "./interfaces/IEvaluatorPool.sol";
import {IJobTypes} from "./interfaces/IJobTypes.sol";
import {IStaking} from "./interfaces/IStaking.sol";
import {ITrainToken} from "./interfaces/ITrainToken.sol";
import {AccountSlot} from "./libraries/AccountSlot.sol";
import {Gwei} from "./libraries/Gwei.sol";
import {Member} from "./libraries/Member.sol";
import {Posting} from "./libraries/Posting.sol";

/// @title Implements IStaking.
contract Staking is IStaking, ReentrancyGuardTransient {
    using AccountSlot for uint256;
    using Member for uint256;
    using Posting for uint256;
    using Checkpoints for Checkpoints.Trace208;
    using SafeERC20 for IERC20;

    /// @dev What the contract holds apart from accounts; one slot.
    struct Held {
        uint64 escrowGwei;
        uint64 burnedGwei;
        uint56 openJobs;
        uint64 slateVersion;
        uint8 slateMembers;
    }

    address public immutable token;
    address public immutable jobManager;
    address public immutable pool;
    IHolds public immutable disputes;
    /// @notice Seconds that leaving stake stays within reach of a slash; longer than any job with its appeals.
    uint64 public immutable thawSeconds;

    Held private _held;
    mapping(address account => uint256 slot) private _accounts;
    mapping(address account => Thaw) private _thaws;
    mapping(address account => Checkpoints.Trace208) private _votes;

    modifier onlyJobManager() {
        if (msg.sender != jobManager) revert NotJobManager();
        _;
    }

    constructor(address token_, address jobManager_, address pool_, IHolds disputes_, uint64 thawSeconds_) {
        token = token_;
        jobManager = jobManager_;
        pool = pool_;
        disputes = disputes_;
        thawSeconds = thawSeconds_;
    }

    /// @inheritdoc IStaking
    function stake(uint256 amountWei) external nonReentrant {
        uint64 amount = _amount(amountWei);
        uint256 slot = _accounts[msg.sender];
        _setActive(msg.sender, slot, slot.active() + amount);
        emit Staked(msg.sender, amountWei);
        _pull(msg.sender, amountWei);
    }

    /// @inheritdoc IStaking
    function stakeEarnings(uint256 amountWei) external nonReentrant {
        uint64 amount = _amount(amountWei);
        uint256 slot = _spend(msg.sender, _accounts[msg.sender], amount);
        _setActive(msg.sender, slot, slot.active() + amount);
        emit Staked(msg.sender, amountWei);
    }

    /// @inheritdoc IStaking
    function unstake(uint256 amountWei) external nonReentrant {
        uint64 amount = _amount(amountWei);
        uint256 slot = _accounts[msg.sender];
        if (slot.active() - slot.locked() < amount) revert StakeTooLow(msg.sender);
        Thaw storage thaw = _thaws[msg.sender];
        thaw.amountGwei += amount;
        thaw.readyAt = uint64(block.timestamp) + thawSeconds;
        _setActive(msg.sender, slot, slot.active() - amount);
        emit ThawStarted(msg.sender, amountWei, thaw.readyAt);
    }

    /// @inheritdoc IStaking
    function withdrawThawed() external nonReentrant returns (uint256 amountWei) {
        Thaw memory thaw = _thaws[msg.sender];
        if (thaw.amountGwei == 0) revert NothingThawing();
        if (block.timestamp < thaw.readyAt) revert StillThawing(thaw.readyAt);
        uint64 locked = _accounts[msg.sender].locked();
        if (locked != 0) revert StillLocked(Gwei.toWei(locked));
        if (disputes.isHeld(msg.sender)) revert StillHeld();
        delete _thaws[msg.sender];
        amountWei = Gwei.toWei(thaw.amountGwei);
        emit ThawWithdrawn(msg.sender, amountWei);
        IERC20(token).safeTransfer(msg.sender, amountWei);
    }

    /// @inheritdoc IStaking
    function depositCredit(address account, uint256 amountWei) external nonReentrant {
        _credit(account, amountWei);
        _pull(msg.sender, amountWei);
    }

    /// @inheritdoc IStaking
    function depositCreditWithPermit(
        uint256 amountWei,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant {
        // A permit that somebody sent ahead of us is spent, but its allowance is there: go on.
        try IERC20Permit(token).permit(msg.sender, address(this), amountWei, deadline, v, r, s) {} catch {}
        _credit(msg.sender, amountWei);
        _pull(msg.sender, amountWei);
    }

    /// @inheritdoc IStaking
    function depositCreditWithAuthorization(
        address from,
        uint256 amountWei,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external nonReentrant {
        _credit(from, amountWei);
        uint256 before = IERC20(token).balanceOf(address(this));
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        uint8 v = uint8(signature[64]);
        IERC3009(token).receiveWithAuthorization(
            from,
            address(this),
            amountWei,
            validAfter,
            validBefore,
            nonce,
            v,
            r,
            s
        );
        _checkReceived(before, amountWei);
    }

    /// @inheritdoc IStaking
    function withdraw() external returns (uint256 amountWei) {
        amountWei = Gwei.toWei(_accounts[msg.sender].earnings());
        withdrawTo(msg.sender, amountWei);
    }

    /// @inheritdoc IStaking
    function withdrawTo(address to, uint256 amountWei) public nonReentrant {
        uint64 amount = _amount(amountWei);
        _accounts[msg.sender] = _spend(msg.sender, _accounts[msg.sender], amount);
        emit EarningsWithdrawn(msg.sender, to, amountWei);
        IERC20(token).safeTransfer(to, amountWei);
    }

    /// @inheritdoc IStaking
    function flushBurned() external nonReentrant returns (uint256 amountWei) {
        amountWei = Gwei.toWei(_held.burnedGwei);
        _held.burnedGwei = 0;
        emit Burned(amountWei);
        ITrainToken(token).burn(amountWei);
    }

    /// @inheritdoc IStaking
    function escrow(
        address client,
        uint64 amountGwei,
        uint64 slateVersion,
        uint256 evaluators
    ) external onlyJobManager {
        _escrow(client, amountGwei, slateVersion, evaluators);
    }

    /// @inheritdoc IStaking
    function open(
        uint256[] calldata members,
        uint64 lockGwei,
        address client,
        uint64 amountGwei,
        uint64 slateVersion,
        uint256 evaluators
    ) external onlyJobManager {
        unchecked {
            for (uint256 i; i < members.length; ++i) {
                uint256 member = _wordAt(members, i);
                if (!_lockOf(member, lockGwei)) revert StakeTooLow(member.owner());
            }
        }
        _escrow(client, amountGwei, slateVersion, evaluators);
    }

    /// @inheritdoc IStaking
    function lock(
        uint256[] calldata members,
        uint64 amountGwei
    ) external onlyJobManager returns (uint256 lockedMask) {
        unchecked {
            for (uint256 i; i < members.length; ++i) {
                if (_lockOf(_wordAt(members, i), amountGwei)) lockedMask |= 1 << i;
            }
        }
    }

    /// @inheritdoc IStaking
    function settle(
        uint256[] calldata postings,
        uint256 unlocks,
        uint64 burnGwei,
        bool closesJob
    ) external onlyJobManager {
        unchecked {
            uint256 paid = burnGwei; // below 2^64 each, and few
            uint256 week = block.timestamp / 1 weeks;
            for (uint256 i; i < postings.length; ++i) {
                uint256 posting = _wordAt(postings, i);
                paid += posting.creditGwei();
                _post(posting, posting.unlockGwei(unlocks), week);
            }
            uint256 held_ = _loadHeld();
            if (paid > uint64(held_)) revert EscrowTooLow();
            held_ -= paid;
            held_ += uint256(burnGwei) << 64; // not above all escrow there ever was
            if (closesJob) {
                assert(uint56(held_ >> 128) != 0);
                held_ -= 1 << 128;
            }
            _storeHeld(held_);
        }
    }

    /// @inheritdoc IStaking
    function slash(
        address account,
        uint64 amountGwei,
        uint64 unlockGwei,
        uint8 fact
    ) external onlyJobManager returns (uint64 takenGwei) {
        uint256 slot = _accounts[account].unlock(unlockGwei).note(fact, block.timestamp / 1 weeks);
        (slot, takenGwei) = slot.take(amountGwei);
        if (takenGwei < amountGwei) {
            Thaw storage thaw = _thaws[account];
            uint64 fromThaw = _min(thaw.amountGwei, amountGwei - takenGwei);
            if (fromThaw != 0) thaw.amountGwei -= fromThaw;
            takenGwei += fromThaw;
        }
        if (takenGwei < amountGwei) {
            uint64 fromEarnings = _min(slot.earnings(), amountGwei - takenGwei);
            slot = slot.withEarnings(slot.earnings() - fromEarnings);
            takenGwei += fromEarnings;
        }
        _held.escrowGwei += takenGwei;
        _setActive(account, slot, slot.active());
        emit Slashed(account, Gwei.toWei(takenGwei));
    }

    /// @inheritdoc IStaking
    function setPooled(address account, bool isPooled) external {
        if (msg.sender != pool) revert NotPool();
        _accounts[account] = _accounts[account].withPooled(isPooled);
    }

    /// @inheritdoc IStaking
    function setSlate(uint64 version, uint8 members) external {
        if (msg.sender != pool) revert NotPool();
        _held.slateVersion = version;
        _held.slateMembers = members;
    }

    /// @inheritdoc IStaking
    function accountOf(address account) external view returns (Account memory) {
        uint256 slot = _accounts[account];
        return Account(slot.active(), slot.locked(), slot.earnings(), slot.isPooled());
    }

    /// @inheritdoc IStaking
    function activeOf(address[] calldata accounts) external view returns (uint64[] memory activeGwei) {
        activeGwei = new uint64[](accounts.length);
        for (uint256 i; i < accounts.length; ++i) activeGwei[i] = _accounts[accounts[i]].active();
    }

    /// @inheritdoc IStaking
    function thawOf(address account) external view returns (Thaw memory) {
        return _thaws[account];
    }

    /// @inheritdoc IStaking
    function reputationOf(address account) external view returns (Reputation memory) {
        AccountSlot.Facts memory facts = _accounts[account].factsOf(block.timestamp / 1 weeks);
        return
            Reputation(
                uint16(facts.completed),
                uint8(facts.timeouts),
                uint8(facts.invalids),
                int16(facts.score)
            );
    }

    /// @inheritdoc IStaking
    function openJobs() external view returns (uint256) {
        return _held.openJobs;
    }

    /// @inheritdoc IStaking
    function held() external view returns (uint256 escrowWei, uint256 burnedWei) {
        return (Gwei.toWei(_held.escrowGwei), Gwei.toWei(_held.burnedGwei));
    }

    /// @inheritdoc IStaking
    function getPastVotes(address account, uint256 timepoint) external view returns (uint256 votesWei) {
        if (timepoint >= block.timestamp) return 0;
        return uint256(_votes[account].upperLookupRecent(SafeCast.toUint48(timepoint))) * Gwei.UNIT;
    }

    function _post(uint256 posting, uint256 unlockGwei, uint256 week) private {
        uint256 place = _placeOf(posting);
        uint256 slot = _load(place).credited(posting.creditGwei());
        _store(place, slot.unlock(unlockGwei).note(posting.fact(), week));
    }

    /// @dev Locks stake of a member; false where it has not enough.
    function _lockOf(uint256 member, uint256 amountGwei) private returns (bool) {
        unchecked {
            uint256 place = _placeOf(member);
            uint256 slot = _load(place);
            // The lock is never above the active stake.
            if (slot.free() < amountGwei) return false;
            _store(place, slot + (amountGwei << 64));
            return true;
        }
    }

    function _escrow(address client, uint64 amountGwei, uint64 slateVersion, uint256 evaluators) private {
        unchecked {
            uint256 held_ = _loadHeld();
            if (uint64(held_ >> 184) != slateVersion) revert IJobTypes.SlateChanged(uint64(held_ >> 184));
            if (held_ >> 248 < evaluators) revert IJobTypes.TooFewEvaluators(held_ >> 248);
            assert(uint256(uint64(held_)) + amountGwei <= type(uint64).max);
            _storeHeld(held_ + amountGwei + (1 << 128));
            uint256 place = _placeOf(uint160(client));
            uint256 slot = _load(place);
            uint64 fromBalance = _min(slot.earnings(), amountGwei);
            _store(place, slot - (uint256(fromBalance) << 128));
            if (fromBalance < amountGwei) _pullAlone(client, Gwei.toWei(amountGwei - fromBalance));
        }
    }

    /// @dev Pulls as the last step of a call that touches the token in no other case.
    function _pullAlone(address from, uint256 amountWei) private nonReentrant {
        _pull(from, amountWei);
    }

    /// @dev words[i], for i below the length.
    function _wordAt(uint256[] calldata words, uint256 i) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(add(words.offset, shl(5, i)))
        }
    }

    /// @dev Where the slot of the account in a word's low bits stands: `_accounts[account]`.
    function _placeOf(uint256 word) private pure returns (uint256 place) {
        assembly ("memory-safe") {
            mstore(0, shr(96, shl(96, word)))
            mstore(32, _accounts.slot)
            place := keccak256(0, 64)
        }
    }

    function _load(uint256 place) private view returns (uint256 slot) {
        assembly ("memory-safe") {
            slot := sload(place)
        }
    }

    function _store(uint256 place, uint256 slot) private {
        assembly ("memory-safe") {
            sstore(place, slot)
        }
    }

    /// @dev `Held` in one word, its fields from the low bits on.
    function _loadHeld() private view returns (uint256 word) {
        assembly ("memory-safe") {
            word := sload(_held.slot)
        }
    }

    function _storeHeld(uint256 word) private {
        assembly ("memory-safe") {
            sstore(_held.slot, word)
        }
    }

    /// @dev Stores a slot with a new active stake; votes and the pool follow where it changed.
    function _setActive(address account, uint256 slot, uint64 active) private {
        bool isChanged = _accounts[account].active() != active;
        _accounts[account] = slot.withActive(active);
        if (!isChanged) return;
        _votes[account].push(Time.timestamp(), active);
        if (slot.isPooled()) IEvaluatorPool(pool).follow(account, active);
    }

    function _credit(address account, uint256 amountWei) private {
        uint64 amount = _amount(amountWei);
        uint256 slot = _accounts[account];
        _accounts[account] = slot.withEarnings(slot.earnings() + amount);
        emit Deposited(account, amountWei);
    }

    /// @dev The slot without `amount` of its earnings; the caller stores it.
    function _spend(address account, uint256 slot, uint64 amount) private pure returns (uint256) {
        if (slot.earnings() < amount) revert EarningsTooLow(account);
        return slot.withEarnings(slot.earnings() - amount);
    }

    function _pull(address from, uint256 amountWei) private {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(from, address(this), amountWei);
        _checkReceived(before, amountWei);
    }

    function _checkReceived(uint256 before, uint256 amountWei) private view {
        uint256 received = IERC20(token).balanceOf(address(this)) - before;
        if (received != amountWei) revert BadTransfer(received, amountWei);
    }

    function _amount(uint256 amountWei) private pure returns (uint64) {
        if (amountWei == 0) revert BadAmount(amountWei);
        return Gwei.fromWei(amountWei);
    }

    function _min(uint64 a, uint64 b) private pure returns (uint64) {
        return a < b ? a : b;
    }
}
