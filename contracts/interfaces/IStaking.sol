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
    /// @param readyAt unix seconds from which it may be withdrawn, if nothing is locked then
    struct Thaw {
        uint64 amountGwei;
        uint64 readyAt;
    }

    /// @notice One posting to an account when a job ends or moves on.
    /// @param unlockGwei lock to release
    /// @param creditGwei earnings to add, out of the escrow
    struct Posting {
        address account;
        uint64 unlockGwei;
        uint64 creditGwei;
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

    /// @notice Moves the client's balance into escrow; what it lacks is pulled by allowance. Only the job manager.
    function escrow(address client, uint64 amountGwei) external;

    /// @notice Locks active stake of each account. Only the job manager.
    function lock(address[] calldata accounts, uint64 amountGwei) external;

    /// @notice Releases locks and pays out of the escrow; `burnGwei` of the escrow is burned. Only the job manager.
    function settle(Posting[] calldata postings, uint64 burnGwei) external;

    /// @notice Takes stake: active first, then thawing, then earnings. The lock is released as far as it is named.
    /// Only the job manager; the taken amount joins the escrow and is paid out by `settle`.
    /// @param account who loses
    /// @param amountGwei how much, at most
    /// @param unlockGwei lock of this job to release
    /// @return takenGwei how much was there
    function slash(address account, uint64 amountGwei, uint64 unlockGwei) external returns (uint64 takenGwei);

    /// @notice Tells whether the pool follows the account's stake. Only the evaluator pool.
    function setPooled(address account, bool isPooled) external;

    /// @notice Stake, lock and earnings of an account.
    function accountOf(address account) external view returns (Account memory);

    /// @notice Active stake of each account, in 1e9 wei.
    function activeOf(address[] calldata accounts) external view returns (uint64[] memory activeGwei);

    /// @notice Leaving stake of an account.
    function thawOf(address account) external view returns (Thaw memory);

    /// @notice Money of jobs that has no receiver yet, and money burned but not yet destroyed, in wei.
    function held() external view returns (uint256 escrowWei, uint256 burnedWei);

    /// @notice Active stake of an account at a past time; thawing stake has no votes.
    function getPastVotes(address account, uint256 timepoint) external view returns (uint256 votesWei);
}
