// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Who finalises blocks by stake, and who may lead blocks by work: keys, stake, exits, and the price of two faces.
/// @notice A seat is a BLS12-381 key with a stake in native coin. Seats 0 to 127 vote; the others only lead blocks that
/// their work won. The set of epoch E are the voting seats with fromEpoch <= E < untilEpoch and stake; consensus reads
/// it two heights before E begins, and entries and exits take effect two epochs after they are asked for.
///
/// Storage, for reading without a call: seat i stands in slots 3i to 3i + 2. Slot 3i: first 32 bytes of the compressed
/// key. Slot 3i + 1, from the low bits on: untilEpoch 32 | fromEpoch 32 | stake 64 in 1e9 wei | last 16 bytes of the key.
/// Slot 3i + 2: owner 160 | sinceHeight 48 | readyAt 40.
interface IValidatorSet {
    /// @param untilEpoch first epoch without the seat; the largest number while nobody asked to leave
    /// @param fromEpoch first epoch with it
    /// @param sinceHeight height at which it was taken
    /// @param readyAt unix seconds from which the stake may be taken back; zero while nobody asked to leave
    struct Seat {
        bytes32 keyHigh;
        uint32 untilEpoch;
        uint32 fromEpoch;
        uint64 stakeGwei;
        bytes16 keyLow;
        address owner;
        uint48 sinceHeight;
        uint40 readyAt;
    }

    /// @notice What a validator signed.
    /// @param kind 0 proposal, 1 notarize, 2 nullify, 3 finalize
    /// @param parentView of a proposal, else zero
    /// @param root of the block; zero in a nullify vote
    struct Statement {
        uint8 kind;
        uint64 epoch;
        uint64 consensusView;
        uint64 parentView;
        bytes32 root;
    }

    event SeatTaken(
        uint256 indexed seat,
        address indexed owner,
        bytes32 keyHigh,
        bytes16 keyLow,
        uint64 stakeGwei,
        uint32 fromEpoch,
        bytes peerId
    );
    event SeatLeft(uint256 indexed seat, uint32 untilEpoch, uint40 readyAt);
    event SeatFreed(uint256 indexed seat, uint256 paidWei);
    /// @notice Two statements that exclude each other were signed with a seat's key; its stake is gone.
    event Convicted(
        uint256 indexed seat,
        address indexed reporter,
        Statement first,
        Statement second,
        uint256 burnedWei
    );

    error StakeTooSmall(uint256 amountWei, uint256 minimumWei);
    /// @notice An account has one seat, a key never more than one.
    error SeatExists(uint256 seat);
    error KeyKnown();
    error SetFull();
    /// @notice The proof is not the key's signature over "quern/seat/1" | chainId | owner | key.
    error BadProof();
    error PeerIdTooLong(uint256 sizeBytes);
    error NoSeat(address account);
    error AlreadyLeaving(uint256 seat);
    error StillBound(uint256 readyAt, uint256 untilEpoch);
    /// @notice The statements do not exclude each other, or the key did not sign both.
    error NotProven();
    error SendFailed(address to);

    /// @notice Takes a seat for the sender, with the sent coin as stake.
    /// @param votes whether it is a validator's; else it only leads by work
    /// @param key uncompressed, 128 bytes, as EIP-2537 encodes it
    /// @param proof the key's signature (256 bytes) over "quern/seat/1" | chainId (8 bytes) | owner (20) | key (48,
    /// compressed): proves possession, and that the key wants this owner
    /// @param peerId libp2p peer id, 64 bytes at most
    function join(
        bool votes,
        bytes calldata key,
        bytes calldata proof,
        bytes calldata peerId
    ) external payable returns (uint256 seat);

    /// @notice Asks to leave; the stake stays within reach of evidence until it is taken back.
    function exit() external;

    /// @notice Pays a left seat's stake to its owner and frees the seat. Anyone may call.
    function free(uint256 seat) external returns (uint256 paidWei);

    /// @notice Takes the whole stake of a seat whose key signed two statements that exclude each other. The reporter gets a
    /// tenth, the rest is burned: it stays here for ever. Reporting oneself loses.
    /// @param signature sum of the signatures over both statements, 256 bytes
    function convict(
        uint256 seat,
        Statement calldata first,
        Statement calldata second,
        bytes calldata key,
        bytes calldata signature
    ) external;

    /// @notice The epoch of the present block.
    function epoch() external view returns (uint32);

    function seatAt(uint256 seat) external view returns (Seat memory);

    /// @notice Number of an account's seat, and the seat. Reverts with NoSeat.
    function seatOf(address owner) external view returns (uint256 seat, Seat memory);

    /// @notice The validators of an epoch by seat, with their weights in whole coins.
    function setOf(uint32 epoch_) external view returns (uint256[] memory seats, uint64[] memory weights);

    function burnedWei() external view returns (uint256);
}
