// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IValidatorSet} from "./interfaces/IValidatorSet.sol";
import {Bls} from "./libraries/Bls.sol";
import {Equivocation} from "./libraries/Equivocation.sol";
import {Gwei} from "./libraries/Gwei.sol";

/// @title Implements IValidatorSet.
contract ValidatorSet is IValidatorSet, ReentrancyGuardTransient {
    uint256 public constant VALIDATORS_MAX = 128;
    uint256 public constant SEATS_MAX = VALIDATORS_MAX + 4096;
    uint256 public constant PEER_ID_BYTES_MAX = 64;
    /// @dev Part of a convicted stake that the reporter gets.
    uint256 private constant REPORTER_PART = 10;
    uint64 private constant GWEI_PER_COIN = 1e9;
    /// @dev Epochs until an entry or an exit takes effect: every node has read it when its epoch begins.
    uint32 private constant NOTICE_EPOCHS = 2;

    uint256 public immutable epochBlocks;
    uint64 public immutable stakeMinGwei;
    uint64 public immutable bondMinGwei;
    uint64 public immutable thawSeconds;

    /// @dev The first thing in storage: seat i is in slots 3i to 3i + 2, see IValidatorSet.
    Seat[SEATS_MAX] private _seats;
    /// @dev Voting seats, then the others: how many were ever taken, and which are free again.
    uint256[2] private _taken;
    uint256[][2] private _free;
    mapping(address owner => uint256 seatPlusOne) private _seatOf;
    mapping(bytes32 keyHash => bool) private _isKnown;
    /// @inheritdoc IValidatorSet
    uint256 public burnedWei;

    constructor(uint256 epochBlocks_, uint64 stakeMinGwei_, uint64 bondMinGwei_, uint64 thawSeconds_) {
        epochBlocks = epochBlocks_;
        stakeMinGwei = stakeMinGwei_;
        bondMinGwei = bondMinGwei_;
        thawSeconds = thawSeconds_;
    }

    /// @inheritdoc IValidatorSet
    function join(
        bool votes,
        bytes calldata key,
        bytes calldata proof,
        bytes calldata peerId
    ) external payable returns (uint256 seat) {
        uint256 minimum = Gwei.toWei(votes ? stakeMinGwei : bondMinGwei);
        if (msg.value < minimum) revert StakeTooSmall(msg.value, minimum);
        if (_seatOf[msg.sender] != 0) revert SeatExists(_seatOf[msg.sender] - 1);
        if (peerId.length > PEER_ID_BYTES_MAX) revert PeerIdTooLong(peerId.length);
        (bytes32 high, bytes16 low) = _checkKey(key, proof);
        seat = _take(votes);
        // The validators of the first epoch are those of the genesis.
        uint32 from = block.number == 0 ? 0 : epoch() + NOTICE_EPOCHS;
        uint64 stakeGwei = Gwei.fromWei(msg.value);
        _seats[seat] = Seat(
            high,
            type(uint32).max,
            from,
            stakeGwei,
            low,
            msg.sender,
            uint48(block.number),
            0
        );
        _seatOf[msg.sender] = seat + 1;
        emit SeatTaken(seat, msg.sender, high, low, stakeGwei, from, peerId);
    }

    /// @inheritdoc IValidatorSet
    function exit() external {
        uint256 number = _numberOf(msg.sender);
        Seat storage seat = _seats[number];
        if (seat.readyAt != 0) revert AlreadyLeaving(number);
        _bindUntil(number, seat);
    }

    /// @inheritdoc IValidatorSet
    function free(uint256 number) external nonReentrant returns (uint256 paidWei) {
        Seat memory seat = _seats[number];
        if (seat.owner == address(0)) revert NoSeat(address(0));
        bool isBound = seat.readyAt == 0 || block.timestamp < seat.readyAt || epoch() < seat.untilEpoch;
        if (isBound) revert StillBound(seat.readyAt, seat.untilEpoch);
        paidWei = Gwei.toWei(seat.stakeGwei);
        delete _seats[number];
        delete _seatOf[seat.owner];
        _free[number < VALIDATORS_MAX ? 0 : 1].push(number);
        emit SeatFreed(number, paidWei);
        _send(seat.owner, paidWei);
    }

    /// @inheritdoc IValidatorSet
    function convict(
        uint256 number,
        Statement calldata first,
        Statement calldata second,
        bytes calldata key,
        bytes calldata signature
    ) external nonReentrant {
        Seat storage seat = _seats[number];
        uint256 stakeWei = Gwei.toWei(seat.stakeGwei);
        if (stakeWei == 0) revert NoSeat(seat.owner);
        if (!_isProven(seat, first, second, key, signature)) revert NotProven();
        uint256 rewardWei = stakeWei / REPORTER_PART;
        seat.stakeGwei = 0;
        burnedWei += stakeWei - rewardWei;
        if (seat.readyAt == 0) _bindUntil(number, seat);
        emit Convicted(number, msg.sender, first, second, stakeWei - rewardWei);
        _send(msg.sender, rewardWei);
    }

    /// @inheritdoc IValidatorSet
    function seatAt(uint256 number) external view returns (Seat memory) {
        return _seats[number];
    }

    /// @inheritdoc IValidatorSet
    function seatOf(address owner) external view returns (uint256 number, Seat memory seat) {
        number = _numberOf(owner);
        seat = _seats[number];
    }

    /// @inheritdoc IValidatorSet
    function setOf(uint32 epoch_) external view returns (uint256[] memory seats, uint64[] memory weights) {
        uint256 most = _taken[0];
        seats = new uint256[](most);
        weights = new uint64[](most);
        uint256 count;
        for (uint256 i; i < most; ++i) {
            Seat storage seat = _seats[i];
            uint64 weight = seat.stakeGwei / GWEI_PER_COIN;
            if (weight == 0 || seat.fromEpoch > epoch_ || epoch_ >= seat.untilEpoch) continue;
            seats[count] = i;
            weights[count++] = weight;
        }
        assembly ("memory-safe") {
            mstore(seats, count)
            mstore(weights, count)
        }
    }

    /// @inheritdoc IValidatorSet
    function epoch() public view returns (uint32) {
        return uint32(block.number / epochBlocks);
    }

    /// @dev The compressed key, after its proof is checked and it is noted as used.
    function _checkKey(bytes calldata key, bytes calldata proof) private returns (bytes32 high, bytes16 low) {
        if (key.length != 128) revert BadProof();
        (high, low) = Bls.compress(key);
        bytes[] memory messages = new bytes[](1);
        messages[0] = abi.encodePacked("quern/seat/1", uint64(block.chainid), msg.sender, high, low);
        if (!Bls.isSigned(key, messages, proof)) revert BadProof();
        bytes32 keyHash = keccak256(abi.encodePacked(high, low));
        if (_isKnown[keyHash]) revert KeyKnown();
        _isKnown[keyHash] = true;
    }

    function _isProven(
        Seat storage seat,
        Statement calldata first,
        Statement calldata second,
        bytes calldata key,
        bytes calldata signature
    ) private view returns (bool) {
        if (key.length != 128 || !Equivocation.isConflict(first, second)) return false;
        (bytes32 high, bytes16 low) = Bls.compress(key);
        if (seat.keyHigh != high || seat.keyLow != low) return false;
        bytes[] memory messages = new bytes[](2);
        messages[0] = Equivocation.signingBytes(first);
        messages[1] = Equivocation.signingBytes(second);
        return Bls.isSigned(key, messages, signature);
    }

    function _take(bool votes) private returns (uint256 seat) {
        uint256 kind = votes ? 0 : 1;
        uint256[] storage freed = _free[kind];
        if (freed.length != 0) {
            seat = freed[freed.length - 1];
            freed.pop();
            return seat;
        }
        seat = _taken[kind]++;
        if (seat >= (votes ? VALIDATORS_MAX : SEATS_MAX - VALIDATORS_MAX)) revert SetFull();
        if (!votes) seat += VALIDATORS_MAX;
    }

    function _bindUntil(uint256 number, Seat storage seat) private {
        seat.untilEpoch = epoch() + NOTICE_EPOCHS;
        seat.readyAt = uint40(block.timestamp + thawSeconds);
        emit SeatLeft(number, seat.untilEpoch, seat.readyAt);
    }

    function _numberOf(address owner) private view returns (uint256 number) {
        number = _seatOf[owner];
        if (number == 0) revert NoSeat(owner);
        --number;
    }

    function _send(address to, uint256 amountWei) private {
        (bool sent, ) = to.call{value: amountWei}("");
        if (!sent) revert SendFailed(to);
    }
}
