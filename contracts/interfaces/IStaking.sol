// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Stake, locks, thawing, slashing, and the pull ledger of earnings. Holds every TRAIN of the market.
/// @notice Stake, lock and earnings of an account stand in one slot, in units of 1e9 wei ("gwei").
interface IStaking {
    /// @param activeGwei staked, locked part included
    /// @param lockedGwei part of the active stake that running jobs hold
    /// @param earningsGwei free balance: earnings and prepaid deposits
    /// @param isPooled whether the evaluator pool follows the stake
    struct Account {
        uint64 activeGwei;
        uint64 lockedGwei;
        uint64 earningsGwei;
        bool isPooled;
    }

    /// @param amountGwei leaving stake
    /// @param readyAt unix seconds from which it may be withdrawn, if nothing is locked and no dispute holds it
    struct Thaw {
        uint64 amountGwei;
        uint64 readyAt;
    }

    /// @notice Facts about an account; the score starts at 0 and cannot be moved to another account.
    /// @param completed jobs done, evaluations included
    /// @param timeouts times it kept silent
    /// @param invalids times its work or word was found wrong
    /// @param score +10 completed, -20 timed out, -50 invalid; 1 % less a week while above 0; -1000 to 30000
    struct Reputation {
        uint16 completed;
        uint8 timeouts;
        uint8 invalids;
        int16 score;
    }

    event Staked(address indexed account, uint256 amountWei);
    event ThawStarted(address indexed account, uint256 amountWei, uint256 readyAt);
    event ThawWithdrawn(address indexed account, uint256 amountWei);
    event Deposited(address indexed account, uint256 amountWei);
    event EarningsWithdrawn(address indexed account, address indexed to, uint256 amountWei);
    event Slashed(address indexed account, uint256 amountWei);
    event Burned(uint256 amountWei);

    error NotJobManager();
    error NotPool();
    /// @notice Amounts are whole multiples of 1e9 wei and above zero.
    error BadAmount(uint256 amountWei);
    /// @notice The token moved another amount than asked for.
    error BadTransfer(uint256 receivedWei, uint256 amountWei);
    /// @notice The active stake that is not locked is too small.
    error StakeTooLow(address account);
    error EarningsTooLow(address account);
    error StillThawing(uint256 readyAt);
    /// @notice No withdrawal of stake while a job refers to the account.
    error StillLocked(uint256 lockedWei);
    /// @notice No withdrawal of stake while a claim of the account is disputed, or was lost a short while ago.
    error StillHeld();
    error NothingThawing();
    /// @notice More would be credited than escrow is held: a bug of the job manager.
    error EscrowTooLow();

    /// @notice Stakes TRAIN of the sender (approved before).
    function stake(uint256 amountWei) external;

    /// @notice Moves earnings of the sender to its stake.
    function stakeEarnings(uint256 amountWei) external;

    /// @notice Starts to thaw stake that is not locked. A second call adds and restarts the clock.
    function unstake(uint256 amountWei) external;

    /// @notice Sends the sender its thawed stake.
    /// @return amountWei how much
    function withdrawThawed() external returns (uint256 amountWei);

    /// @notice Adds TRAIN of the sender (approved before) to the balance of an account.
    function depositCredit(address account, uint256 amountWei) external;

    /// @notice Like `depositCredit` for the sender, with an EIP-2612 permit in place of an approval.
    function depositCreditWithPermit(
        uint256 amountWei,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Like `depositCredit` for `from`, by its ERC-3009 authorization to this contract. Anyone may send.
    function depositCreditWithAuthorization(
        address from,
        uint256 amountWei,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;

    /// @notice Sends the sender all of its earnings.
    /// @return amountWei how much
    function withdraw() external returns (uint256 amountWei);

    /// @notice Sends earnings of the sender to another address.
    function withdrawTo(address to, uint256 amountWei) external;

    /// @notice Destroys what was burned so far. Anyone may call.
    /// @return amountWei how much
    function flushBurned() external returns (uint256 amountWei);

    /// @notice Moves the client's balance into escrow and counts an open job; what the balance lacks is pulled by
    /// allowance. Reverts with SlateChanged or TooFewEvaluators where the slate is not what the client
    /// sealed its key to. Only the job manager.
    function escrow(address client, uint64 amountGwei, uint64 slateVersion, uint256 evaluators) external;

    /// @notice Locks active stake of all members, then does what `escrow` does. Reverts with StakeTooLow where a member
    /// has not enough. Only the job manager.
    /// @param members one word each, see `libraries/Member.sol`
    function open(
        uint256[] calldata members,
        uint64 lockGwei,
        address client,
        uint64 amountGwei,
        uint64 slateVersion,
        uint256 evaluators
    ) external;

    /// @notice Locks active stake of each account that has enough. Only the job manager.
    /// @param members one word each, see `libraries/Member.sol`
    /// @return lockedMask bit i is set when the lock of members[i] was taken
    function lock(uint256[] calldata members, uint64 amountGwei) external returns (uint256 lockedMask);

    /// @notice Releases locks, pays out of the escrow, notes facts; `burnGwei` of the escrow is burned. Only the job
    /// manager.
    /// @param postings one word each, see `libraries/Posting.sol`
    /// @param unlocks the two amounts of locks to release: 64 bits each, in gwei
    /// @param closesJob whether the number of open jobs falls by one
    function settle(uint256[] calldata postings, uint256 unlocks, uint64 burnGwei, bool closesJob) external;

    /// @notice Takes stake: active first, then thawing, then earnings. Only the job manager; the taken amount joins
    /// the escrow and is paid out by `settle`.
    /// @param account who loses
    /// @param amountGwei how much, at most
    /// @param unlockGwei lock of this job to release
    /// @param fact 2 timed out, 3 invalid
    /// @return takenGwei how much was there
    function slash(
        address account,
        uint64 amountGwei,
        uint64 unlockGwei,
        uint8 fact
    ) external returns (uint64 takenGwei);

    /// @notice Tells whether the pool follows the account's stake. Only the evaluator pool.
    function setPooled(address account, bool isPooled) external;

    /// @notice Mirrors the head of the evaluators' slate here, in the slot that every posting writes anyway. Only
    /// the evaluator pool.
    function setSlate(uint64 version, uint8 members) external;

    /// @notice Stake, lock and earnings of an account.
    function accountOf(address account) external view returns (Account memory);

    /// @notice Active stake of each account, in 1e9 wei.
    function activeOf(address[] calldata accounts) external view returns (uint64[] memory activeGwei);

    /// @notice Leaving stake of an account.
    function thawOf(address account) external view returns (Thaw memory);

    /// @notice Facts about an account, its score as of now.
    function reputationOf(address account) external view returns (Reputation memory);

    /// @notice Jobs with money in escrow.
    function openJobs() external view returns (uint256);

    /// @notice Money of jobs that has no receiver yet, and money burned but not yet destroyed, in wei.
    function held() external view returns (uint256 escrowWei, uint256 burnedWei);

    /// @notice Active stake of an account at a past time; thawing stake has no votes.
    function getPastVotes(address account, uint256 timepoint) external view returns (uint256 votesWei);
}
